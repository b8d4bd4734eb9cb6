//! What must hold between the objects of any plan.

use operator_runtime::Plan;
use promop_compat::model::Labels;
use serde_json::{Map, Value, json};
use thanos_ruler_controller::plan::monitors;
use thanos_workload::testing::{Given, problems};

use crate::case::{self, Case, UID, bodies};
use crate::goldens;

const NAME: &str = "app.kubernetes.io/name";

/// Prometheus Operator finds what belongs to its own ThanosRulers by labels with these keys.
const KEYS_OF_OTHERS: [&str; 3] = ["thanos-ruler", "thanos-ruler-name", "managed-by"];

/// What the API server takes of a ConfigMap.
const MOST: usize = 1 << 20;

fn given(case: &Case, plan: &Plan) -> Given {
    let spec = case.ruler().spec;
    // What is left alone is there.
    let left = goldens::left(case, plan);
    Given {
        names: case.given.iter().cloned().chain(left).collect(),
        ..Given::by([&spec.common])
    }
}

/// Also used by the walk over all fields.
pub fn check(name: &str, case: &Case, plan: &Plan) {
    let objects = bodies(plan);
    let mut problems = problems(&objects, UID, &given(case, plan));
    problems.extend(own_problems(&objects));
    assert!(problems.is_empty(), "{name}: {problems:#?}");
}

fn kind<'a>(objects: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |o| o["kind"] == kind)
}

fn fields(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().map(Map::iter).into_iter().flatten()
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let mut selector = fields(selector).peekable();
    selector.peek().is_some() && selector.all(|(key, value)| labels.get(key) == Some(value))
}

/// What must hold of the plan of a ThanosRuler.
fn own_problems(objects: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |is: bool, what: String| problems.extend(is.then_some(what));

    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap();
        wrong(
            name.starts_with("thanos-ruler"),
            format!("Prometheus Operator may take {name} for its own"),
        );
        let template = &object["spec"]["template"]["metadata"]["labels"];
        for (key, value) in fields(&object["metadata"]["labels"]).chain(fields(template)) {
            let is_by_key = KEYS_OF_OTHERS.contains(&key.as_str()) || key.starts_with("operated-");
            let is_by_value = value == "thanos-ruler" || value == "prometheus-operator";
            wrong(
                is_by_key || is_by_value,
                format!("Prometheus Operator may select {name} by {key}={value}"),
            );
        }
        if object["kind"] == "ConfigMap" {
            let bytes = object.to_string().len();
            wrong(bytes > MOST, format!("{name} has {bytes} bytes"));
        }
    }

    for set in kind(objects, "StatefulSet") {
        let labels = &set["spec"]["template"]["metadata"]["labels"];
        let services = kind(objects, "Service").filter(|s| selects(&s["spec"]["selector"], labels));
        let scraped = services.filter(|s| s["metadata"]["labels"][NAME] == "thanos");
        wrong(scraped.count() != 1, "it is not scraped once".to_owned());
        agreements(set, objects, &mut wrong);
        reloader(set, &mut wrong);
        mounts(set, objects, &mut wrong);
    }
    problems
}

fn container<'a>(set: &'a Value, name: &str) -> &'a Value {
    let all = set["spec"]["template"]["spec"]["containers"].as_array();
    let mut all = all.unwrap().iter();
    all.find(|c| c["name"] == name).unwrap_or(&Value::Null)
}

/// The values of a flag.
pub fn flag<'a>(container: &'a Value, name: &str) -> Vec<&'a str> {
    let args = container["args"].as_array().into_iter().flatten();
    let args = args.filter_map(Value::as_str);
    let prefix = format!("--{name}=");
    args.filter_map(|arg| arg.strip_prefix(&prefix)).collect()
}

