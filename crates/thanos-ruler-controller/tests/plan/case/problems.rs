//! Invariants of the plan of a ThanosRuler, in addition to those of any plan.

use plan_testing::relations::of_kind;
use plan_testing::stable::services_of;
use serde_json::{Map, Value};

pub const NAME: &str = "app.kubernetes.io/name";

/// Label keys by which Prometheus Operator selects objects of its own ThanosRulers.
const KEYS_OF_OTHERS: [&str; 3] = ["thanos-ruler", "thanos-ruler-name", "managed-by"];

/// Maximum bytes of a ConfigMap.
pub const MOST: usize = 1 << 20;

fn fields(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().map(Map::iter).into_iter().flatten()
}

/// Violations of the invariants.
pub fn own_problems(objects: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |is: bool, what: String| problems.extend(is.then_some(what));

    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap();
        wrong(
            name.starts_with("thanos-ruler"),
            format!("Prometheus Operator may take over {name}"),
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

    for set in of_kind(objects, "StatefulSet") {
        let services = services_of(set, objects).into_iter();
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

/// Replicas deduplicate if each has a label of its own, alerts do not carry it, the Service announces it to
/// queriers, and all have the same rule files.
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
    let announced = of_kind(objects, "Service").filter_map(|s| {
        let labels = &s["metadata"]["labels"];
        labels["operator.thanos.io/replica-label"].as_str()
    });
    let announced: Vec<&str> = announced.collect();
    wrong(
        announced.len() != 1 || !own.contains(&announced[0]),
        format!("the Service announces {announced:?}, and replicas differ in {own:?}"),
    );
    wrong(
        !names(false).contains(&"thanos_rule"),
        "series do not name their ThanosRuler".to_owned(),
    );
    // Alert relabeling drops shadowed alerts by this label.
    wrong(
        dropped.contains(&"thanos_shadow") || names(false).contains(&"thanos_shadow"),
        "alerts of shadowed rules are sent".to_owned(),
    );
}

/// The reloader watches the directory that Thanos reads, and posts to the address on which it listens.
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
        "the reloader posts to another address".to_owned(),
    );
}

/// Every file of a flag is in a mounted volume, and every ConfigMap is mounted.
fn mounts(set: &Value, objects: &[Value], wrong: &mut impl FnMut(bool, String)) {
    let thanos = container(set, "thanos-rule");
    let spec = &set["spec"]["template"]["spec"];
    let volumes = || spec["volumes"].as_array().unwrap().iter();
    let data = |name: &str| {
        let mut maps = of_kind(objects, "ConfigMap");
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
                format!("{path} does not exist"),
            );
        }
    }
    let projected = volumes().filter_map(|v| v["projected"]["sources"].as_array());
    let projected = projected.flatten().map(|s| &s["configMap"]["name"]);
    let whole = volumes().map(|v| &v["configMap"]["name"]);
    let mounted: Vec<&Value> = projected.chain(whole).collect();
    for map in of_kind(objects, "ConfigMap") {
        let name = &map["metadata"]["name"];
        wrong(!mounted.contains(&name), format!("{name} is not mounted"));
    }
}
