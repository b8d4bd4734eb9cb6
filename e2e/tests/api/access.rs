//! Access reviews of the ServiceAccounts of an installation.

use std::collections::BTreeSet;

use e2e::cluster::Cluster;
use e2e::overlay::{Deploy, install_permissions};
use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::json;

/// Every verb that the API server knows for objects.
pub const VERBS: &str = "get list watch create update patch delete deletecollection";

/// What every ServiceAccount may do is no permission of ours.
const UNPRIVILEGED: &str = "system:serviceaccount:default:unprivileged";

/// Group, resource with its subresource, and verbs.
pub type Row = (&'static str, &'static str, &'static str);

/// Verb, group, resource with its subresource, and namespace (`None`: in all).
pub type AccessCheck = (String, String, String, Option<String>);

/// One access_check.
pub fn access_check(
    verb: &str,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
) -> AccessCheck {
    let owned = str::to_owned;
    (
        owned(verb),
        owned(group),
        owned(resource),
        namespace.map(owned),
    )
}

/// Every access_check that rows of a table answer with yes, in each of the places.
pub fn rows(table: &[Row], places: &[Option<&str>]) -> BTreeSet<AccessCheck> {
    let mut all = BTreeSet::new();
    for (group, resource, verbs) in table {
        for verb in verbs.split(' ') {
            all.extend(
                places
                    .iter()
                    .map(|place| access_check(verb, group, resource, *place)),
            );
        }
    }
    all
}

/// An installation of its own: where its ServiceAccounts are, and in which namespace it works.
pub struct Installed {
    pub cluster: Cluster,
    pub home: String,
}

impl Installed {
    /// The ServiceAccounts and permissions of an overlay, without some of its components.
    pub async fn new(test: &str, overlay: &str, without: &[&str]) -> Self {
        let cluster = Cluster::new(test).await;
        let home = format!("{}-system", cluster.namespace);
        cluster.make_namespace(&home, json!({})).await;
        let copy = Deploy::copy();
        for component in without {
            assert!(copy.drop_lines(overlay, component) > 0);
        }
        install_permissions(&cluster, &copy.build(overlay), &home).await;
        Self { cluster, home }
    }

    /// The ServiceAccounts and permissions of an overlay, with a component that it only mentions.
    pub async fn listing(test: &str, overlay: &str, component: &str) -> Self {
        let cluster = Cluster::new(test).await;
        let home = format!("{}-system", cluster.namespace);
        cluster.make_namespace(&home, json!({})).await;
        let copy = Deploy::copy();
        assert!(copy.list_mentioned(overlay, component) > 0);
        install_permissions(&cluster, &copy.build(overlay), &home).await;
        Self { cluster, home }
    }

    /// A controller, as the API server sees it.
    pub fn user(&self, controller: &str) -> String {
        format!("system:serviceaccount:{}:{controller}", self.home)
    }

    /// What `kubectl auth can-i --as` says.
    pub async fn allowed(&self, user: &str, access_check: &AccessCheck) -> bool {
        self.allowed_for(user, access_check, None).await
    }

    /// The same for an object of one name.
    pub async fn allowed_for(
        &self,
        user: &str,
        access_check: &AccessCheck,
        name: Option<&str>,
    ) -> bool {
        let (verb, group, resource, namespace) = access_check.clone();
        let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
        let attributes = ResourceAttributes {
            verb: Some(verb),
            group: Some(group),
            resource: Some(resource.to_owned()),
            subresource: Some(subresource.to_owned()),
            namespace,
            name: name.map(str::to_owned),
            ..Default::default()
        };
        let home = user.split(':').nth(2).unwrap_or_default();
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.to_owned()),
                groups: Some(vec![
                    "system:serviceaccounts".to_owned(),
                    format!("system:serviceaccounts:{home}"),
                    "system:authenticated".to_owned(),
                ]),
                resource_attributes: Some(attributes),
                ..Default::default()
            },
            ..Default::default()
        };
        let api: Api<SubjectAccessReview> = Api::all(self.cluster.client.clone());
        let answer = api.create(&PostParams::default(), &review).await.unwrap();
        answer.status.unwrap().allowed
    }

    /// Checks every verb of `resources`, in each of the places. Returns the permissions that the user has and an
    /// unprivileged account has not.
    pub async fn everything_allowed(
        &self,
        user: &str,
        resources: &BTreeSet<(String, String)>,
        places: &[Option<&str>],
    ) -> BTreeSet<AccessCheck> {
        let mut access_checks: Vec<AccessCheck> = Vec::new();
        for (group, resource) in resources {
            for verb in VERBS.split(' ') {
                let of_places = places
                    .iter()
                    .map(|p| access_check(verb, group, resource, *p));
                access_checks.extend(of_places);
            }
        }
        println!("{} access checks", access_checks.len());
        let answers = stream::iter(access_checks).map(|access_check| async {
            let more = self.allowed(user, &access_check).await
                && !self.allowed(UNPRIVILEGED, &access_check).await;
            more.then_some(access_check)
        });
        // Few at a time, since other tests want answers meanwhile.
        let answers = answers.buffer_unordered(4);
        answers.filter_map(|q| async { q }).collect().await
    }
}

/// Every resource and subresource that the API server has, with its group.
pub async fn resources(client: &Client) -> BTreeSet<(String, String)> {
    let core = client.list_core_api_resources("v1").await.unwrap();
    let mut lists = vec![(String::new(), core)];
    for group in client.list_api_groups().await.unwrap().groups {
        for version in group.versions {
            let list = client.list_api_group_resources(&version.group_version);
            // A group that is being deleted has no resources to check.
            lists.extend(list.await.ok().map(|list| (group.name.clone(), list)));
        }
    }
    let mut all = BTreeSet::new();
    for (group, list) in lists {
        all.extend(list.resources.into_iter().map(|r| (group.clone(), r.name)));
    }
    // A permission without a resource: owner references that block a deletion need it.
    let ours = all
        .iter()
        .filter(|(group, _)| group == "monitoring.thanos.io");
    let kinds = ours.filter(|(_, resource)| !resource.contains('/'));
    let finalizers: Vec<_> = kinds
        .map(|(group, kind)| (group.clone(), format!("{kind}/finalizers")))
        .collect();
    all.extend(finalizers);
    all
}
