//! What a controller prints for wrong arguments, in `tests/arguments.snap`. All controllers have these flags,
//! except for the image of the config reloader.

#[test]
fn wrong_arguments() {
    plan_testing::command_line::assert_outputs(
        env!("CARGO_MANIFEST_DIR"),
        "arguments",
        env!("CARGO_BIN_EXE_thanos-ruler-controller"),
        &[
            &["start"],
            &["--namespace=monitoring"],
            &["--leader-elect=yes"],
            &["--health-address=8081"],
            &["--metrics-address=:8080"],
            &["--log.level=warning"],
            &["--log.format=text"],
            &["-feature-gate.enable-prometheus-operator-crds=no"],
            &["--service-monitor.labels=release"],
            &["--service-monitor.labels==kps"],
            &["--config-reloader-image"],
            &["run"],
        ],
    );
}
