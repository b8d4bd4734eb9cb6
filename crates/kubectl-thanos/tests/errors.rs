//! What the plugin prints for wrong command lines and files, in `tests/errors.snap`.

#[test]
fn errors() {
    plan_testing::command_line::assert_outputs(
        env!("CARGO_MANIFEST_DIR"),
        "errors",
        env!("CARGO_BIN_EXE_kubectl-thanos"),
        &[
            &["rendr"],
            &["render"],
            &["render", "-f", "errors/missing.yaml"],
            &["render", "-f", "errors/not-yaml.yaml"],
            &["render", "-f", "errors/duplicate-key.yaml"],
            &["render", "-f", "errors/other-kind.yaml"],
            &["render", "-f", "errors/wrong-type.yaml"],
            &["render", "-f", "errors/unknown-field.yaml"],
            &["render", "-f", "errors/number-in-secret.yaml"],
            &["render", "-f", "errors/other-kind.yaml", "--thanos-image"],
            &["preflight", "stores"],
            &["preflight", "--service-account=thanos-store-controller"],
            &["preflight", "-o", "yaml"],
            &["preflight"],
        ],
    );
}
