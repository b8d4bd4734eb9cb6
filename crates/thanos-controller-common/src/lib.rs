//! Shared parts of the controllers of Thanos components: common flags, the Go operator, and facts
//! and conditions about pods, volumes, Secrets and queriers.

pub mod facts;
pub mod integration;
pub mod listing;
pub mod monitored;
pub mod pod_failures;
pub mod related;
pub mod rotation;
pub mod scope;
pub mod secrets;
pub mod self_monitor;
pub mod status;
pub mod stores;
pub mod volumes;

use clap::Args;
use k8s_openapi::api::rbac::v1::PolicyRule;
use operator_runtime::detect::Need;
use operator_runtime::{Reconciler, WhileLeading, cli, rbac};
use promop_compat::kind;

use integration::IntegrationArgs;

/// Settings of a controller besides those of the runtime.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Thanos image of custom resources that set none
    #[arg(
        long,
        env = "THANOS_IMAGE",
        default_value = "quay.io/thanos/thanos:v0.42.4"
    )]
    pub thanos_image: String,
}

/// Permissions on CRDs of Prometheus Operator that every controller uses: it creates
/// ServiceMonitors and reports which Prometheus selects them.
#[must_use]
pub fn needs() -> Vec<Need> {
    vec![
        Need {
            kind: kind::SERVICE_MONITOR,
            verbs: &["list", "watch", "create", "patch", "delete"],
        },
        Need {
            kind: kind::PROMETHEUS,
            verbs: &["list", "watch"],
        },
    ]
}

/// Rules for the Lease and the ServiceMonitor of a controller, in its own namespace.
#[must_use]
pub fn home_rules<C: Reconciler>() -> Vec<PolicyRule> {
    let mut rules = rbac::lease_rules::<C>();
    rules.extend(self_monitor::rules(C::NAME));
    rules
}

/// The flags of a controller.
#[derive(Args)]
struct Flags<M: Args> {
    #[command(flatten)]
    integration: IntegrationArgs,
    #[command(flatten)]
    more: M,
}

/// Runs the controller that `make` constructs from its own flags, the feature gate of Prometheus Operator
/// and the namespaces to reconcile (empty means all).
///
/// # Errors
/// The controller cannot start, or lost the Lease.
pub fn main<C: Reconciler, M: Args>(
    about: &'static str,
    version: &'static str,
    make: fn(M, bool, &[String]) -> C,
) -> anyhow::Result<()> {
    cli::main(about, version, |flags: Flags<M>, namespaces| {
        let Flags { integration, more } = flags;
        let controller = make(more, integration.prometheus_operator, namespaces);
        let while_leading: WhileLeading =
            Box::new(|leader| Box::pin(self_monitor::run::<C>(integration, leader)));
        (controller, while_leading)
    })
}
