//! The controller of ThanosQuery.

use std::process::ExitCode;

use operator_runtime::cli;
use thanos_query_controller::QueryController;
use thanos_query_controller::preflight::extra;

fn main() -> anyhow::Result<ExitCode> {
    cli::main(
        "Controller of ThanosQuery",
        env!("CARGO_PKG_VERSION"),
        QueryController::new,
        extra,
    )
}
