//! Live detection of capabilities. Does IO: discovery, one metadata-only watch per definition where
//! that is permitted, and access reviews.

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
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::caps::{Capability, Caps, GROUP, Kind};

/// How often discovery is asked where definitions may not be watched, and permission while a kind
/// is `Forbidden`.
pub const POLL: Duration = Duration::from_secs(10);

/// After a definition changes, discovery answers wrongly for 50 to 250 ms, so it is read again.
const SETTLE: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A kind, and what a controller does with it.
#[derive(Clone, Debug)]
pub struct Need {
    /// The kind.
    pub kind: Kind,
    /// The verbs without which it is `Forbidden`.
    pub verbs: &'static [&'static str],
}

/// Asks the cluster for its capabilities, and keeps asking.
pub struct Detector {
    client: Client,
    needs: Vec<Need>,
    namespaces: Vec<Option<String>>,
    recheck: Arc<Notify>,
    /// Kinds whose definition is being deleted, or was seen to be gone. Discovery still lists them
    /// for a moment.
    going: BTreeSet<Kind>,
    defined: BTreeSet<Kind>,
    /// Kinds whose permissions were found granted, and that nobody has doubted since.
    granted: BTreeSet<Kind>,
}

impl Detector {
    /// A detector for `needs`, in the given namespaces (`None`: in all).
    #[must_use]
    pub fn new(client: Client, needs: Vec<Need>, namespaces: Vec<Option<String>>) -> Self {
        Self {
            client,
            needs,
            namespaces,
            recheck: Arc::new(Notify::new()),
            going: BTreeSet::new(),
            defined: BTreeSet::new(),
            granted: BTreeSet::new(),
        }
    }

    /// Whoever meets a 403 or a missing kind notifies this; the cluster is then asked at once.
    #[must_use]
    pub fn recheck(&self) -> Arc<Notify> {
        self.recheck.clone()
    }

    /// Asks once. A kind is `Absent` only on a clean answer.
    ///
    /// # Errors
    /// Any failure to get an answer: the caller keeps the one it has.
    pub async fn probe(&mut self) -> Result<Caps, kube::Error> {
        // A kind that is known to be gone needs no request.
        let asked = self.needs.iter().filter(|n| !self.going.contains(&n.kind));
        let versions: BTreeSet<&str> = asked.map(|n| n.kind.version()).collect();
        let mut plurals = BTreeMap::new();
        for version in versions {
            let api_version = format!("{GROUP}/{version}");
            plurals.insert(version, served(&self.client, &api_version).await?);
        }
        let is_served = |kind: Kind| {
            let plurals = plurals.get(kind.version());
            plurals.is_some_and(|all| all.contains(kind.plural()))
        };
        let mut caps = Caps::default();
        for need in self.needs.clone() {
            let kind = need.kind;
            let capability = if self.going.contains(&kind) {
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

    /// Keeps `caps` up to date until it is closed.
    pub async fn run(mut self, caps: watch::Sender<Caps>) {
        if self.needs.is_empty() {
            return;
        }
        let mut definitions = self.definitions().await;
        let mut due: Vec<Instant> = Vec::new();
        loop {
            let polled = definitions.is_none()
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
                event = next_definition(&mut definitions) => match event {
                    Some(Ok(event)) => {
                        if self.note(event) {
                            let now = Instant::now();
                            due = SETTLE.iter().map(|d| now + *d).collect();
                        } else {
                            continue;
                        }
                    }
                    Some(Err(error)) if is_forbidden(&error) => {
                        tracing::info!("prometheus-operator definitions may not be watched, discovery is polled");
                        definitions = None;
                        self.going.clear();
                        continue;
                    }
                    Some(Err(_)) => continue,
                    None => {
                        definitions = None;
                        self.going.clear();
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
                    caps.send_if_modified(|known| std::mem::replace(known, found) != found);
                }
                Err(error) => {
                    tracing::debug!(%error, "discovery gave no answer, keeping the last one");
                    due.push(Instant::now() + POLL);
                }
            }
        }
    }

    async fn permitted(&self, need: &Need) -> Result<bool, kube::Error> {
        for namespace in &self.namespaces {
            for verb in need.verbs {
                let attributes = ResourceAttributes {
                    group: Some(GROUP.to_owned()),
                    resource: Some(need.kind.plural().to_owned()),
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

    /// One watch per definition, by name; `None` where that is not permitted.
    async fn definitions(&self) -> Option<Definitions> {
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
        Some(Definitions {
            streams,
            seen: BTreeMap::new(),
        })
    }

    /// Takes in an event of a definition; returns whether capabilities may have changed.
    fn note(&mut self, (kind, event): (Kind, Seen)) -> bool {
        match event {
            Seen::Gone => {
                self.going.insert(kind);
                self.defined.remove(&kind)
            }
            Seen::Defined { terminating } => {
                if terminating {
                    self.going.insert(kind);
                } else {
                    self.going.remove(&kind);
                }
                self.defined.insert(kind);
                true
            }
        }
    }
}

/// What an event says of a definition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Defined { terminating: bool },
    Gone,
}

type MetaEvent = Event<PartialObjectMeta<CustomResourceDefinition>>;

struct Definitions {
    streams: SelectAll<BoxStream<'static, Result<(Kind, MetaEvent), watcher::Error>>>,
    /// Whether a list under way has named the definition.
    seen: BTreeMap<Kind, bool>,
}

async fn next_definition(
    definitions: &mut Option<Definitions>,
) -> Option<Result<(Kind, Seen), watcher::Error>> {
    let Some(definitions) = definitions else {
        return std::future::pending().await;
    };
    loop {
        let (kind, event) = match definitions.streams.next().await? {
            Ok(item) => item,
            Err(error) => return Some(Err(error)),
        };
        let seen = match event {
            Event::Init => {
                definitions.seen.insert(kind, false);
                continue;
            }
            Event::Apply(meta) | Event::InitApply(meta) => {
                definitions.seen.insert(kind, true);
                Seen::Defined {
                    terminating: meta.meta().deletion_timestamp.is_some(),
                }
            }
            Event::InitDone if definitions.seen.get(&kind) == Some(&true) => continue,
            Event::InitDone | Event::Delete(_) => Seen::Gone,
        };
        return Some(Ok((kind, seen)));
    }
}

/// Sleeps until `due`; for ever if nothing is due.
pub async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The plurals that a group and version serves; none if it does not exist.
///
/// # Errors
/// Any failure to get an answer.
pub async fn served(client: &Client, api_version: &str) -> Result<BTreeSet<String>, kube::Error> {
    match client.list_api_group_resources(api_version).await {
        Ok(list) => Ok(list.resources.into_iter().map(|r| r.name).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Whether we are allowed to do what `attributes` say.
///
/// # Errors
/// Any failure to get an answer.
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

/// Whether a watch failed for want of permission.
#[must_use]
pub fn is_forbidden(error: &watcher::Error) -> bool {
    matches!(status_of(error), Some(status) if status.code == 403)
}

/// Whether a watch failed since the kind is not served. (A missing object has the reason
/// `NotFound`; a missing kind is answered by the plain text of the HTTP server.)
#[must_use]
pub fn is_kind_missing(error: &watcher::Error) -> bool {
    matches!(status_of(error), Some(status) if status.code == 404)
}

/// Whether a watch failed since the API server's history does not reach back to where it stood.
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
