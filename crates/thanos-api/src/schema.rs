//! Schema fragments: embedded Kubernetes types, and strings with a rule. No IO.
//!
//! Strings are validated by CEL rules instead of patterns, because the message of a rule can contain the
//! remedy. Everything that a rule iterates over is bounded, since the API server rejects a CRD whose
//! rules could cost too much.

use k8s_openapi::api::core::v1::SecretKeySelector;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Schema of a Kubernetes type for a CRD: without descriptions, which are ten times the size of the rest,
/// and with the map keys and defaults of the real type, without which a server-side apply fails.
pub(crate) fn embedded<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = inlined::<T>(generator);
    schema["nullable"] = json!(true);
    schema_from(schema)
}

/// Schema of a list of a Kubernetes type; see [`embedded`].
pub(crate) fn list_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let items = inlined::<T>(generator);
    json_schema!({"type": "array", "nullable": true, "items": items})
}

/// Schema of an optional enum. Not nullable: messages would list a null among the values, twice.
pub(crate) fn choice<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<T>();
    schema.remove("description");
    schema
}

/// Sets the descriptions of these fields, such as inlined ones that the kind words itself.
pub(crate) fn describe(texts: &[(&str, &str)]) -> impl FnMut(&mut Schema) {
    move |schema| {
        for (field, text) in texts {
            let field = schema.pointer_mut(&format!("/properties/{field}"));
            if let Some(Value::Object(field)) = field {
                field.insert("description".to_owned(), json!(text));
            }
        }
    }
}

fn inlined<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let mut value = generator.subschema_for::<T>().to_value();
    clean(&mut value);
    value
}

fn schema_from(value: Value) -> Schema {
    Schema::try_from(value).unwrap_or_default()
}

/// Lists that are keyed maps in the real type: property, and keys of its items.
const MAP_LISTS: [(&str, &[&str]); 5] = [
    ("claims", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
];

fn clean(schema: &mut Value) {
    let Value::Object(schema) = schema else {
        return;
    };
    schema.remove("description");
    for nested in ["items", "additionalProperties"] {
        if let Some(child) = schema.get_mut(nested) {
            clean(child);
        }
    }
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    properties.values_mut().for_each(clean);
    for (name, keys) in MAP_LISTS {
        if let Some(list) = properties.get_mut(name)
            && list["items"]["properties"].get(keys[0]).is_some()
        {
            list["x-kubernetes-list-type"] = json!("map");
            list["x-kubernetes-list-map-keys"] = json!(keys);
        }
    }
    let is_port = ["containerPort", "targetPort"]
        .iter()
        .any(|key| properties.contains_key(*key));
    if is_port && let Some(protocol) = properties.get_mut("protocol") {
        protocol["default"] = json!("TCP");
    }
    let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
    let atomic = is_reference(&keys) || is_atomic(&keys);
    // The real types do not require the name of a reference.
    if is_reference(&keys) {
        properties["name"]["default"] = json!("");
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|field| field != "name");
        }
        if schema.get("required") == Some(&json!([])) {
            schema.remove("required");
        }
    }
    if atomic {
        schema.insert("x-kubernetes-map-type".into(), json!("atomic"));
    }
}

/// References to a ConfigMap, a Secret, or a key of one, recognized by their fields.
fn is_reference(keys: &[&str]) -> bool {
    matches!(
        keys,
        ["name"]
            | ["name", "optional"]
            | ["key", "name", "optional"]
            | ["items", "name", "optional"]
            | ["defaultMode", "items", "name", "optional"]
    )
}

/// Types that server-side apply replaces as a whole, such as selectors.
fn is_atomic(keys: &[&str]) -> bool {
    matches!(
        keys,
        ["matchExpressions", "matchLabels"]
            | ["matchExpressions", "matchFields"]
            | ["apiVersion", "fieldPath"]
            | ["containerName", "divisor", "resource"]
            | ["apiGroup", "kind", "name"]
            | ["nodeSelectorTerms"]
            | ["key", "optional", "path", "volumeName"]
    )
}

/// Label selector with validated operators and values.
pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "maxProperties": 64,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "type": "array",
                "maxItems": 32,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "minLength": 1, "maxLength": 317},
                        "operator": {
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "maxItems": 64,
                            "items": {"type": "string", "maxLength": 63},
                        },
                    },
                    "x-kubernetes-validations": [
                        {
                            "rule": "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
                            "message": "the operators In and NotIn require values; set at least one, or use Exists or DoesNotExist",
                        },
                        {
                            "rule": "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0",
                            "message": "the operators Exists and DoesNotExist do not allow values; remove them, or use In or NotIn",
                        },
                    ],
                },
            },
        },
    })
}

