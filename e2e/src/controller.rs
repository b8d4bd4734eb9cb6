//! The controller under test: the real binary, as the service account of its manifests.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde_json::json;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::wait::eventually;

/// One of the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name: of the binary, and of the ServiceAccount in its manifests.
    pub name: &'static str,
    /// The kind that it reconciles.
    pub kind: &'static str,
    /// The plural of that kind.
    pub plural: &'static str,
    /// The kind of its workloads.
    pub workload: &'static str,
}

/// The controller of ThanosQuery.
pub const QUERY: Program = Program {
    name: "thanos-query-controller",
    kind: "ThanosQuery",
    plural: "thanosqueries",
    workload: "Deployment",
};

/// The controller of ThanosStore.
pub const STORE: Program = Program {
    name: "thanos-store-controller",
    kind: "ThanosStore",
    plural: "thanosstores",
    workload: "StatefulSet",
};

/// The controller of ThanosReceive.
pub const RECEIVE: Program = Program {
    name: "thanos-receive-controller",
    kind: "ThanosReceive",
    plural: "thanosreceives",
    workload: "StatefulSet",
};

/// The controller of ThanosRuler.
pub const RULER: Program = Program {
    name: "thanos-ruler-controller",
    kind: "ThanosRuler",
    plural: "thanosrulers",
    workload: "StatefulSet",
};

/// `kubectl-thanos` under test.
#[must_use]
pub fn kubectl_thanos() -> PathBuf {
    binary("kubectl-thanos")
}

/// A binary of the workspace.
fn binary(name: &str) -> PathBuf {
    let variable = name.to_uppercase().replace('-', "_");
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug");
    PathBuf::from(target).join(name)
}

impl Program {
    /// The binary under test.
    #[must_use]
    pub fn binary(self) -> PathBuf {
        binary(self.name)
    }

    /// The kind without `Thanos`, as `kubectl thanos preflight` takes it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        let kind = self.name.strip_prefix("thanos-").unwrap_or(self.name);
        kind.strip_suffix("-controller").unwrap_or(kind)
    }

    /// Its user name at the API server.
    #[must_use]
    pub fn user(self) -> String {
        format!("system:serviceaccount:thanos-system:{}", self.name)
    }
}

/// The user name of the query controller at the API server.
pub const USER: &str = "system:serviceaccount:thanos-system:thanos-query-controller";

/// A running controller. Ended when dropped.
pub struct Controller {
    child: Child,
    /// Address of health and metrics.
    pub address: String,
    /// Its log.
    pub log: PathBuf,
    _folder: TempDir,
}