/// Four things must agree for replicas to be told apart by nobody but queriers: each has a label of
/// its own, alerts do not have it, queriers are told of it, and all have the same rule files.
fn agreements(set: &Value, objects: &[Value], wrong: &mut impl FnMut(bool, String)) {
    let thanos = container(set, "thanos-rule");
    let dropped = flag(thanos, "alert.label-drop");
    let labels = flag(thanos, "label");
    let names = |of_pod: bool| {
        let all = labels.iter().filter_map(|label| label.split_once('='));
        let of_pod = all.filter(move |(_, value)| {
            let is = value.contains("$(POD_NAME)") || value.contains("$(NAME)");
            is == of_pod
        });
        of_pod.map(|(name, _)| name).collect::<Vec<_>>()
    };
    let own = names(true);
    wrong(own.is_empty(), "replicas make the same series".to_owned());
    for label in &own {
        wrong(
            !dropped.contains(label),
            format!("alerts of replicas differ in {label}"),
        );
    }
    let told = kind(objects, "Service").filter_map(|s| {
        let labels = &s["metadata"]["labels"];
        labels["operator.thanos.io/replica-label"].as_str()
    });
    let told: Vec<&str> = told.collect();
    wrong(
        told.len() != 1 || !own.contains(&told[0]),
        format!("queriers are told of {told:?}, and replicas differ in {own:?}"),
    );
    wrong(
        !names(false).contains(&"thanos_rule"),
        "nobody can tell which ThanosRuler a series is of".to_owned(),
    );
    // What marks the alerts that are not sent must come through.
    wrong(
        dropped.contains(&"thanos_shadow") || names(false).contains(&"thanos_shadow"),
        "alerts of shadowed rules are sent".to_owned(),
    );
}

/// The reloader watches what Thanos reads, and asks where it listens.
fn reloader(set: &Value, wrong: &mut impl FnMut(bool, String)) {
    let (thanos, reloader) = (
        container(set, "thanos-rule"),
        container(set, "config-reloader"),
    );
    let watched = flag(reloader, "watched-dir").concat();
    wrong(
        flag(thanos, "rule-file") != [format!("{watched}/*.yaml")],
        format!("the reloader watches {watched:?}"),
    );
    let folder = |container: &Value| {
        let mounts = container["volumeMounts"].as_array().cloned();
        let mut mounts = mounts.into_iter().flatten();
        mounts
            .find(|m| m["mountPath"] == watched.as_str())
            .map(|m| m["name"].clone())
    };
    wrong(
        folder(thanos).is_none() || folder(thanos) != folder(reloader),
        "the reloader sees other files".to_owned(),
    );
    let listens = flag(thanos, "http-address").concat();
    let prefix = flag(thanos, "web.route-prefix").concat();
    let prefix = match prefix.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    };
    wrong(
        flag(reloader, "reload-url") != [format!("http://localhost{listens}{prefix}/-/reload")],
        "the reloader asks somewhere else".to_owned(),
    );
}

/// Every file that a flag names is in a volume that is mounted there; and every ConfigMap is mounted.
fn mounts(set: &Value, objects: &[Value], wrong: &mut impl FnMut(bool, String)) {
    let thanos = container(set, "thanos-rule");
    let spec = &set["spec"]["template"]["spec"];
    let volumes = || spec["volumes"].as_array().unwrap().iter();
    let data = |name: &str| {
        let mut maps = kind(objects, "ConfigMap");
        maps.find(|o| o["metadata"]["name"] == name)
            .map(|o| o["data"].clone())
    };
    for name in [
        "query.config-file",
        "alertmanagers.config-file",
        "alert.relabel-config-file",
        "remote-write.config-file",
    ] {
        for path in flag(thanos, name) {
            let (folder, file) = path.rsplit_once('/').unwrap();
            let mut mounts = thanos["volumeMounts"].as_array().unwrap().iter();
            let mount = mounts.find(|m| m["mountPath"] == folder);
            let volume = volumes().find(|v| Some(&v["name"]) == mount.map(|m| &m["name"]));
            let map = volume.and_then(|v| v["configMap"]["name"].as_str());
            let content = map.and_then(data).map(|data| data[file].clone());
            wrong(
                content.is_none_or(|c| !c.is_string()),
                format!("{path} is not there"),
            );
        }
    }
    let projected = volumes().filter_map(|v| v["projected"]["sources"].as_array());
    let projected = projected.flatten().map(|s| &s["configMap"]["name"]);
    let whole = volumes().map(|v| &v["configMap"]["name"]);
    let mounted: Vec<&Value> = projected.chain(whole).collect();
    for map in kind(objects, "ConfigMap") {
        let name = &map["metadata"]["name"];
        wrong(!mounted.contains(&name), format!("{name} is not mounted"));
    }
}

