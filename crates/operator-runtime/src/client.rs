//! Kubernetes clients, configured by the pod or a kubeconfig, with request metrics.
//!
//! All watches and requests of a client share one HTTP/2 connection. With HTTP/1.1 each watch would
//! need its own connection, with TLS state, buffers and system calls.

use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use http::{HeaderValue, Request, Response, header};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::layer::{LayerFn, layer_fn};
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder};

use crate::metrics::Metrics;

/// Interval of HTTP/2 pings on an idle connection. Without them a half-open connection looks like a
/// quiet cluster.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Timeout of the response to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// HTTP/2 flow-control window of one watch, in bytes.
const STREAM_WINDOW: u32 = 256 * 1024;

/// HTTP/2 flow-control window of a connection, in bytes: larger than those of all its watches
/// together, so that no watch stalls the others.
const CONNECTION_WINDOW: u32 = 100 * STREAM_WINDOW;

/// Makes clients.
#[derive(Clone)]
pub struct Connector {
    config: Config,
    metrics: Metrics,
}

impl Connector {
    /// Configures clients by the ServiceAccount of the pod, or else by the current kubeconfig.
    ///
    /// # Errors
    /// Neither exists.
    pub async fn infer(name: &str, metrics: Metrics) -> anyhow::Result<Self> {
        let mut config = Config::infer().await.map_err(|error| {
            // Its source is the error of the kubeconfig; its own text has that of the pod as well.
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            anyhow!(
                "no connection to a cluster: not running in a pod, and no usable kubeconfig: {why}; set \
                 KUBECONFIG to the path of one"
            )
        })?;
        let agent = format!("{name}/{}", env!("CARGO_PKG_VERSION"));
        config
            .headers
            .push((header::USER_AGENT, HeaderValue::from_str(&agent)?));
        Ok(Self { config, metrics })
    }

    /// A client with its own connection. An API server allows 100 concurrent requests for each
    /// connection, watches included; further ones wait.
    ///
    /// # Errors
    /// The configuration is invalid.
    pub fn client(&self) -> anyhow::Result<Client> {
        let config = self.config.clone();
        if config.proxy_url.is_some() {
            let builder = ClientBuilder::try_from(config)?;
            return Ok(builder.with_layer(&self.counting()).build());
        }
        // The default layers of kube's client.
        let service = ServiceBuilder::new()
            .layer(self.counting())
            .layer(config.base_uri_layer())
            .layer(RetryLayer::new(RetryPolicy::server_retry()))
            .option_layer(config.auth_layer()?)
            .layer(config.extra_headers_layer()?)
            .map_err(BoxError::from)
            .service(transport(&config)?);
        Ok(Client::new(service, config.default_namespace))
    }

    fn counting<S>(&self) -> LayerFn<impl Fn(S) -> Counted<S>> {
        let metrics = self.metrics.clone();
        layer_fn(move |inner| Counted {
            inner,
            metrics: metrics.clone(),
        })
    }
}

type Transport = legacy::Client<TimeoutConnector<HttpsConnector<HttpConnector>>, Body>;

/// HTTP/2 if the server offers it, else HTTP/1.1.
fn transport(config: &Config) -> anyhow::Result<Transport> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut tls = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config()?)
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name.clone().try_into().context("tls-server-name")?;
        tls = tls.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let tls = tls.enable_all_versions().wrap_connector(tcp);
    let mut connector = TimeoutConnector::new(tls);
    connector.set_connect_timeout(config.connect_timeout);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .build(connector))
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
