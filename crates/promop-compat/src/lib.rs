//! Prometheus Operator compatibility: the fields of its custom resources that are read or written,
//! its selection semantics, resolution of ServiceMonitors to StoreAPIs, and overlap of rule
//! evaluation. No IO.

pub mod alertmanagers;
pub mod extract;
pub mod gate;
pub mod kind;
pub mod model;
pub mod names;
pub mod nearest;
pub mod resolve;
pub mod rules;
pub mod scrapers;
pub mod select;
pub mod selection;
pub mod service_monitor;
