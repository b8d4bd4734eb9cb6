//! Labels and annotations that objects inherit from their custom resource, as with the Go operator.
//! Pure, no IO.
//!
//! Pod templates inherit nothing: tools change the metadata of custom resources at any time, such as
//! the version of a Helm chart, and each change would restart the pods. `spec.labels` and
//! `spec.annotations` are for pods.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels::Map;

/// Domains of keys that are not inherited, including subdomains. Tools track the objects that they
/// applied by these keys, and would prune or overwrite other objects with the same keys. Keys of this
/// operator describe a single object.
pub const NOT_INHERITED: [&str; 15] = [
    // Tracking, hooks and sync waves of Argo CD and Argo Rollouts.
    "argoproj.io",
    // Flux: ownership, and requests to reconcile.
    "fluxcd.io",
    // Helm: release, hooks and chart.
    "helm.sh",
    // kubectl: last applied configuration, and apply sets.
    "kubectl.kubernetes.io",
    "applyset.kubernetes.io",
    // kustomize, kpt and other users of cli-utils.
    "config.kubernetes.io",
    "config.k8s.io",
    // Config Sync.
    "configmanagement.gke.io",
    "configsync.gke.io",
    // Carvel kapp.
    "kapp.k14s.io",
    // Crossplane and Pulumi.
    "crossplane.io",
    "pulumi.com",
    // Written by the Deployment controller.
    "deployment.kubernetes.io",
    // Rancher Fleet.
    "rio.cattle.io",
    "operator.thanos.io",
];

/// Recommended labels that this operator sets. Argo CD may track by the last one.
const OF_IDENTITY: [&str; 5] = ["name", "component", "part-of", "managed-by", "instance"];

/// Adds the inherited labels and annotations of `owner`, the metadata of the custom resource. Existing
/// keys are kept.
pub fn inherit(child: &mut ObjectMeta, owner: &ObjectMeta) {
    let maps = [
        (&mut child.labels, &owner.labels),
        (&mut child.annotations, &owner.annotations),
    ];
    for (map, of_owner) in maps {
        let mut all = from(of_owner.as_ref());
        all.extend(map.take().unwrap_or_default());
        *map = (!all.is_empty()).then_some(all);
    }
}

/// The labels or annotations that are inherited.
pub(crate) fn from(owner: Option<&Map>) -> Map {
    let all = owner.into_iter().flatten();
    all.filter(|(key, _)| is_inherited(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_inherited(key: &str) -> bool {
    let Some((domain, name)) = key.split_once('/') else {
        return true;
    };
    if domain == "app.kubernetes.io" && OF_IDENTITY.contains(&name) {
        return false;
    }
    let within = |parent: &str| {
        let sub = domain.strip_suffix(parent);
        sub.is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
    };
    !NOT_INHERITED.iter().any(|parent| within(parent))
}

#[cfg(test)]
mod tests {
    use super::is_inherited;

    #[test]
    fn tracking_keys_are_not_inherited() {
        for key in [
            "kubectl.kubernetes.io/last-applied-configuration",
            "argocd.argoproj.io/tracking-id",
            "argocd.argoproj.io/instance",
            "argocd.argoproj.io/sync-wave",
            "kustomize.toolkit.fluxcd.io/name",
            "helm.toolkit.fluxcd.io/namespace",
            "reconcile.fluxcd.io/requestedAt",
            "meta.helm.sh/release-name",
            "helm.sh/resource-policy",
            "helm.sh/chart",
            "applyset.kubernetes.io/part-of",
            "internal.config.kubernetes.io/previousNames",
            "config.k8s.io/owning-inventory",
            "kapp.k14s.io/app",
            "objectset.rio.cattle.io/hash",
            "configsync.gke.io/resource-id",
            "crossplane.io/external-name",
            "deployment.kubernetes.io/revision",
            "operator.thanos.io/restarted-at",
            "operator.thanos.io/store-api",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/managed-by",
        ] {
            assert!(!is_inherited(key), "{key}");
        }
    }

    #[test]
    fn other_keys_are_inherited() {
        for key in [
            "release",
            "team",
            "app.kubernetes.io/version",
            "service.beta.openshift.io/serving-cert-secret-name",
            "serviceaccounts.openshift.io/oauth-redirectreference.app",
            "eks.amazonaws.com/role-arn",
            "iam.gke.io/gcp-service-account",
            "azure.workload.identity/client-id",
            "prometheus.io/scrape",
            "notfluxcd.io/name",
            "fluxcd.io.example.com/name",
        ] {
            assert!(is_inherited(key), "{key}");
        }
    }
}