/// String with one CEL rule. `message` contains the remedy.
fn ruled(max: u32, rule: &str, message: &str) -> Value {
    json!({
        "type": "string",
        "maxLength": max,
        "x-kubernetes-validations": [{"rule": rule, "message": message}],
    })
}

fn optional(mut schema: Value) -> Schema {
    schema["nullable"] = json!(true);
    schema_from(schema)
}

fn list(max: u32, items: Value) -> Schema {
    json_schema!({"type": "array", "nullable": true, "maxItems": max, "items": items})
}

/// Duration of whole numbers with units in descending order, as both parsers of Thanos accept it. The
/// digits are bounded so that no value overflows.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        40,
        "self.matches('^(0|([0-9]{1,2}y)?([0-9]{1,3}w)?([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?([0-9]{1,10}ms)?)$') && self != ''",
        "must be a duration of whole numbers with the units y, w, d, h, m, s, ms in this order, such as 90s or 1h30m",
    ))
}

/// Amount of bytes, as a quantity.
pub(crate) fn size(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        32,
        "self.matches('^[+]?[0-9]+([.][0-9]*)?(([kMGTPE]|[KMGTPE]i)|[eE][+-]?[0-9]+)?$')",
        "must be an amount of bytes such as 512Mi or 1G",
    ))
}

/// Prometheus label names.
pub(crate) fn label_names(_: &mut SchemaGenerator) -> Schema {
    list(
        64,
        ruled(
            128,
            "self.matches('^[a-zA-Z_][a-zA-Z0-9_]*$')",
            "must be a Prometheus label name: letters, digits and underscores, not starting with a digit",
        ),
    )
}

/// Command line arguments.
pub(crate) fn args(_: &mut SchemaGenerator) -> Schema {
    list(
        128,
        ruled(
            16384,
            "self.startsWith('--') && size(self) > 2",
            "must start with two dashes; write a flag and its value as one item: --flag=value",
        ),
    )
}

/// Bucket boundaries of a histogram.
pub(crate) fn quantiles(_: &mut SchemaGenerator) -> Schema {
    list(
        64,
        ruled(
            32,
            "self.matches('^[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$')",
            "must be a number in a string, such as \"0.5\"",
        ),
    )
}

/// Names of ConfigMaps or Secrets.
pub(crate) fn object_names(_: &mut SchemaGenerator) -> Schema {
    list(
        64,
        ruled(
            253,
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "must be the name of an object in this namespace",
        ),
    )
}

/// Container image, with or without tag or digest.
pub(crate) fn image(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        512,
        "self.matches('^([a-zA-Z0-9][a-zA-Z0-9._:/@-]*)?$')",
        "must be an image such as quay.io/thanos/thanos, registry.local:5000/thanos or name@sha256:…, without spaces",
    ))
}

/// Tag or digest of an image.
pub(crate) fn version(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        192,
        "self.matches('^([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}|sha256:[a-f0-9]{64})?$')",
        "must be an image tag such as v0.42.4 or a digest sha256:…",
    ))
}

/// URL path prefix of an API.
pub(crate) fn path_prefix(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        256,
        "self.matches('^(/[a-zA-Z0-9._~/-]*)?$')",
        "must be a path that starts with a slash, such as /thanos",
    ))
}

/// Path or URL of the API behind a reverse proxy.
pub(crate) fn external_prefix(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        512,
        "self.matches('^(https?://[a-zA-Z0-9.:_-]+)?(/[a-zA-Z0-9._~/-]*)?$')",
        "must be a path that starts with a slash, or an http(s) URL without a query",
    ))
}

/// Name of an HTTP header.
pub(crate) fn header_name(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        128,
        "self.matches('^[a-zA-Z0-9-]*$')",
        "must be the name of an HTTP header, such as X-Forwarded-Prefix",
    ))
}

/// Name of a StorageClass.
pub(crate) fn storage_class(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        253,
        "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$')",
        "must be the name of a StorageClass",
    ))
}

/// Required reference to a key of a Secret.
pub(crate) fn required_secret_key(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = inlined::<SecretKeySelector>(generator);
    schema["properties"]["name"]["maxLength"] = json!(253);
    schema["properties"]["key"]["maxLength"] = json!(253);
    schema["x-kubernetes-validations"] = json!([{
        "rule": "has(self.name) && self.name != '' && self.key != ''",
        "message": "name and key are required; set the name and key of the Secret with the configuration",
    }]);
    schema_from(schema)
}

