//! Detects the capabilities of the cluster. Does IO: discovery, one metadata-only watch per CRD if
//! permitted, and access reviews.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll, StreamExt};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PartialObjectMeta, PostParams};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Client, Resource};
use kube_facts::optional::{Capability, Caps, OptionalKind};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// Poll interval of discovery without permission to watch CRDs, and of access reviews while a kind
/// is `Forbidden`.
pub const POLL: Duration = Duration::from_secs(10);

/// Discovery is stale for 50 to 250 ms after a CRD changes, so it is read again.
const SETTLE: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Kind with the verbs that a controller needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// The kind.
    pub kind: OptionalKind,
    /// Verbs without which the kind is `Forbidden`.
    pub verbs: &'static [&'static str],
}

/// Detects and tracks the capabilities of the cluster.
pub struct Detector {
    client: Client,
    needs: Vec<Need>,
    namespaces: Vec<Option<String>>,
    recheck: Arc<Notify>,
    /// Kinds whose CRD is being deleted, or is deleted. Discovery still lists them briefly.
    deleted: BTreeSet<OptionalKind>,
    defined: BTreeSet<OptionalKind>,
    /// Kinds with granted permissions that no failed request has put in question since.
    granted: BTreeSet<OptionalKind>,
}

impl Detector {
    /// Creates a detector for `needs` in the given namespaces (`None`: all).
    #[must_use]
    pub fn new(client: Client, needs: Vec<Need>, namespaces: Vec<Option<String>>) -> Self {
        Self {
            client,
            needs,
            namespaces,
            recheck: Arc::new(Notify::new()),
            deleted: BTreeSet::new(),
            defined: BTreeSet::new(),
            granted: BTreeSet::new(),
        }
    }

    /// Notified on a 403 or a missing kind; triggers an immediate detection.
    #[must_use]
    pub fn recheck(&self) -> Arc<Notify> {
        self.recheck.clone()
    }

    /// Detects once. A kind is `Absent` only on an unambiguous response.
    ///
    /// # Errors
    /// Failed requests: the caller keeps the previous state.
    pub async fn probe(&mut self) -> Result<Caps, kube::Error> {
        // A deleted kind needs no request.
        let queried = self
            .needs
            .iter()
            .filter(|n| !self.deleted.contains(&n.kind));
        let versions: BTreeSet<String> = queried.map(|n| n.kind.api_version()).collect();
        let mut plurals = BTreeMap::new();
        for version in versions {
            let served = served(&self.client, &version).await?;
            plurals.insert(version, served);
        }
        let is_served = |kind: OptionalKind| {
            let plurals = plurals.get(&kind.api_version());
            plurals.is_some_and(|all| all.contains(kind.plural))
        };
        let mut caps = Caps::default();
        for need in self.needs.clone() {
            let kind = need.kind;
            let capability = if self.deleted.contains(&kind) {
                Capability::Absent
            } else if is_served(kind) {
                if self.granted.contains(&kind) || self.permitted(&need).await? {
                    self.granted.insert(kind);
                    Capability::Present
                } else {
                    Capability::Forbidden
                }
            } else if self.defined.contains(&kind) {
                Capability::NotEstablished
            } else {
                Capability::Absent
            };
            if capability != Capability::Present {
                self.granted.remove(&kind);
            }
            caps.set(kind, capability);
        }
        Ok(caps)
    }

