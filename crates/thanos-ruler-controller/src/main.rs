//! The binary of the ThanosRuler controller.

use std::process::ExitCode;

use operator_runtime::cli;
use thanos_ruler_controller::RulerController;
use thanos_ruler_controller::preflight::extra;

fn main() -> anyhow::Result<ExitCode> {
    cli::main(
        "Controller of ThanosRuler",
        env!("CARGO_PKG_VERSION"),
        RulerController::new,
        extra,
    )
}
