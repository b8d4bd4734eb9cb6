//! Prometheus Operator as a process beside a control plane: the objects that it generates need no node.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::NamedTempFile;

use crate::controller::free_port;

/// A version of Prometheus Operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The oldest that is supported, 0.85.
    Oldest,
    /// The newest that is tested.
    Newest,
}

impl Version {
    fn binary(self) -> PathBuf {
        let variable = match self {
            Self::Oldest => "PROMETHEUS_OPERATOR",
            Self::Newest => "NEWEST_PROMETHEUS_OPERATOR",
        };
        let path = std::env::var_os(variable);
        path.unwrap_or_else(|| panic!("{variable} is not set: run hack/test.sh"))
            .into()
    }
}

/// A running Prometheus Operator. Ended when dropped.
pub struct PrometheusOperator {
    child: Child,
    log: NamedTempFile,
}

impl PrometheusOperator {
    /// Starts it for one namespace, with the permissions of the administrator.
    ///
    /// # Panics
    /// It is not built, or does not start.
    #[must_use]
    pub fn start(version: Version, namespace: &str) -> Self {
        let port = free_port();
        let log = NamedTempFile::new().expect("a log");
        let output = log.reopen().expect("a log");
        let child = Command::new(version.binary())
            .arg(format!("--namespaces={namespace}"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .expect("Prometheus Operator starts");
        Self { child, log }
    }
}

impl Drop for PrometheusOperator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- log of Prometheus Operator ---\n{log}");
        }
    }
}