/// Optional reference to a key of a Secret.
pub(crate) fn optional_secret_key(generator: &mut SchemaGenerator) -> Schema {
    optional(required_secret_key(generator).to_value())
}

/// Number of copies of a sample.
pub(crate) fn replication_factor(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": 5,
        "x-kubernetes-validations": [{
            "rule": "self != 4",
            "message": "must be 1, 2, 3 or 5; 4 copies tolerate the loss of no more members than 3",
        }],
    })
}

/// Name of a hashring.
pub(crate) fn hashring_name(_: &mut SchemaGenerator) -> Schema {
    let mut schema = ruled(
        253,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "must be a DNS name: lower case letters, digits, dashes and dots",
    );
    schema["minLength"] = json!(1);
    schema_from(schema)
}

/// External labels of Thanos.
pub(crate) fn external_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "minProperties": 1,
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 512},
        "x-kubernetes-validations": [{
            "rule": "self.all(name, name.matches('^[a-zA-Z_][a-zA-Z0-9_]*$'))",
            "message": "names must be Prometheus label names: letters, digits and underscores, not starting with a digit",
        }],
    })
}

/// Prometheus label name.
pub(crate) fn label_name(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        128,
        "self.matches('^([a-zA-Z_][a-zA-Z0-9_]*)?$')",
        "must be a Prometheus label name: letters, digits and underscores, not starting with a digit",
    ))
}

const TENANT: (&str, &str) = (
    "size(self) > 0 && !self.contains('/') && self != '.' && self != '..'",
    "must be the name of a tenant without slashes, which Thanos rejects",
);

/// Name of a tenant.
pub(crate) fn tenant(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(128, TENANT.0, TENANT.1))
}

/// Names or patterns of tenants.
pub(crate) fn tenants(_: &mut SchemaGenerator) -> Schema {
    list(500, ruled(128, TENANT.0, TENANT.1))
}

/// URL of an HTTP API.
pub(crate) fn http_url(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        1024,
        "self.matches('^https?://[^/@ ]+(/[^@ ]*)?$')",
        "must be a URL such as http://thanos-query.monitoring.svc:9090, without user and password",
    ))
}

/// Address of an Alertmanager, in the syntax of Thanos.
const ALERTMANAGER: (&str, &str) = (
    "self.matches('^((dns|dnssrv|dnssrvnoa)[+])?https?://([a-zA-Z0-9_.-]+|\\\\[[a-zA-Z0-9_.:%-]+\\\\])(:[0-9]{1,5})?(/[^ ?#@]*)?$')",
    "must be a URL such as http://alertmanager.example.com:9093/prefix, or one that is resolved to all its addresses, such as dnssrv+http://_web._tcp.alertmanager-operated.monitoring.svc; without user and password",
);

/// URL of one Alertmanager, or empty.
pub(crate) fn alertmanager_url(_: &mut SchemaGenerator) -> Schema {
    let rule = format!("self == '' || {}", ALERTMANAGER.0);
    optional(ruled(1024, &rule, ALERTMANAGER.1))
}

/// URLs of Alertmanagers.
pub(crate) fn alertmanager_urls(_: &mut SchemaGenerator) -> Schema {
    list(32, ruled(1024, ALERTMANAGER.0, ALERTMANAGER.1))
}

/// Label key of a Kubernetes object.
pub(crate) fn label_key(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        317,
        "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$')",
        "must be the key of a label, such as operator.thanos.io/tenant",
    ))
}

/// Host name.
pub(crate) fn host_name(_: &mut SchemaGenerator) -> Schema {
    optional(ruled(
        253,
        "self.matches('^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$')",
        "must be a host name such as alertmanager.example.com",
    ))
}

/// Time that is not after now: an RFC 3339 timestamp, or a duration before now.
pub(crate) fn point_in_time(_: &mut SchemaGenerator) -> Schema {
    let mut schema = ruled(
        40,
        "self.matches('^(-?(0|([0-9]{1,3}y)?([0-9]{1,3}w)?([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?([0-9]{1,10}ms)?)|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))$') && self != '' && self != '-'",
        "must be a time such as 2026-01-31T00:00:00Z, or how long before now, such as -30d, with the units y, w, d, h, m, s, ms in this order",
    );
    if let Some(Value::Array(rules)) = schema.get_mut("x-kubernetes-validations") {
        rules.push(json!({
            "rule": "!self.matches('^([0-9]+(y|w|d|h|ms|m|s))+$') || !self.matches('[1-9]')",
            "message": "must not be after now, which it is without a minus sign; write -30d for 30 days before now",
        }));
    }
    optional(schema)
}
