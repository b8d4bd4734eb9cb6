//! Processes of containers, which run on this machine.

use std::process::Command;
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use serde_json::Value;

use super::is_ready;

/// The kubelet starts a container again at once, for the first time.
const BACK: Duration = Duration::from_secs(120);

/// Kills the first container of a pod, and waits until it is ready again.
pub async fn kill(cluster: &Cluster, pod: &str) {
    let (id, restarts) = container(cluster, pod).await.unwrap();
    let processes = processes(&id);
    assert!(!processes.is_empty(), "no process of {pod} ({id}) is here");
    let killed = Command::new("kill").arg("-9").args(&processes).status();
    assert!(killed.unwrap().success(), "{processes:?}");
    let back = async || {
        let (_, now) = container(cluster, pod).await?;
        let found = cluster.get("v1", "Pod", pod).await.ok_or("no pod")?;
        check(now > restarts && is_ready(&found), || {
            format!("{:#}", found["status"])
        })
    };
    eventually(&format!("{pod} is back"), BACK, back).await;
}

/// The container's identifier, and how often it was started again.
async fn container(cluster: &Cluster, pod: &str) -> Result<(String, i64), String> {
    let found = cluster.get("v1", "Pod", pod).await.ok_or("no pod")?;
    let status: &Value = &found["status"]["containerStatuses"][0];
    let id = status["containerID"].as_str();
    let id = id.and_then(|id| id.strip_prefix("containerd://"));
    let restarts = status["restartCount"].as_i64();
    let both = id.zip(restarts).ok_or_else(|| format!("{status:#}"))?;
    Ok((both.0.to_owned(), both.1))
}

/// The processes in the cgroup that is called as the container.
fn processes(container: &str) -> Vec<String> {
    assert!(
        container.len() > 32,
        "{container} may be part of other names"
    );
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.parse::<u32>().ok()?;
        let groups = std::fs::read_to_string(format!("/proc/{name}/cgroup")).ok()?;
        let is_in = groups.lines().any(|group| group.contains(container));
        is_in.then_some(name)
    });
    all.collect()
}
