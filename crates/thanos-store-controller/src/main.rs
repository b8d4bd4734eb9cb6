//! The controller of ThanosStore.

use thanos_store_controller::StoreController;

fn main() -> anyhow::Result<()> {
    thanos_controller_common::main(
        "Controller of ThanosStore",
        env!("CARGO_PKG_VERSION"),
        StoreController::new,
    )
}
