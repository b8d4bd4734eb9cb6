//! The controller of ThanosStore resources.

use std::process::ExitCode;

use operator_runtime::cli;
use thanos_store_controller::StoreController;
use thanos_store_controller::preflight::extra;

fn main() -> anyhow::Result<ExitCode> {
    cli::main(
        "Runs ThanosStore resources",
        env!("CARGO_PKG_VERSION"),
        StoreController::new,
        extra,
    )
}
