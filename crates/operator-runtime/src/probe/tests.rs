use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::body::DOCUMENT as LIMIT;
use super::*;

/// A fake pod: `/named/x` responds with `x`, other paths as the tests need.
pub(crate) struct Pod {
    port: u16,
    requested: Arc<Mutex<Vec<String>>>,
    closed: Arc<Notify>,
}

impl Pod {
    pub(crate) async fn run() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requested = Arc::<Mutex<Vec<String>>>::default();
        let closed = Arc::<Notify>::default();
        let (paths, done) = (requested.clone(), closed.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (paths, done) = (paths.clone(), done.clone());
                tokio::spawn(async move {
                    // Fails when the client closes the connection early.
                    let _ = serve(stream, paths).await;
                    done.notify_one();
                });
            }
        });
        Self {
            port,
            requested,
            closed,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Takes the paths that were requested so far.
    pub(crate) fn requested(&self) -> Vec<String> {
        std::mem::take(&mut self.requested.lock().unwrap())
    }
}

/// A URL that refuses connections.
pub(crate) async fn closed_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

async fn serve(mut stream: TcpStream, paths: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    paths.lock().unwrap().push(path.clone());
    let (code, body) = match path.as_str() {
        "/full" => (200, vec![b'x'; LIMIT]),
        "/huge" => (200, vec![b'x'; LIMIT + 1]),
        "/binary" => (200, vec![0xff]),
        "/silent" => return std::future::pending().await,
        "/stalls" => {
            stream.write_all(INCOMPLETE).await?;
            return std::future::pending().await;
        }
        "/breaks" => return stream.write_all(INCOMPLETE).await,
        "/moved" => (302, Vec::new()),
        path => match (path.strip_prefix("/named/"), path.strip_prefix("/tenants/")) {
            (Some(name), _) => (200, format!("{name}\n").into_bytes()),
            (_, Some(count)) => return ingester(stream, count.parse().unwrap()).await,
            (None, None) => (404, b"no such thing".to_vec()),
        },
    };
    let head = format!(
        "HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    // Until the client closes the connection.
    while stream.read(&mut [0]).await? > 0 {}
    Ok(())
}

/// The beginning of a response that never completes.
const INCOMPLETE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nheld 1\n";

/// Metrics of an ingester with this number of tenants, with a realistic number of lines for each.
async fn ingester(mut stream: TcpStream, tenants: usize) -> io::Result<()> {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head).await?;
    for tenant in 0..tenants {
        let tenant = format!("tenant=\"team-{tenant}-of-some-customer-with-a-long-name\"");
        let mut chunk = format!("prometheus_tsdb_head_series{{{tenant}}} 1\n");
        for bucket in 0..250 {
            chunk += &format!("other_duration_seconds_bucket{{{tenant},le=\"{bucket}\"}} 0\n");
        }
        let size = format!("{:x}\r\n", chunk.len());
        stream.write_all(size.as_bytes()).await?;
        stream.write_all(chunk.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
    }
    stream.write_all(b"0\r\n\r\n").await
}

fn probe(url: &str, every: u64) -> Probe {
    Probe {
        url: url.to_owned(),
        every: Duration::from_secs(every),
        read: Read::Document {
            keep: |body| Ok(body.len().to_string()),
        },
    }
}

/// The sum of a metric over all tenants.
fn series(url: &str) -> Probe {
    Probe {
        read: Read::Metrics {
            names: &["prometheus_tsdb_head_series"],
            line: |line| Some(line.to_owned()),
            keep: |lines| {
                let samples = lines.lines().filter_map(Sample::parse);
                samples.map(|s| s.value).sum::<f64>().to_string()
            },
        },
        ..probe(url, 60)
    }
}

async fn result_of(url: &str) -> Result<String, String> {
    let results = Prober::default().probe(vec![probe(url, 60)]).await;
    results.into_iter().next().unwrap().1
}

#[tokio::test]
async fn result_is_extracted_from_the_body() {
    let pod = Pod::run().await;
    assert_eq!(result_of(&pod.url("/named/abc")).await.unwrap(), "4");
    let full = result_of(&pod.url("/full")).await;
    assert_eq!(full.unwrap(), LIMIT.to_string());
}

#[tokio::test]
async fn metrics_of_2000_tenants_are_read() {
    let pod = Pod::run().await;
    let due = vec![series(&pod.url("/tenants/2000"))];
    let answers = Prober::default().probe(due).await;
    assert_eq!(answers[0].1.as_deref(), Ok("2000"));
}

#[tokio::test]
async fn interrupted_response_is_an_error() {
    let pod = Pod::run().await;
    for due in [series(&pod.url("/breaks")), probe(&pod.url("/breaks"), 60)] {
        let answers = Prober::default().probe(vec![due]).await;
        assert!(answers[0].1.is_err(), "{:?}", answers[0]);
    }
}

/// The budget holds two documents.
#[tokio::test(start_paused = true)]
async fn bodies_share_one_budget() {
    let pod = Pod::run().await;
    let prober = Prober::default();
    let stalls = |n| (0..n).map(|_| probe(&pod.url("/stalls"), 60)).collect();
    let start = Instant::now();
    // As in two concurrent reconciles.
    tokio::join!(prober.probe(stalls(1)), prober.probe(stalls(1)));
    assert!(start.elapsed() < 2 * TIMEOUT, "{:?}", start.elapsed());
    let start = Instant::now();
    let (one, two) = tokio::join!(prober.probe(stalls(1)), prober.probe(stalls(2)));
    assert!(start.elapsed() >= 2 * TIMEOUT, "{:?}", start.elapsed());
    for (_, answer) in one.iter().chain(&two) {
        assert_eq!(answer.as_ref().unwrap_err(), "no response within 3 s");
    }
    assert_eq!(prober.budget.available_permits(), BUDGET);
}

#[tokio::test]
async fn connection_is_closed_after_the_response() {
    let pod = Pod::run().await;
    let prober = Prober::default();
    prober.probe(vec![probe(&pod.url("/named/abc"), 60)]).await;
    let closed = tokio::time::timeout(Duration::from_secs(10), pod.closed.notified());
    assert!(closed.await.is_ok());
}

#[tokio::test]
async fn failed_probe_is_an_error_with_the_reason() {
    let pod = Pod::run().await;
    let cases = [
        (pod.url("/huge"), "larger than 16 MiB"),
        (pod.url("/binary"), "is not UTF-8 text"),
        (pod.url("/missing"), "HTTP status 404"),
        (pod.url("/moved"), "HTTP status 302"),
        (closed_url().await, "Connection refused"),
        ("https://127.0.0.1/".to_owned(), "scheme"),
        ("http://".to_owned(), "invalid URL"),
    ];
    for (url, text) in cases {
        let error = result_of(&url).await.unwrap_err();
        assert!(error.contains(text), "{url}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn probe_of_a_silent_pod_times_out() {
    let pod = Pod::run().await;
    let start = Instant::now();
    let error = result_of(&pod.url("/silent")).await.unwrap_err();
    assert_eq!(error, "no response within 3 s");
    assert!(start.elapsed() < TIMEOUT + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn silent_pods_time_out_concurrently() {
    let pod = Pod::run().await;
    let due = |n| (0..n).map(|_| probe(&pod.url("/silent"), 60)).collect();
    let start = Instant::now();
    Prober::default().probe(due(AT_ONCE)).await;
    assert!(start.elapsed() < 2 * TIMEOUT);
    Prober::default().probe(due(AT_ONCE + 1)).await;
    assert!(start.elapsed() >= 3 * TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn probes_are_due_by_the_age_of_the_result() {
    let (often, seldom) = (probe("http://a/", 10), probe("http://b/", 60));
    let both = [often.clone(), seldom.clone()];
    let urls = |due: Vec<Probe>| due.into_iter().map(|i| i.url).collect::<Vec<_>>();
    let mut answers = ProbeResults::default();
    assert_eq!(answers.next(&[]), None);
    assert_eq!(answers.next(&both), Some(Duration::ZERO));
    assert_eq!(answers.answer(&often.url), None);
    let twice = [often.clone(), seldom.clone(), often.clone()];
    assert_eq!(urls(answers.due(&twice)), ["http://a/", "http://b/"]);

    let at = Instant::now();
    tokio::time::advance(Duration::from_secs(2)).await;
    answers.record(&often, at, Ok("x".to_owned()));
    answers.record(&seldom, at, Err("y".to_owned()));
    assert_eq!(answers.answer(&often.url), Some(Ok("x")));
    assert_eq!(answers.answer(&seldom.url), Some(Err("y")));
    assert!(answers.due(&both).is_empty());
    assert_eq!(answers.next(&both), Some(Duration::from_secs(8)));
    tokio::time::advance(Duration::from_secs(8)).await;
    assert_eq!(urls(answers.due(&both)), ["http://a/"]);
    assert_eq!(answers.next(&both), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn unreachable_for_counts_from_the_first_failed_probe() {
    let it = probe("http://a/", 10);
    let mut answers = ProbeResults::default();
    assert_eq!(answers.unreachable_for(&it.url), Duration::ZERO);
    for seconds in [10, 20, 30] {
        answers.record(&it, Instant::now(), Err("refused".to_owned()));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(
            answers.unreachable_for(&it.url),
            Duration::from_secs(seconds)
        );
    }
    answers.remember(&it.url, Ok(String::new()));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(answers.unreachable_for(&it.url), Duration::ZERO);
    answers.remember(&it.url, Err("refused".to_owned()));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(answers.unreachable_for(&it.url), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn unused_results_are_dropped() {
    let (used, other) = (probe("http://a/", 60), probe("http://b/", 60));
    let slow = probe("http://c/", 3600);
    let mut answers = ProbeResults::default();
    for it in [&used, &other, &slow] {
        answers.record(it, Instant::now(), Ok(String::new()));
    }
    tokio::time::advance(FORGET).await;
    answers.due(std::slice::from_ref(&used));
    assert!(answers.answer(&other.url).is_some());
    tokio::time::advance(Duration::from_secs(60)).await;
    answers.due(std::slice::from_ref(&used));
    assert!(answers.answer(&other.url).is_none());
    assert!(answers.answer(&used.url).is_some());
    assert!(answers.answer(&slow.url).is_some(), "it is not due yet");
}
