//! Shared parts of the controllers of Thanos components: common flags, the Go operator, and facts
//! and conditions about pods, volumes, Secrets and queriers.

pub mod facts;
pub mod listing;
pub mod pod_failures;
pub mod rotation;
pub mod secrets;
pub mod status;
pub mod stores;
pub mod volumes;

use clap::Args;
use kube::core::{ApiResource, GroupVersionKind};
use operator_runtime::preflight::{Legacy, Orphaned};
use promop_compat::caps::Kind;
use promop_compat::detect::Need;
use thanos_api::names::{GROUP, legacy as go};

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
            kind: Kind::ServiceMonitor,
            verbs: &["list", "watch", "create", "patch", "delete"],
        },
        Need {
            kind: Kind::Prometheus,
            verbs: &["list", "watch"],
        },
    ]
}

/// The Go operator, whose objects are adopted.
#[must_use]
pub fn legacy() -> Legacy {
    Legacy {
        name: go::NAME,
        image: go::IMAGE,
        lease: go::LEASE,
    }
}

/// Kinds of the Go operator that `controller` does not reconcile.
#[must_use]
pub fn orphaned(controller: &str) -> Vec<Orphaned> {
    let others = go::KINDS
        .iter()
        .filter(|kind| kind.controller != Some(controller));
    others
        .map(|kind| {
            let gvk = GroupVersionKind::gvk(GROUP, "v1alpha1", kind.name);
            Orphaned {
                resource: ApiResource::from_gvk(&gvk),
                controller: kind.controller,
                remedy: kind.remedy,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_equal_those_of_the_go_operator() {
        let plurals: Vec<String> = orphaned("thanos-query-controller")
            .into_iter()
            .map(|kind| kind.resource.plural)
            .collect();
        let expected = [
            "thanoscompacts",
            "thanosreceives",
            "thanosrulers",
            "thanosstores",
        ];
        assert_eq!(plurals, expected);
    }
}
