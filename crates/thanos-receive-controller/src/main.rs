//! Binary of the controller of ThanosReceive.

use std::process::ExitCode;

use operator_runtime::cli;
use thanos_receive_controller::ReceiveController;
use thanos_receive_controller::preflight::extra;

fn main() -> anyhow::Result<ExitCode> {
    cli::main(
        "Controller of ThanosReceive",
        env!("CARGO_PKG_VERSION"),
        ReceiveController::new,
        extra,
    )
}
