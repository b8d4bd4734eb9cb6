//! HTTP servers for health and metrics. Does IO.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// Why the process is not ready; `None` when it is.
pub type Readiness = watch::Receiver<Option<&'static str>>;

/// Serves /livez and /readyz on one address, and /metrics on another or the same one.
///
/// # Errors
/// An address cannot be bound.
pub async fn serve(
    health: SocketAddr,
    metrics: SocketAddr,
    readiness: Readiness,
    source: Metrics,
) -> anyhow::Result<()> {
    let health_routes = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(move || async move { ready(&readiness) }));
    let metrics_routes = Router::new().route(
        "/metrics",
        get(move || async move {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], source.encode())
        }),
    );
    if health == metrics {
        spawn(health, health_routes.merge(metrics_routes)).await
    } else {
        spawn(health, health_routes).await?;
        spawn(metrics, metrics_routes).await
    }
}

fn ready(readiness: &Readiness) -> (StatusCode, &'static str) {
    match *readiness.borrow() {
        None => (StatusCode::OK, "ok"),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn spawn(address: SocketAddr, routes: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}"))?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "HTTP server stopped");
        }
    });
    Ok(())
}
