//! The Kubernetes client: configuration from the cluster or a kubeconfig, requests counted.

use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Context as _;
use http::{HeaderValue, Request, Response, header};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::Service;
use tower::layer::layer_fn;

use crate::metrics::Metrics;

/// Connects with the pod's service account, or else with the current kubeconfig.
///
/// # Errors
/// There is neither.
pub async fn connect(name: &str, metrics: Metrics) -> anyhow::Result<Client> {
    let mut config = Config::infer()
        .await
        .context("no cluster: neither in a pod nor with a kubeconfig")?;
    let agent = format!("{name}/{}", env!("CARGO_PKG_VERSION"));
    config
        .headers
        .push((header::USER_AGENT, HeaderValue::from_str(&agent)?));
    let count = layer_fn(move |inner| Counted {
        inner,
        metrics: metrics.clone(),
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&count).build())
}

/// Counts requests by method and status code.
#[derive(Clone)]
struct Counted<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send,
    B: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.method().clone();
        let metrics = self.metrics.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            match &answer {
                Ok(response) => metrics.requested(method.as_str(), response.status().as_str()),
                Err(_) => metrics.requested(method.as_str(), "<error>"),
            }
            answer
        })
    }
}
