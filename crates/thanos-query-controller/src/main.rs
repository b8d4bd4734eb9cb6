//! The controller of ThanosQuery.

use thanos_query_controller::QueryController;

fn main() -> anyhow::Result<()> {
    thanos_controller_common::main(
        "Controller of ThanosQuery",
        env!("CARGO_PKG_VERSION"),
        QueryController::new,
    )
}
