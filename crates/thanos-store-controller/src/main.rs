//! The controller of ThanosStore.

use std::process::ExitCode;

use operator_runtime::cli;
use thanos_store_controller::StoreController;
use thanos_store_controller::preflight::extra;

fn main() -> anyhow::Result<ExitCode> {
    cli::main(
        "Controller of ThanosStore",
        env!("CARGO_PKG_VERSION"),
        StoreController::new,
        extra,
    )
}
