//! Plays Thanos: what routers and ingesters say under `/metrics`, each at an address of its own.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The port `http` of pods.
const PORT: u16 = 10_902;

/// The next address that is tried. Those of other tests are below.
static NEXT: AtomicU32 = AtomicU32::new(0x7f80_0001);

/// What runs in a pod.
pub enum Thanos {
    Router(Router),
    Ingester(Ingester),
}

/// A router.
pub struct Router {
    /// Of the hashrings that it has read.
    pub hash: u64,
}

/// An ingester.
pub struct Ingester {
    /// When it was started, in seconds since the epoch.
    started: f64,
    pub series: u64,
    pub upload_failures: u64,
    pub bucket_failures: u64,
}

impl Ingester {
    pub fn start() -> Self {
        Self {
            started: Timestamp::now().as_second() as f64,
            series: 0,
            upload_failures: 0,
            bucket_failures: 0,
        }
    }
}

/// What Thanos makes of a file of hashrings: the first six bytes of its SHA-256, the lowest first.
pub fn hash(file: &str) -> u64 {
    let digest = Sha256::digest(file.as_bytes());
    let mut bytes = [0; 8];
    bytes[..6].copy_from_slice(&digest[..6]);
    u64::from_le_bytes(bytes)
}

impl Thanos {
    fn metrics(&self) -> String {
        match self {
            // As Go writes large numbers.
            Self::Router(router) => format!(
                "# TYPE thanos_receive_config_hash gauge\nthanos_receive_config_hash {:e}\n",
                router.hash as f64
            ),
            Self::Ingester(it) => format!(
                "process_start_time_seconds {:e}\n\
                 prometheus_tsdb_head_series{{tenant=\"default-tenant\"}} {}\n\
                 prometheus_tsdb_head_series_created_total{{tenant=\"default-tenant\"}} 99\n\
                 thanos_shipper_upload_failures_total{{tenant=\"default-tenant\"}} {}\n\
                 thanos_shipper_dir_sync_failures_total{{tenant=\"default-tenant\"}} {}\n",
                it.started, it.series, it.upload_failures, it.bucket_failures
            ),
        }
    }
}

/// Thanos in a pod. Ended when dropped.
pub struct Server {
    pub ip: String,
    said: Arc<Mutex<Said>>,
    task: JoinHandle<()>,
}

struct Said {
    thanos: Thanos,
    silent: bool,
}

impl Server {
    /// Starts it at the next free address: others run these tests as well.
    pub async fn start(thanos: Thanos) -> Self {
        let said = Arc::new(Mutex::new(Said {
            thanos,
            silent: false,
        }));
        loop {
            let ip = Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed));
            if let Ok(listener) = TcpListener::bind((ip, PORT)).await {
                let task = tokio::spawn(serve(listener, said.clone()));
                let ip = ip.to_string();
                return Self { ip, said, task };
            }
        }
    }

    /// Changes what it says.
    pub fn update(&self, silent: bool, change: impl FnOnce(&mut Thanos)) {
        let mut said = self.said.lock().unwrap();
        said.silent = silent;
        change(&mut said.thanos);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, said: Arc<Mutex<Said>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let metrics = {
            let said = said.lock().unwrap();
            (!said.silent).then(|| said.thanos.metrics())
        };
        tokio::spawn(answer(stream, metrics));
    }
}

async fn answer(mut stream: TcpStream, metrics: Option<String>) {
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap_or_default();
    let found = request[..read].starts_with(b"GET /metrics ");
    let (code, body) = match metrics.filter(|_| found) {
        Some(metrics) => ("200 OK", metrics),
        None => ("503 Service Unavailable", String::new()),
    };
    let answer = format!(
        "HTTP/1.1 {code}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A controller that was killed does not read it.
    let _ = stream.write_all(answer.as_bytes()).await;
}
