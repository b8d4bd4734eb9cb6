//! The controller of ThanosReceive.

use thanos_receive_controller::ReceiveController;

fn main() -> anyhow::Result<()> {
    thanos_controller_common::main(
        "Controller of ThanosReceive",
        env!("CARGO_PKG_VERSION"),
        ReceiveController::new,
    )
}
