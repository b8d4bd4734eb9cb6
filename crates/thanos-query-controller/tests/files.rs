//! Errors and warnings of `render` for manifests that the API server would reject.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;

use operator_inspect::render::{Files, RenderArgs, Rendered};
use serde_json::{Value, json};
use thanos_controller_common::Settings;
use thanos_query_controller::QueryController;

/// Renders a ThanosQuery with this spec, and another object, from separate files.
fn rendered(test: &str, spec: Value, other: Value) -> (PathBuf, Result<Rendered, String>) {
    let query = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": "q", "namespace": "here"}, "spec": spec,
    });
    let file = std::env::temp_dir().join(format!("{test}-{}.yaml", std::process::id()));
    std::fs::write(&file, format!("{query}\n---\n{other}\n")).unwrap();
    let args = RenderArgs {
        files: vec![file.clone()],
        without_prometheus_operator: false,
    };
    let settings = Settings {
        thanos_image: "thanos:test".to_owned(),
    };
    let controller = QueryController::new(settings, true, &[]);
    let rendered = Files::read(&args).and_then(|files| files.render(&controller));
    std::fs::remove_file(&file).unwrap();
    (file, rendered.map_err(|error| format!("{error:#}")))
}

#[test]
fn type_error_reports_file_object_and_field() {
    let (file, result) = rendered("mistyped", json!({"replicas": "two"}), Value::Null);
    let expected = "ThanosQuery here/q: spec.replicas: expected integer, got string";
    assert_eq!(
        result.unwrap_err(),
        format!("{}: {expected}", file.display())
    );
    let spec = json!({"serviceMonitorSelector": {"matchLabels": {"app": 1}}});
    let (_, result) = rendered("label", spec, Value::Null);
    let path = "spec.serviceMonitorSelector.matchLabels.app: expected string, got integer";
    assert!(result.unwrap_err().contains(path));
}

#[test]
fn unknown_field_is_a_warning() {
    let spec = json!({"replcas": 2, "queryFrontend": {"replica": 1}});
    let (file, result) = rendered("unknown", spec, Value::Null);
    let rendered = result.unwrap();
    assert!(rendered.text.contains("kind: Deployment"));
    let warning = |field: &str| {
        format!(
            "{}: ThanosQuery here/q: unknown field {field} is ignored; correct its name, or remove it",
            file.display()
        )
    };
    assert_eq!(
        rendered.warnings,
        ["spec.queryFrontend.replica", "spec.replcas"].map(warning)
    );
}

#[test]
fn secret_with_a_number_is_rejected_without_its_value() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "here"},
        "stringData": {"port": 4711},
    });
    let (file, result) = rendered("secret", json!({}), secret);
    let expected =
        "Secret here/s: stringData.port: expected string, got integer; put the value in quotes";
    assert_eq!(
        result.unwrap_err(),
        format!("{}: {expected}", file.display())
    );
}
