//! `run`: startup, leader election, the reconcile queue and shutdown. Does IO.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_controller::LeaderElection;
use kube::runtime::Controller;
use kube::runtime::controller::{Action, Config};
use kube::runtime::watcher;
use kube::{Client, Resource};
use kube_facts::optional::Caps;
use tokio::sync::watch;

use crate::args::RunArgs;
use crate::cache::{Cache, Guarded};
use crate::client::Connector;
use crate::detect::Detector;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::probe::Prober;
use crate::reconcile::{Context, reconcile};
use crate::reconciler::Reconciler;
use crate::refresh::Refresher;
use crate::supervise::{Scope, Supervisor};
use crate::watches::Running;
use crate::{logging, server};

/// Concurrent reconciles. More are not faster, since the API server is the limit.
const CONCURRENCY: u16 = 16;

/// Polling interval of our own CRD while it is missing, and of the first discovery.
const RETRY: Duration = Duration::from_secs(2);

/// First minor version of Kubernetes with streaming lists enabled by default.
const STREAMING_LISTS: u32 = 34;

/// The controller while it leads.
pub struct Leader {
    /// Client of the controller.
    pub client: Client,
    /// Namespace of the controller.
    pub namespace: String,
    /// Detected capabilities.
    pub detected: watch::Receiver<Caps>,
}

/// Work of the leader besides reconciles.
pub type WhileLeading = Box<dyn FnOnce(Leader) -> BoxFuture<'static, ()> + Send>;

/// Runs a controller until SIGTERM or SIGINT.
///
/// # Errors
/// The controller cannot start, or lost the Lease.
pub async fn run<C: Reconciler>(
    reconciler: C,
    args: RunArgs,
    while_leading: WhileLeading,
) -> anyhow::Result<()> {
    logging::init(args.log_level, args.log_format);
    let metrics = Metrics::new(C::NAME);
    let (readiness, ready) = watch::channel(Some("starting"));
    server::serve(
        args.health_address,
        args.metrics_address,
        ready,
        metrics.clone(),
    )
    .await?;
    let connector = Connector::infer(C::NAME, metrics.clone()).await?;
    let stop = stop_signal()?;
    let working = work(
        reconciler,
        while_leading,
        &args,
        connector,
        metrics,
        readiness,
        stop.clone(),
    );
    tokio::select! {
        result = working => result,
        () = stopped_early(stop) => Ok(()),
    }
}

/// Returns `GRACE` after the signal. A leader usually ends earlier, after its running reconciles.
async fn stopped_early(mut stop: watch::Receiver<bool>) {
    // The sender lives as long as the process.
    let _ = stop.wait_for(|stop| *stop).await;
    tokio::time::sleep(GRACE).await;
}

/// Maximum duration of running reconciles after the signal.
const GRACE: Duration = Duration::from_secs(10);

async fn work<C: Reconciler>(
    reconciler: C,
    while_leading: WhileLeading,
    args: &RunArgs,
    connector: Connector,
    metrics: Metrics,
    readiness: watch::Sender<Option<&'static str>>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let ready_to_lead = tokio::select! {
        cx = prepare(reconciler, args, connector, metrics, &readiness) => cx?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    let (cx, supervisor) = ready_to_lead;
    readiness.send_replace(None);
    let detected = cx.cache.detected.clone();
    let watches = tokio::spawn(supervisor.follow(detected));
    let result = lead(args, &cx, while_leading, stop).await;
    watches.abort();
    result
}

/// Waits for our own CRD, detects capabilities, and waits for the first list of every watch.
async fn prepare<C: Reconciler>(
    reconciler: C,
    args: &RunArgs,
    connector: Connector,
    metrics: Metrics,
    readiness: &watch::Sender<Option<&'static str>>,
) -> anyhow::Result<(Arc<Context<C>>, Supervisor<C>)> {
    let client = connector.client()?;
    readiness.send_replace(Some("waiting for our own CRD"));
    wait_for_crd::<C>(&client).await;
    readiness.send_replace(Some("waiting for the first lists"));

    let namespaces: Vec<Option<String>> = match args.namespaces() {
        some if some.is_empty() => vec![None],
        some => some.into_iter().map(Some).collect(),
    };
    let scopes = namespaces.iter().map(|namespace| {
        let client = connector.client()?;
        Ok(Scope {
            namespace: namespace.clone(),
            client,
        })
    });
    let scopes = scopes.collect::<anyhow::Result<_>>()?;
    // Even if the gate is closed: objects that were created while it was open must be pruned.
    let mut detector = Detector::new(client.clone(), C::needs(), namespaces);
    let recheck = detector.recheck();
    let first = loop {
        match detector.probe().await {
            Ok(caps) => break caps,
            Err(error) => tracing::warn!(%error, "discovery failed, retrying"),
        }
        tokio::time::sleep(RETRY).await;
    };
    let (sender, detected) = watch::channel(first.clone());
    tokio::spawn(detector.run(sender));

    let cache = Arc::new(Cache::<C>::new(detected, recheck));
    let mut supervisor = Supervisor {
        cache: cache.clone(),
        client: client.clone(),
        scopes,
        lists: lists(&client).await,
        metrics: metrics.clone(),
        running: Default::default(),
        always: Vec::new(),
    };
    let mut progress = cache.sync_progress();
    supervisor.start();
    supervisor.adjust(&first);
    progress.wait_for(|open| open.is_empty()).await?;
    supervisor.adjust(&first);
    let identity = identity(args);
    metrics.follow(&cache);
    let cx = Context {
        reconciler,
        refresher: Refresher::new(client.clone(), C::REFRESH),
        events: Events::new(client.clone(), C::NAME, &identity),
        client,
        cache,
        prober: Prober::default(),
        metrics,
    };
    Ok((Arc::new(cx), supervisor))
}