impl Controller {
    /// Starts the controller for one namespace, and waits until it is ready.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn start(cluster: &Cluster, flags: &[&str]) -> Self {
        let namespaces = format!("--namespaces={}", cluster.namespace);
        let flags: Vec<&str> = std::iter::once(namespaces.as_str())
            .chain(flags.iter().copied())
            .collect();
        Self::start_with(cluster, &flags).await
    }

    /// Starts the controller with these flags only, and waits until it is ready.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn start_with(cluster: &Cluster, flags: &[&str]) -> Self {
        Self::spawn(cluster, flags).await.ready().await
    }

    /// As `start_with`, with the service account of an installation in another namespace.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn start_as(cluster: &Cluster, namespace: &str, flags: &[&str]) -> Self {
        let controller = Self::spawn_as(cluster, namespace, flags).await;
        controller.ready().await
    }

    /// Waits until it is ready.
    async fn ready(self) -> Self {
        let mut controller = self;
        let client = controller.address.clone();
        let ready = async || match http_get(&client, "/readyz").await {
            Ok((200, _)) => Ok(()),
            Ok((code, body)) => Err(format!("{code} {body}")),
            Err(error) => Err(error.to_string()),
        };
        let waiting = eventually("the controller is ready", Duration::from_secs(30), ready);
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                () = &mut waiting => return controller,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    assert!(controller.is_running(), "the controller ended:\n{}", controller.logs());
                }
            }
        }
    }

    /// Starts the controller without waiting.
    ///
    /// # Panics
    /// The binary is missing.
    pub async fn spawn(cluster: &Cluster, flags: &[&str]) -> Self {
        Self::spawn_as(cluster, "thanos-system", flags).await
    }

    async fn spawn_as(cluster: &Cluster, namespace: &str, flags: &[&str]) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let folder = TempDir::new().expect("a folder for the controller");
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, kubeconfig_of(cluster, namespace).await).expect("kubeconfig");
        let log = folder.path().join("log");
        let output = std::fs::File::create(&log).expect("log");
        let child = Command::new(cluster.program.binary())
            .args([
                "run",
                "--health-address",
                &address,
                "--metrics-address",
                &address,
            ])
            .args(flags)
            .env("KUBECONFIG", &kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .expect("the controller starts");
        Self {
            child,
            address,
            log,
            _folder: folder,
        }
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How many TCP connections it has open to other ports than its own.
    ///
    /// # Panics
    /// It has ended.
    #[must_use]
    pub fn connections(&self) -> usize {
        let process = format!("/proc/{}", self.pid());
        let files = std::fs::read_dir(format!("{process}/fd")).expect("its open files");
        let sockets: BTreeSet<String> = files
            .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
            .filter_map(|to| {
                let inode = to.to_str()?.strip_prefix("socket:[")?;
                Some(inode.strip_suffix(']')?.to_owned())
            })
            .collect();
        let port = self.address.rsplit_once(':').map_or("0", |(_, port)| port);
        let own = format!(":{:04X}", port.parse::<u16>().expect("a port"));
        let all = std::fs::read_to_string(format!("{process}/net/tcp")).expect("TCP sockets");
        let lines = all.lines().map(str::split_whitespace).map(Vec::from_iter);
        // Columns: 1 local address, 3 state (01 is established), 9 inode.
        lines
            .filter(|c| c.len() > 9 && c[3] == "01" && !c[1].ends_with(&own))
            .filter(|c| sockets.contains(c[9]))
            .count()
    }

    /// Everything it logged.
    #[must_use]
    pub fn logs(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its metrics.
    ///
    /// # Panics
    /// It does not respond.
    pub async fn metrics(&self) -> String {
        http_get(&self.address, "/metrics")
            .await
            .expect("metrics")
            .1
    }

    /// Number of its reconciles.
    ///
    /// # Panics
    /// It does not respond.
    pub async fn reconciles(&self) -> f64 {
        let text = self.metrics().await;
        let lines = text
            .lines()
            .filter(|l| l.starts_with("controller_runtime_reconcile_total"));
        lines
            .filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM and waits; returns the duration.
    ///
    /// # Panics
    /// It does not stop.
    pub async fn stop(&mut self) -> Duration {
        let start = Instant::now();
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill");
        assert!(status.success());
        let child = &mut self.child;
        let ended = async || match child.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        eventually("the controller stops", Duration::from_secs(15), ended).await;
        start.elapsed()
    }

    /// Panics if it logged a warning or an error that contains no text of `expected`.
    ///
    /// # Panics
    /// It did.
    pub fn assert_quiet(&self, expected: &[&str]) {
        let logs = self.logs();
        let unexpected: Vec<&str> = logs
            .lines()
            .filter(|l| l.contains("level=warn") || l.contains("level=error"))
            .filter(|l| !expected.iter().any(|e| l.contains(e)))
            .collect();
        assert!(
            unexpected.is_empty(),
            "unexpected in the log:\n{}",
            unexpected.join("\n")
        );
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the controller ---\n{}", self.logs());
        }
    }
}

/// A port on loopback that no process listens on. It is free again when this returns, so a clash is possible, and
/// would show as a controller that ends at once.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A kubeconfig with a token of the controller's service account in `namespace`.
///
/// # Panics
/// There is no such account, or no administrator's kubeconfig.
pub async fn kubeconfig_of(cluster: &Cluster, namespace: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: Vec::new(),
            expiration_seconds: Some(7200),
            bound_object_ref: None,
        },
        ..Default::default()
    };
    let token = accounts
        .create_token_request(cluster.program.name, &PostParams::default(), &request)
        .await
        .expect("a token for the controller: are its manifests applied?");
    let token = token.status.expect("a token").token;
    let admin = kube::config::Kubeconfig::read().expect("the administrator's kubeconfig");
    let mut cluster = admin.clusters.first().expect("a cluster").clone();
    if let Some(inner) = &mut cluster.cluster
        && let Some(file) = inner.certificate_authority.take()
    {
        inner.certificate_authority = Some(
            std::fs::canonicalize(file)
                .expect("CA")
                .display()
                .to_string(),
        );
    }
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [cluster],
        "contexts": [{"name": "c", "context": {"cluster": cluster.name, "user": "u"}}],
        "users": [{"name": "u", "user": {"token": token}}],
    });
    config.to_string()
}

/// A plain HTTP GET on loopback; status and body.
///
/// # Errors
/// No response.
pub async fn http_get(address: &str, path: &str) -> anyhow::Result<(u16, String)> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split_whitespace().nth(1).unwrap_or_default().parse()?;
    Ok((code, body.to_owned()))
}
