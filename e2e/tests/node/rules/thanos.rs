//! The real Thanos: `thanos tools rules-check`, and rulers.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Number of files for one process, which keeps all of them open.
const AT_ONCE: usize = 500;

/// Timeout until a ruler has loaded its rules.
const START: Duration = Duration::from_secs(60);

/// A directory for rule files, deleted when dropped.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn write(&self, number: usize, file: &str) {
        std::fs::write(self.0.path().join(format!("{number:06}.yaml")), file).unwrap();
    }

    /// Whether Thanos accepts each of these files.
    pub fn accepted(&self, files: &[String]) -> Vec<bool> {
        files
            .chunks(AT_ONCE)
            .flat_map(|files| self.some(files))
            .collect()
    }

    fn some(&self, files: &[String]) -> Vec<bool> {
        for entry in std::fs::read_dir(self.0.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (i, file) in files.iter().enumerate() {
            self.write(i, file);
        }
        let output = Command::new("thanos")
            .args(["tools", "rules-check"])
            .arg(format!("--rules={}/*.yaml", self.0.path().display()))
            .output()
            .expect("thanos is on the PATH: eval hack/cluster.sh env");
        // One line for each file in their order, and one for its result.
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said
            .lines()
            .filter(|line| line.contains(" caller=tools.go:"));
        let verdicts: Vec<_> = lines
            .filter_map(|line| {
                let is = |text: &str| line.split(' ').any(|word| word == text);
                match (is("result=SUCCESS"), is("result=FAILED")) {
                    (false, false) => None,
                    (good, _) => Some(good),
                }
            })
            .collect();
        assert_eq!(verdicts.len(), files.len(), "{said}");
        assert_eq!(output.status.success(), verdicts.iter().all(|good| *good));
        verdicts
    }
}

/// A ruler with the files of a directory, killed when dropped.
pub struct Ruler {
    child: Child,
    http: u16,
    log: PathBuf,
}

impl Ruler {
    fn run(folder: &Folder, flags: &[&str]) -> Self {
        let (http, grpc) = (free_port(), free_port());
        let log = folder.0.path().join("log");
        let path = folder.0.path().display();
        let child = Command::new("thanos")
            .arg("rule")
            .arg(format!("--rule-file={path}/*.yaml"))
            .arg(format!("--data-dir={path}/data"))
            .arg(format!("--http-address=127.0.0.1:{http}"))
            .arg(format!("--grpc-address=127.0.0.1:{grpc}"))
            // No querier listens there, and no rule is evaluated before the test ends.
            .args([
                "--query=127.0.0.1:1",
                "--label=a=\"b\"",
                "--eval-interval=24h",
            ])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
            .spawn()
            .expect("thanos is on the PATH: eval hack/cluster.sh env");
        Self { child, http, log }
    }

    /// Starts a ruler.
    pub fn start(folder: &Folder, flags: &[&str]) -> Self {
        Self::run(folder, flags)
    }

    /// Waits until it has loaded this many groups, and returns them. It is ready before that, and exits if it
    /// rejects one.
    pub fn has_groups(mut self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let groups = self.groups();
            match groups {
                Some(groups) if groups.len() == count => return groups,
                _ => {}
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || begun.elapsed() > START {
                let log = self.log();
                let errors: Vec<_> = log.lines().filter(|line| line.contains("err=")).collect();
                let groups = self.groups().map(|groups| groups.len());
                panic!("{ended:?}, {groups:?} groups: {}", errors.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The loaded groups, if it is reachable.
    fn groups(&self) -> Option<Vec<Value>> {
        let mut answer: Value = serde_json::from_str(&get(self.http, "/api/v1/rules")?).ok()?;
        match answer["data"]["groups"].take() {
            Value::Array(groups) => Some(groups),
            _ => None,
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Whether a ruler exits at startup because of its files.
    pub fn rejects(folder: &Folder) -> bool {
        let mut ruler = Self::run(folder, &[]);
        let begun = Instant::now();
        while begun.elapsed() < START {
            if let Some(status) = ruler.child.try_wait().unwrap() {
                let log = ruler.log();
                assert!(log.contains("reloading rules failed"), "{log}");
                return !status.success();
            }
            if ruler.groups().is_some_and(|groups| !groups.is_empty()) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the ruler neither ends nor has rules");
    }
}

impl Drop for Ruler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The body of a successful response.
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
