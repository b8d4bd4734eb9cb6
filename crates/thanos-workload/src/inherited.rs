//! Labels and annotations of a custom resource that its children carry as well, as those of the Go
//! operator do. Pure.
//!
//! Pod templates carry none of them: tools change the metadata of a custom resource at any time, such
//! as the version of a Helm chart, and each change would restart the pods. `spec.labels` and
//! `spec.annotations` are for pods.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels::Map;

/// Domains whose keys stay on the custom resource: tools track the very object that they applied by
/// them, and would prune or overwrite our objects if these carried the same; those of this operator
/// say what an object is, or what to do with the custom resource. Subdomains are included.
pub const NOT_INHERITED: [&str; 15] = [
    // Tracking, hooks and sync waves of Argo CD and Argo Rollouts.
    "argoproj.io",
    // Flux: ownership, and requests to reconcile.
    "fluxcd.io",
    // Helm: the release and its hooks, the chart that a manifest is of.
    "helm.sh",
    // kubectl: the last applied configuration, and the sets that it prunes.
    "kubectl.kubernetes.io",
    "applyset.kubernetes.io",
    // kustomize, kpt and everything else that is made of cli-utils.
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
    // The Deployment controller writes it on Deployments.
    "deployment.kubernetes.io",
    // Rancher Fleet.
    "rio.cattle.io",
    "operator.thanos.io",
];

/// Recommended labels by which objects of this operator are known. Argo CD may track by the last one.
const OF_IDENTITY: [&str; 5] = ["name", "component", "part-of", "managed-by", "instance"];

/// Adds what a child inherits from `owner`, the metadata of its custom resource. What it has already
/// wins.
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

/// What children carry of the labels or annotations of their custom resource.
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
    fn tracking_of_tools_is_not_inherited() {
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
    fn everything_else_is_inherited() {
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
