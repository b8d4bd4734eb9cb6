//! The arguments and files of every rendered case start the real Thanos.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plan_testing::Case;
use serde_json::Value;

/// The cases of the plan tests.
#[allow(dead_code)]
#[path = "../../../crates/thanos-query-controller/tests/plan/case.rs"]
mod query;
#[allow(dead_code)]
#[path = "../../../crates/thanos-receive-controller/tests/plan/case/mod.rs"]
mod receive;
#[allow(dead_code)]
#[path = "../../../crates/thanos-ruler-controller/tests/plan/case/mod.rs"]
mod ruler;
#[allow(dead_code)]
#[path = "../../../crates/thanos-store-controller/tests/plan/case/mod.rs"]
mod store;

/// How long Thanos may take to start.
const START: Duration = Duration::from_secs(30);

/// Where containers have their files.
const FOLDERS: [&str; 2] = ["/etc/thanos/", "/var/thanos/"];

#[test]
fn every_rendered_case_starts_the_real_thanos() {
    every_case_of::<query::Case>();
    every_case_of::<store::Case>();
    every_case_of::<receive::Case>();
    every_case_of::<ruler::Case>();
}

/// Starts each rendered case of a controller.
fn every_case_of<C: Case>() {
    let controller = C::CONTROLLER;
    let mut started = 0;
    for (case, of) in C::all() {
        let documents = of.bodies();
        let has_pods = |d: &&Value| d["kind"] == "Deployment" || d["kind"] == "StatefulSet";
        for workload in documents.iter().filter(has_pods) {
            let name = format!("{controller}: {case}: {}", workload["metadata"]["name"]);
            start(&name, workload, &documents);
            started += 1;
        }
    }
    println!("{controller}: {started} workloads started");
    assert!(started >= 5, "only {started} of {controller}");
}

/// Starts the first container of a workload on this machine, on free ports and with its files.
fn start(name: &str, workload: &Value, documents: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pod = &workload["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    mount(pod, container, documents, folder);
    // All at once: a port that is free again could be given twice.
    let count = container["args"].as_array().unwrap().len();
    let mut free = free_ports(count).into_iter();
    let mut free_port = || free.next().expect("a port for each argument");
    let http = free_port();
    let args: Vec<String> = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            let arg = a.as_str().unwrap();
            match arg.split_once('=') {
                Some(("--http-address", _)) => format!("--http-address=127.0.0.1:{http}"),
                Some((flag, _)) if flag.ends_with("-address") || flag.ends_with(".address") => {
                    format!("{flag}=127.0.0.1:{}", free_port())
                }
                Some((flag, path)) if FOLDERS.iter().any(|f| path.starts_with(f)) => {
                    format!("{flag}={}{path}", folder.display())
                }
                _ => arg.to_owned(),
            }
        })
        .collect();
    let mut child = Command::new("thanos")
        .args(&args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("thanos is on the PATH: eval hack/cluster.sh env");
    let begun = Instant::now();
    // A frontend is ready when its querier is, and a bridge when its Prometheus is: neither is here. A
    // ruler is ready before it loads its rules.
    let (path, words) = match args[0].as_str() {
        "query" | "store" | "receive" => ("/-/ready", ""),
        "rule" => (
            "/metrics",
            "\nthanos_rule_config_last_reload_successful 1\n",
        ),
        _ => ("/-/healthy", ""),
    };
    loop {
        if get(http, path).is_some_and(|body| body.contains(words)) {
            break;
        }
        if let Ok(Some(status)) = child.try_wait() {
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("{name}: thanos {args:?} ended with {status}:\n{said}");
        }
        assert!(begun.elapsed() < START, "{name}: not ready: {args:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Puts the files of ConfigMaps and Secrets at the paths of the arguments.
fn mount(pod: &Value, container: &Value, documents: &[Value], folder: &Path) {
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let target = format!(
            "{}{}",
            folder.display(),
            mount["mountPath"].as_str().unwrap()
        );
        std::fs::create_dir_all(&target).unwrap();
        let volumes = pod["volumes"].as_array().into_iter().flatten();
        // The volume comes from a PVC, for which the folder is used.
        let Some(volume) = volumes.into_iter().find(|v| v["name"] == mount["name"]) else {
            continue;
        };
        let projected = volume["projected"]["sources"].as_array();
        let sources = projected.into_iter().flatten().chain([volume]);
        let maps = sources.filter_map(|source| source["configMap"]["name"].as_str());
        for map in maps {
            let found = documents
                .iter()
                .find(|d| d["kind"] == "ConfigMap" && d["metadata"]["name"] == map);
            let data = found.and_then(|m| m["data"].as_object());
            for (file, content) in data.into_iter().flatten() {
                // They name each other.
                let here = format!("\"{}/etc/thanos/", folder.display());
                let content = content.as_str().unwrap().replace("\"/etc/thanos/", &here);
                std::fs::write(format!("{target}/{file}"), content).unwrap();
            }
        }
        for item in volume["secret"]["items"].as_array().into_iter().flatten() {
            let file = format!("{target}/{}", item["path"].as_str().unwrap());
            std::fs::write(file, secret(&target)).unwrap();
        }
    }
}

/// What the user's Secret would hold that is mounted there.
fn secret(target: &str) -> String {
    match target.rsplit('/').next() {
        Some("object-storage") => format!("type: FILESYSTEM\nconfig:\n  directory: {target}\n"),
        Some("alertmanager-ca") => AUTHORITY.to_owned(),
        // A cache that is larger than one item may be if nothing is said.
        _ => "type: IN-MEMORY\nconfig:\n  max_size: 200MB\n".to_owned(),
    }
}

/// Some certificate authority, whose key was thrown away.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUDj9zVXvAovx/wyd5I7T2kEsknjwwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMxNjU5MjFaGA8yMTI2MTAzMDE2NTky
MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNh9
K/haxpd28j6aUF6D6xaaYrWAZ39eIvYo8qzt61bC3l6cbqLpjj4pjb+nPxiIVdlo
ESiHZ3WqXD6ZRuNmifKjUzBRMB0GA1UdDgQWBBQwzJO3+RIR5lpSciemgnLhxown
WzAfBgNVHSMEGDAWgBQwzJO3+RIR5lpSciemgnLhxownWzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIBZf0vK8jWj9Z7V73tdrnOVvZsI+Ec/4sV8h
Qx4GCiH8AiA1hu7RjKkqdRzSA0zbpXyHHXl6BpnONP34C8lMBQ1d4Q==
-----END CERTIFICATE-----
";

/// So many ports on loopback that no process listens on, and one more.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners = (0..=count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let listeners: Vec<_> = listeners.collect();
    let ports = listeners.iter().map(|l| l.local_addr().unwrap().port());
    ports.collect()
}

/// The body of an answer, if it is a good one.
fn get(port: u16, path: &str) -> Option<String> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    (head.split(' ').nth(1) == Some("200")).then(|| body.to_owned())
}