/// Reconciles, with leader election while holding the Lease. Ends with `stop` or the loss of the Lease.
async fn lead<C: Reconciler>(
    args: &RunArgs,
    cx: &Arc<Context<C>>,
    while_leading: WhileLeading,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let leading = watch::Sender::new(false);
    let stopping = stop.clone();
    let work = async {
        tracing::info!(controller = C::NAME, "controller started");
        let more = while_leading(Leader {
            client: cx.client.clone(),
            namespace: args.lease_namespace.clone(),
            detected: cx.cache.detected.clone(),
        });
        let _more = Running(tokio::spawn(more));
        cx.metrics.lead(true);
        leading.send_replace(true);
        drive(cx.clone(), stopping).await;
        cx.metrics.lead(false);
    };
    if !args.leader_elect {
        work.await;
        return Ok(());
    }
    let election = LeaderElection::new(
        cx.client.clone(),
        &args.lease_namespace,
        C::NAME,
        &identity(args),
    )
    // The default jitter would delay a handover beyond two seconds.
    .with_retry_period(Duration::from_secs(1));
    let mut led = leading.subscribe();
    tokio::select! {
        done = election.with_lease(work) => done.context("the Lease was lost"),
        () = async {
            let _ = stop.wait_for(|stop| *stop).await;
            if *led.borrow_and_update() {
                // Running reconciles end first, and the Lease is released after them.
                std::future::pending::<()>().await;
            }
        } => Ok(()),
    }
}

/// Runs the reconcile queue.
async fn drive<C: Reconciler>(cx: Arc<Context<C>>, mut stop: watch::Receiver<bool>) {
    let queue = cx.cache.open_queue();
    let store = cx.cache.store().clone();
    // Our own watch tasks fill the store: `Controller` does not support one watch for each namespace.
    let no_trigger = futures::stream::pending::<Result<Guarded<C>, watcher::Error>>();
    Controller::for_stream(no_trigger, store)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .reconcile_on(queue)
        .graceful_shutdown_on(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .run(
            |it, cx| async { Ok::<_, Infallible>(reconcile(it, cx).await) },
            |_, _, _| Action::await_change(),
            cx,
        )
        .for_each(|result| async move {
            if let Err(error) = result {
                // The object was deleted while it was queued.
                tracing::debug!(%error, "not reconciled");
            }
        })
        .await;
}

async fn wait_for_crd<C: Reconciler>(client: &Client) {
    let version = C::Resource::api_version(&()).into_owned();
    let plural = C::Resource::plural(&());
    let mut is_logged = false;
    loop {
        match client.list_api_group_resources(&version).await {
            Ok(list) if list.resources.iter().any(|r| r.name == *plural) => return,
            Ok(_) | Err(kube::Error::Api(_)) if !is_logged => {
                tracing::warn!(%plural, version, "our own CRD is missing; waiting until it is installed");
                is_logged = true;
            }
            Ok(_) | Err(kube::Error::Api(_)) => {}
            Err(error) => tracing::warn!(%error, "cannot reach the API server, retrying"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// List strategy with the least memory: streaming lists, or small pages on older clusters.
async fn lists(client: &Client) -> watcher::Config {
    let version = client.apiserver_version().await;
    let minor = version.ok().and_then(|v| {
        v.minor
            .trim_end_matches(|c: char| !c.is_ascii_digit())
            .parse::<u32>()
            .ok()
    });
    match minor {
        Some(minor) if minor >= STREAMING_LISTS => watcher::Config::default().streaming_lists(),
        _ => watcher::Config::default().page_size(50),
    }
}

fn identity(args: &RunArgs) -> String {
    match args.identity.as_str() {
        "" => format!(
            "{}-{}",
            std::env::var("HOSTNAME").unwrap_or_default(),
            std::process::id()
        ),
        name => name.to_owned(),
    }
}

/// Becomes true on SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        sender.send_replace(true);
        sender.closed().await;
    });
    Ok(receiver)
}
