//! The controller of ThanosRuler.

use thanos_ruler_controller::RulerController;

fn main() -> anyhow::Result<()> {
    thanos_controller_common::main(
        "Controller of ThanosRuler",
        env!("CARGO_PKG_VERSION"),
        RulerController::new,
    )
}