    /// Keeps `caps` up to date until the channel is closed.
    pub async fn run(mut self, caps: watch::Sender<Caps>) {
        if self.needs.is_empty() {
            return;
        }
        let mut watches = self.watches().await;
        let mut due: Vec<Instant> = Vec::new();
        loop {
            let polled = watches.is_none()
                || self
                    .needs
                    .iter()
                    .any(|n| caps.borrow().get(n.kind) == Capability::Forbidden);
            if polled && due.is_empty() {
                due.push(Instant::now() + POLL);
            }
            let next = due.iter().min().copied();
            let recheck = self.recheck.clone();
            tokio::select! {
                event = next_event(&mut watches) => match event {
                    Some(Ok(event)) => {
                        if self.note(event) {
                            let now = Instant::now();
                            due = SETTLE.iter().map(|d| now + *d).collect();
                        } else {
                            continue;
                        }
                    }
                    Some(Err(error)) if is_forbidden(&error) => {
                        tracing::info!("cannot watch CRDs; polling discovery");
                        watches = None;
                        self.deleted.clear();
                        continue;
                    }
                    Some(Err(_)) => continue,
                    None => {
                        watches = None;
                        self.deleted.clear();
                        continue;
                    }
                },
                () = sleep_to(next) => due.retain(|t| *t > Instant::now()),
                () = recheck.notified() => {
                    self.granted.clear();
                    due.push(Instant::now() + SETTLE[1]);
                    continue;
                }
                () = caps.closed() => return,
            }
            match self.probe().await {
                Ok(found) => {
                    caps.send_if_modified(|known| {
                        let is_new = *known != found;
                        *known = found;
                        is_new
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "discovery failed; keeping the last state");
                    due.push(Instant::now() + POLL);
                }
            }
        }
    }

    async fn permitted(&self, need: &Need) -> Result<bool, kube::Error> {
        for namespace in &self.namespaces {
            for verb in need.verbs {
                let attributes = ResourceAttributes {
                    group: Some(need.kind.group.to_owned()),
                    resource: Some(need.kind.plural.to_owned()),
                    namespace: namespace.clone(),
                    verb: Some((*verb).to_owned()),
                    ..Default::default()
                };
                if !allowed(&self.client, attributes).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// One watch per CRD by name; `None` if not permitted.
    async fn watches(&self) -> Option<CrdWatches> {
        let mut streams = SelectAll::new();
        for need in &self.needs {
            let attributes = ResourceAttributes {
                group: Some("apiextensions.k8s.io".to_owned()),
                resource: Some("customresourcedefinitions".to_owned()),
                name: Some(need.kind.crd_name()),
                verb: Some("watch".to_owned()),
                ..Default::default()
            };
            if !allowed(&self.client, attributes).await.unwrap_or(false) {
                return None;
            }
            let api: Api<PartialObjectMeta<CustomResourceDefinition>> =
                Api::all(self.client.clone());
            let config = watcher::Config::default()
                .fields(&format!("metadata.name={}", need.kind.crd_name()));
            let kind = need.kind;
            streams.push(
                watch_objects(api, config)
                    .default_backoff()
                    .map(move |event| event.map(|event| (kind, event)))
                    .boxed(),
            );
        }
        Some(CrdWatches {
            streams,
            seen: BTreeMap::new(),
        })
    }

    /// Applies an event of a CRD; returns whether capabilities may have changed.
    fn note(&mut self, (kind, event): (OptionalKind, CrdState)) -> bool {
        match event {
            CrdState::Deleted => {
                self.deleted.insert(kind);
                self.defined.remove(&kind)
            }
            CrdState::Defined { terminating } => {
                if terminating {
                    self.deleted.insert(kind);
                } else {
                    self.deleted.remove(&kind);
                }
                self.defined.insert(kind);
                true
            }
        }
    }
}

/// State of a CRD in an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CrdState {
    Defined { terminating: bool },
    Deleted,
}

type MetaEvent = Event<PartialObjectMeta<CustomResourceDefinition>>;

struct CrdWatches {
    streams: SelectAll<BoxStream<'static, Result<(OptionalKind, MetaEvent), watcher::Error>>>,
    /// Whether the list in progress contains the CRD.
    seen: BTreeMap<OptionalKind, bool>,
}

async fn next_event(
    watches: &mut Option<CrdWatches>,
) -> Option<Result<(OptionalKind, CrdState), watcher::Error>> {
    let Some(watches) = watches else {
        return std::future::pending().await;
    };
    loop {
        let (kind, event) = match watches.streams.next().await? {
            Ok(item) => item,
            Err(error) => return Some(Err(error)),
        };
        let seen = match event {
            Event::Init => {
                watches.seen.insert(kind, false);
                continue;
            }
            Event::Apply(meta) | Event::InitApply(meta) => {
                watches.seen.insert(kind, true);
                CrdState::Defined {
                    terminating: meta.meta().deletion_timestamp.is_some(),
                }
            }
            Event::InitDone if watches.seen.get(&kind) == Some(&true) => continue,
            Event::InitDone | Event::Delete(_) => CrdState::Deleted,
        };
        return Some(Ok((kind, seen)));
    }
}

/// Sleeps until `due`; forever if unset.
pub async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Plurals served for a group and version; none if it does not exist.
///
/// # Errors
/// Failed requests.
pub async fn served(client: &Client, api_version: &str) -> Result<BTreeSet<String>, kube::Error> {
    match client.list_api_group_resources(api_version).await {
        Ok(list) => Ok(list.resources.into_iter().map(|r| r.name).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Whether this controller may do what `attributes` describe.
///
/// # Errors
/// Failed requests.
pub async fn allowed(client: &Client, attributes: ResourceAttributes) -> Result<bool, kube::Error> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..Default::default()
        },
        ..Default::default()
    };
    let answer = Api::<SelfSubjectAccessReview>::all(client.clone())
        .create(&PostParams::default(), &review)
        .await?;
    Ok(answer.status.is_some_and(|s| s.allowed))
}

/// Whether a watch failed because of a missing permission.
#[must_use]
pub fn is_forbidden(error: &watcher::Error) -> bool {
    matches!(status_of(error), Some(status) if status.code == 403)
}

/// Whether a watch failed because the kind is not served. (A missing object has the reason
/// `NotFound`; a missing kind is answered by the plain text of the HTTP server.)
#[must_use]
pub fn is_kind_missing(error: &watcher::Error) -> bool {
    matches!(status_of(error), Some(status) if status.code == 404)
}

/// Whether a watch failed because its resourceVersion is too old.
#[must_use]
pub fn is_expired(error: &watcher::Error) -> bool {
    matches!(status_of(error), Some(status) if status.code == 410)
}

fn status_of(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status),
        watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}
