//! The shared fields, one by one. A field that is added to the API and not here fails the test.

use serde_json::{Map, Value, json};
use thanos_api::v1alpha1::{Additional, CommonFields};

use super::rendered::{Said, component, map, selects, title, workloads};

/// Where a field of a spec takes effect: in a workload, or in another object beside it.
struct Workload<'a> {
    object: &'a Value,
    all: &'a [Value],
}

/// A field, a value for it, and whether a workload has it.
type Field = (&'static str, Value, fn(&Workload<'_>) -> bool);

/// Fields that bridges do not take: `spec.bridge` has its own resources and arguments, each bridge
/// is one pod, which nothing has to be spread from or kept up beside, and additions are for queriers.
const NOT_OF_BRIDGES: [&str; 4] = [
    "affinity",
    "podDisruptionBudgetConfig",
    "resourceRequirements",
    "topologySpreadConstraints",
];

impl Workload<'_> {
    fn pod(&self, pointer: &str) -> &Value {
        let template = &self.object["spec"]["template"];
        template.pointer(pointer).unwrap_or(&Value::Null)
    }

    fn spec(&self, field: &str) -> &Value {
        self.pod(&format!("/spec/{field}"))
    }

    fn main(&self, field: &str) -> &Value {
        self.pod(&format!("/spec/containers/0/{field}"))
    }

    fn has_arg(&self, arg: &str) -> bool {
        contains(self.main("args"), |a| a == arg)
    }

    /// The ServiceAccount that the pods run as.
    fn account(&self) -> &Value {
        let mut all = self.all.iter();
        let name = self.spec("serviceAccountName");
        all.find(|o| o["kind"] == "ServiceAccount" && o["metadata"]["name"] == *name)
            .unwrap_or_else(|| panic!("{} has no ServiceAccount", title(self.object)))
    }

    /// Objects of a kind that select the pods.
    fn selecting(&self, kind: &str, selector: &str) -> Vec<&Value> {
        let labels = map(self.object, "/spec/template/metadata/labels");
        let of_kind = self.all.iter().filter(|o| o["kind"] == kind);
        of_kind
            .filter(|o| selects(map(o, selector), labels))
            .collect()
    }

    /// Whether everything that is of this component has an entry in its labels or annotations.
    fn everywhere(&self, maps: &str, key: &str) -> bool {
        let services = self.selecting("Service", "/spec/selector");
        let budgets = self.selecting("PodDisruptionBudget", "/spec/selector/matchLabels");
        let objects = [self.object, self.account()];
        let mut objects = objects.into_iter().chain(services).chain(budgets);
        let pointer = format!("/metadata/{maps}");
        map(&self.object["spec"]["template"], &pointer).contains_key(key)
            && objects.all(|object| map(object, &pointer).contains_key(key))
    }
}

fn contains(list: &Value, item: impl Fn(&Value) -> bool) -> bool {
    list.as_array().into_iter().flatten().any(item)
}

fn named(list: &Value, name: &str) -> bool {
    contains(list, |item| item["name"] == name)
}

fn common() -> Vec<Field> {
    vec![
        ("version", json!("v9"), |w| {
            w.main("image").as_str().is_some_and(|i| i.ends_with(":v9"))
        }),
        ("baseImage", json!("registry.example.com/thanos"), |w| {
            w.main("image")
                .as_str()
                .is_some_and(|i| i.starts_with("registry.example.com/thanos"))
        }),
        ("imagePullPolicy", json!("Always"), |w| {
            w.main("imagePullPolicy") == "Always"
        }),
        ("imagePullSecrets", json!([{"name": "pull"}]), |w| {
            named(w.spec("imagePullSecrets"), "pull")
        }),
        (
            "resourceRequirements",
            json!({"requests": {"cpu": "7m"}}),
            |w| w.main("resources/requests/cpu") == "7m",
        ),
        ("logLevel", json!("debug"), |w| {
            w.has_arg("--log.level=debug")
        }),
        ("logFormat", json!("json"), |w| {
            w.has_arg("--log.format=json")
        }),
        ("nodeSelector", json!({"disk": "ssd"}), |w| {
            w.spec("nodeSelector/disk") == "ssd"
        }),
        (
            "affinity",
            json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}),
            |w| w.spec("affinity").get("podAffinity").is_some(),
        ),
        (
            "tolerations",
            json!([{"key": "dedicated", "operator": "Exists"}]),
            |w| contains(w.spec("tolerations"), |t| t["key"] == "dedicated"),
        ),
        (
            "topologySpreadConstraints",
            json!([{"maxSkew": 7, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]),
            |w| contains(w.spec("topologySpreadConstraints"), |c| c["maxSkew"] == 7),
        ),
        (
            "securityContext",
            json!({"supplementalGroups": [77]}),
            |w| w.spec("securityContext/supplementalGroups/0") == 77,
        ),
        ("omitUserIDs", json!(true), |w| {
            let ids = ["runAsUser", "runAsGroup", "fsGroup"];
            let context = map(w.object, "/spec/template/spec/securityContext");
            let restricted = context.get("runAsNonRoot") == Some(&json!(true))
                && context.get("seccompProfile") == Some(&json!({"type": "RuntimeDefault"}));
            restricted && ids.iter().all(|id| !context.contains_key(*id))
        }),
        (
            "serviceAccount",
            json!({"annotations": {"role": "of the account"}, "automountToken": true}),
            |w| {
                let annotations = map(w.account(), "/metadata/annotations");
                let of_pods = map(w.object, "/spec/template/metadata/annotations");
                annotations.get("role") == Some(&json!("of the account"))
                    && !of_pods.contains_key("role")
                    && w.spec("automountServiceAccountToken") == true
            },
        ),
        ("podDisruptionBudgetConfig", json!({"enable": false}), |w| {
            w.selecting("PodDisruptionBudget", "/spec/selector/matchLabels")
                .is_empty()
        }),
        ("labels", json!({"of-section": "x"}), |w| {
            w.everywhere("labels", "of-section")
        }),
        ("annotations", json!({"of-section": "x"}), |w| {
            w.everywhere("annotations", "of-section")
        }),
    ]
}