#[test]
fn hold_in_every_case() {
    for (name, case) in case::all() {
        check(&name, &case, &case.plan().unwrap());
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    for (name, case) in case::all() {
        let bytes = || serde_json::to_vec(&case.bodies()).unwrap();
        assert_eq!(bytes(), bytes(), "{name}");
        let mut reversed = case.clone();
        reversed.objects.reverse();
        reversed.queriers.reverse();
        reversed.routers.reverse();
        assert_eq!(
            bytes(),
            serde_json::to_vec(&reversed.bodies()).unwrap(),
            "{name}: the order in which objects come"
        );
    }
}

#[test]
fn the_status_knows_the_service_monitors_of_the_plan() {
    let mut compared = 0;
    for (name, case) in case::all() {
        let planned: Vec<(String, Labels)> = kind(&case.bodies(), "ServiceMonitor")
            .map(|o| {
                let labels = serde_json::from_value(o["metadata"]["labels"].clone()).unwrap();
                let name = o["metadata"]["name"].as_str().unwrap();
                (name.to_owned(), labels)
            })
            .collect();
        if !planned.is_empty() {
            assert_eq!(monitors(&case.ruler()), planned, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 1, "only {compared} plans have ServiceMonitors");
}

/// The checks of this file find what they are for, and so do the shared ones of volumes that are made
/// of several ConfigMaps, and of a second container.
#[test]
fn checks_find_mistakes() {
    let case = case::named("everything");
    let plan = case.plan().unwrap();
    let good = bodies(&plan);
    let all = |objects: &[Value]| {
        let mut found = problems(objects, UID, &given(&case, &plan));
        found.extend(own_problems(objects));
        found
    };
    assert_eq!(all(&good), Vec::<String>::new());
    let broken = |kind: &str, words: &str, change: &dyn Fn(&mut Value)| {
        let mut objects = good.clone();
        change(objects.iter_mut().find(|o| o["kind"] == kind).unwrap());
        let found = all(&objects);
        assert!(
            found.iter().any(|f| f.contains(words)),
            "{words}: {found:?}"
        );
    };
    let argument = |of: usize, from: &'static str, to: &'static str| {
        move |o: &mut Value| {
            let args = &mut o["spec"]["template"]["spec"]["containers"][of]["args"];
            let text = args.to_string();
            assert!(text.contains(from), "no {from} in {text}");
            *args = serde_json::from_str(&text.replace(from, to)).unwrap();
        }
    };
    broken("Service", "take", &|o| {
        o["metadata"]["name"] = json!("thanos-ruler-main");
    });
    broken("ConfigMap", "select", &|o| {
        o["metadata"]["labels"]["thanos-ruler-name"] = json!("main");
    });
    broken("StatefulSet", "select", &|o| {
        o["spec"]["template"]["metadata"]["labels"][NAME] = json!("thanos-ruler");
    });
    broken("ConfigMap", "bytes", &|o| {
        o["data"]["x"] = json!("x".repeat(MOST));
    });
    broken("Service", "not scraped once", &|o| {
        o["metadata"]["labels"][NAME] = json!("thanos-rule");
    });
    broken("Service", "are told of", &|o| {
        o["metadata"]["labels"]["operator.thanos.io/replica-label"] = json!("other");
    });
    for (of, from, to, words) in [
        (0, "alert.label-drop=pod", "alert.label-drop=x", "differ in"),
        (0, "=thanos_rule=", "=other=", "which ThanosRuler"),
        (
            0,
            "alert.label-drop=cluster",
            "alert.label-drop=thanos_shadow",
            "are sent",
        ),
        (
            0,
            "/etc/thanos/rules/*.yaml",
            "/etc/rules/*.yaml",
            "watches",
        ),
        (0, "config/query.yaml", "config/other.yaml", "is not there"),
        (1, "/rules/-/reload", "/-/reload", "somewhere else"),
    ] {
        broken("StatefulSet", words, &argument(of, from, to));
    }
    broken("StatefulSet", "other files", &|o| {
        let mount = "/spec/template/spec/containers/1/volumeMounts/0/name";
        *o.pointer_mut(mount).unwrap() = json!("config");
    });
    broken("StatefulSet", "refers to nothing", &|o| {
        let source = "/spec/template/spec/volumes/0/projected/sources/0/configMap";
        *o.pointer_mut(source).unwrap() = json!({"name": "other"});
    });
    broken("StatefulSet", "readOnlyRootFilesystem", &|o| {
        let security = "/spec/template/spec/containers/1/securityContext";
        *o.pointer_mut(security).unwrap() = json!({});
    });
    broken("StatefulSet", "is not mounted", &|o| {
        let sources = "/spec/template/spec/volumes/0/projected/sources";
        *o.pointer_mut(sources).unwrap() = json!([]);
    });
}
