//! Thanos programs on this machine.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use e2e::controller::http_get;
use e2e::remote_write::{Failure, HEADERS, Transport};
use e2e::wait::{check, eventually};
use serde_json::json;
use tempfile::TempDir;

use crate::receive::checking::Querier;

/// Until a program has started or ended.
pub const SOON: Duration = Duration::from_secs(30);

/// Thanos programs on loopback, ended when dropped.
pub struct Thanos {
    folder: TempDir,
    running: Vec<(String, Child)>,
    ports: Vec<(String, Ports)>,
}

#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    grpc: u16,
    write: u16,
    capnproto: u16,
}

impl Thanos {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            running: Vec::new(),
            ports: Vec::new(),
        }
    }

    /// The ports of a program, which are the same each time it starts.
    fn ports(&mut self, name: &str) -> Ports {
        if let Some((_, ports)) = self.ports.iter().find(|(n, _)| n == name) {
            return *ports;
        }
        let ports = Ports {
            http: free_port(),
            grpc: free_port(),
            write: free_port(),
            capnproto: free_port(),
        };
        self.ports.push((name.to_owned(), ports));
        ports
    }

    /// Starts a program under a name.
    fn run(&mut self, name: &str, command: &str, args: &[String]) {
        let ports = self.ports(name);
        let log = std::fs::File::create(self.folder.path().join(format!("{name}.log"))).unwrap();
        let mut all = vec![
            command.to_owned(),
            format!("--http-address=127.0.0.1:{}", ports.http),
            format!("--grpc-address=127.0.0.1:{}", ports.grpc),
        ];
        if command == "receive" {
            all.push(format!("--remote-write.address=127.0.0.1:{}", ports.write));
            all.push(format!(
                "--receive.capnproto-address=127.0.0.1:{}",
                ports.capnproto
            ));
        }
        all.extend_from_slice(args);
        let child = Command::new("thanos")
            .args(all)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("thanos is on the PATH: eval hack/cluster.sh env");
        self.running.push((name.to_owned(), child));
    }

    /// Ends a program at once.
    pub fn kill(&mut self, name: &str) {
        let index = self.running.iter().position(|(n, _)| n == name).unwrap();
        let (_, mut child) = self.running.swap_remove(index);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    async fn ready(&mut self, name: &str) {
        let address = format!("127.0.0.1:{}", self.ports(name).http);
        let child = self.running.iter_mut().find(|(n, _)| n == name);
        let (_, child) = child.unwrap();
        let log = self.folder.path().join(format!("{name}.log"));
        let attempt = async || {
            if let Ok(Some(status)) = child.try_wait() {
                let said = std::fs::read_to_string(&log).unwrap();
                panic!("{name} ended with {status}:\n{said}");
            }
            match http_get(&address, "/-/ready").await {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        };
        eventually(&format!("{name} is ready"), SOON, attempt).await;
    }

    pub async fn ingester(&mut self, index: usize, more: &[&str]) {
        let name = format!("ingester-{index}");
        let mut args = vec![
            format!("--tsdb.path={name}"),
            format!("--label=replica=\"{name}\""),
            self.bucket(),
        ];
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        self.run(&name, "receive", &args);
        self.ready(&name).await;
    }

    /// Publishes a ring, and waits until the router knows it.
    pub async fn ring(&mut self, ingesters: &[usize]) {
        let ports = ingesters.iter();
        let ports: Vec<u16> = ports
            .map(|i| self.ports(&format!("ingester-{i}")).grpc)
            .collect();
        let endpoints = ports.iter().map(|port| format!("127.0.0.1:{port}"));
        let endpoints: Vec<String> = endpoints.collect();
        let ring = json!([{"hashring": "default", "algorithm": "ketama", "endpoints": endpoints}]);
        std::fs::write(self.folder.path().join("next.json"), ring.to_string()).unwrap();
        let file = self.folder.path().join("hashrings.json");
        std::fs::rename(self.folder.path().join("next.json"), file).unwrap();
        if !self.running.iter().any(|(name, _)| name == "router") {
            return;
        }
        let address = format!("127.0.0.1:{}", self.ports("router").http);
        let nodes = format!(
            "thanos_receive_hashring_nodes{{name=\"default\"}} {}",
            ingesters.len()
        );
        let attempt = async || {
            let (_, metrics) = http_get(&address, "/metrics")
                .await
                .map_err(|e| e.to_string())?;
            check(metrics.contains(&nodes), || format!("not {nodes}"))
        };
        eventually("the router knows the ring", SOON, attempt).await;
    }

    /// Starts a router, in place of another if there is one.
    pub async fn router(&mut self, replication: usize) {
        if self.running.iter().any(|(name, _)| name == "router") {
            self.kill("router");
        }
        let args = [
            "--receive.hashrings-file=hashrings.json".to_owned(),
            "--receive.hashrings-file-refresh-interval=1s".to_owned(),
            "--receive.hashrings-algorithm=ketama".to_owned(),
            format!("--receive.replication-factor={replication}"),
            "--label=receive=\"true\"".to_owned(),
        ];
        self.run("router", "receive", &args);
        self.ready("router").await;
    }

    /// The argument that leads to the bucket, which is a folder.
    fn bucket(&self) -> String {
        let folder = self.folder.path().join("bucket");
        let bucket = json!({"type": "FILESYSTEM", "config": {"directory": folder}});
        format!("--objstore.config={bucket}")
    }

    /// Starts a store over the bucket.
    pub async fn store(&mut self) {
        let args = [
            "--data-dir=store".to_owned(),
            "--sync-block-duration=1s".to_owned(),
            self.bucket(),
        ];
        std::fs::create_dir_all(self.folder.path().join("bucket")).unwrap();
        self.run("store", "store", &args);
        self.ready("store").await;
    }

    /// Ends a program as the kubelet does, and waits for it.
    pub async fn end(&mut self, name: &str) {
        let index = self.running.iter().position(|(n, _)| n == name).unwrap();
        let (_, mut child) = self.running.swap_remove(index);
        let pid = child.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(signalled.unwrap().success());
        let ended = async || match child.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        eventually(&format!("{name} ends"), SOON, ended).await;
    }

    /// Starts a querier of the store and all ingesters there will be.
    pub async fn querier(&mut self, deduplication: &str) -> Querier {
        let names = ["ingester-0", "ingester-1", "ingester-2", "store"];
        let endpoints = names.map(|name| {
            let port = self.ports(name).grpc;
            json!({"address": format!("127.0.0.1:{port}")})
        });
        let file = json!({"endpoints": endpoints}).to_string();
        std::fs::write(self.folder.path().join("endpoints.yaml"), file).unwrap();
        let args = [
            "--endpoint.sd-config-file=endpoints.yaml".to_owned(),
            "--query.replica-label=replica".to_owned(),
            format!("--deduplication.func={deduplication}"),
        ];
        self.run(deduplication, "query", &args);
        self.ready(deduplication).await;
        let address = format!("127.0.0.1:{}", self.ports(deduplication).http);
        Arc::new(move |path| {
            let address = address.clone();
            Box::pin(async move {
                let answer = http_get(&address, &path).await;
                answer.map(|(_, body)| body).map_err(|e| e.to_string())
            })
        })
    }

    pub fn transport(&mut self) -> Transport {
        let address = format!("127.0.0.1:{}", self.ports("router").write);
        Box::new(move |body| Box::pin(post(address.clone(), body)))
    }
}

impl Drop for Thanos {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("data and logs are in {}", self.folder.path().display());
        }
    }
}

/// A port that is free, and that no connection is given: a program must find it free again.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "no port is free");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Sends a body to a receiver on this machine.
async fn post(address: String, body: Vec<u8>) -> Result<(), Failure> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(&address).await?;
        let mut head = format!("POST /api/v1/receive HTTP/1.0\r\nHost: {address}\r\n");
        for (name, value) in HEADERS {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<String, std::io::Error>(answer)
    };
    let failure = |code, why| Failure { code, why };
    let answer = exchange.await.map_err(|e| failure(None, e.to_string()))?;
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    match code {
        Some(200..=299) => Ok(()),
        _ => Err(failure(code, answer)),
    }
}
