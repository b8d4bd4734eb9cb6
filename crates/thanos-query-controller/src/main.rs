//! The controller of ThanosQuery resources.

use std::process::ExitCode;

use operator_runtime::cli;
use thanos_query_controller::QueryController;
use thanos_query_controller::preflight::extra;

fn main() -> anyhow::Result<ExitCode> {
    cli::main(
        "Runs ThanosQuery resources",
        env!("CARGO_PKG_VERSION"),
        QueryController::new,
        extra,
    )
}
