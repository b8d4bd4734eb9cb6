//! The kinds, and the controllers that reconcile them.

use clap::ValueEnum;
use thanos_query_controller::QueryController;
use thanos_receive_controller::ReceiveController;
use thanos_ruler_controller::{RulerController, RulerSettings};
use thanos_store_controller::StoreController;

/// A kind of custom resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// ThanosQuery
    Query,
    /// ThanosReceive
    Receive,
    /// ThanosRuler
    Ruler,
    /// ThanosStore
    Store,
}

/// The controllers of all kinds, with the flags that they share.
pub struct Controllers {
    pub query: QueryController,
    pub receive: ReceiveController,
    pub ruler: RulerController,
    pub store: StoreController,
}

impl Controllers {
    /// Controllers that use Prometheus Operator, in these namespaces (empty means all).
    pub fn new(settings: RulerSettings, namespaces: &[String]) -> Self {
        let common = settings.common.clone();
        Self {
            query: QueryController::new(common.clone(), true, namespaces),
            receive: ReceiveController::new(common.clone(), true, namespaces),
            store: StoreController::new(common, true, namespaces),
            ruler: RulerController::new(settings, true, namespaces),
        }
    }
}