fn additional() -> Vec<Field> {
    vec![
        ("additionalArgs", json!(["--sample=1"]), |w| {
            w.has_arg("--sample=1")
        }),
        (
            "additionalContainers",
            json!([{"name": "helper", "image": "i"}]),
            |w| named(w.spec("containers"), "helper"),
        ),
        (
            "additionalVolumes",
            json!([{"name": "v", "emptyDir": {}}]),
            |w| named(w.spec("volumes"), "v"),
        ),
        (
            "additionalVolumeMounts",
            json!([{"name": "v", "mountPath": "/v"}]),
            |w| named(w.main("volumeMounts"), "v"),
        ),
        (
            "additionalPorts",
            json!([{"name": "p", "containerPort": 7777}]),
            |w| named(w.main("ports"), "p"),
        ),
        ("additionalEnv", json!([{"name": "E", "value": "e"}]), |w| {
            named(w.main("env"), "E")
        }),
        (
            "additionalServicePorts",
            json!([{"name": "s", "port": 7777}]),
            |w| {
                let services = w.selecting("Service", "/spec/selector");
                services.iter().all(|s| named(&s["spec"]["ports"], "s"))
            },
        ),
        ("configMaps", json!(["c"]), |w| {
            contains(w.main("volumeMounts"), |m| {
                m["mountPath"] == "/etc/thanos/configmaps/c"
            })
        }),
        ("secrets", json!(["s"]), |w| {
            contains(w.main("volumeMounts"), |m| {
                m["mountPath"] == "/etc/thanos/secrets/s"
            })
        }),
    ]
}

fn values(fields: &[Field]) -> Map<String, Value> {
    let values = fields
        .iter()
        .map(|(name, value, _)| ((*name).to_owned(), value.clone()));
    values.collect()
}

/// Names of the fields of a type of the API.
fn properties<T: schemars::JsonSchema>() -> Vec<String> {
    let schema = schemars::schema_for!(T).to_value();
    map(&schema, "/properties").keys().cloned().collect()
}

/// Which workloads have which field, or which lack it.
fn sorted(all: &[Value], is_addition: bool, fields: &[Field], desired: bool) -> Vec<String> {
    let mut found = Vec::new();
    for object in workloads(all) {
        let is_bridge = component(object) == "prometheus-bridge";
        for (name, _, has) in fields {
            let exempt = is_bridge && (is_addition || NOT_OF_BRIDGES.contains(name));
            if !exempt && has(&Workload { object, all }) == desired {
                found.push(format!("{} {name}", title(object)));
            }
        }
    }
    found
}

#[test]
fn every_shared_field_reaches_every_pod_of_every_kind() {
    let (common, additional) = (common(), additional());
    let tested = |fields: &[Field]| values(fields).into_iter().map(|(name, _)| name);
    assert!(
        tested(&common).eq(properties::<CommonFields>()),
        "a field of CommonFields is not tested"
    );
    assert!(
        tested(&additional).eq(properties::<Additional>()),
        "a field of Additional is not tested"
    );

    let none = Said::default().rendered();
    let said = Said {
        common: values(&common),
        additional: values(&additional),
        ..Default::default()
    };
    let all = said.rendered();
    for (is_addition, fields) in [(false, &common), (true, &additional)] {
        let without = sorted(&none, is_addition, fields, true);
        assert!(without.is_empty(), "there without the field: {without:#?}");
        let lacking = sorted(&all, is_addition, fields, false);
        assert!(lacking.is_empty(), "lacking: {lacking:#?}");
    }
}

/// Without a word, no pod has a token, and IDs are those of the image.
#[test]
fn pods_run_as_the_default_user_and_group() {
    for object in workloads(&Said::default().rendered()) {
        let pod = &object["spec"]["template"]["spec"];
        assert_eq!(
            pod["automountServiceAccountToken"],
            false,
            "{}",
            title(object)
        );
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(pod["securityContext"][id], 1001, "{}", title(object));
        }
    }
}

/// IDs that the user sets stay where the others are left out.
#[test]
fn single_ids_can_be_set_beside_those_left_out() {
    let common = json!({"omitUserIDs": true, "securityContext": {"fsGroup": 7}});
    let said = Said {
        common: common.as_object().cloned().unwrap(),
        ..Default::default()
    };
    for object in workloads(&said.rendered()) {
        let context = &object["spec"]["template"]["spec"]["securityContext"];
        assert_eq!(context["fsGroup"], 7, "{}", title(object));
        assert_eq!(context.get("runAsUser"), None, "{}", title(object));
    }
}
