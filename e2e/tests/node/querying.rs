//! Queries that are repeated while something changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use tokio::task::JoinHandle;

use crate::support::{Answer, querier, query};

/// Interval of the queries.
const EVERY: Duration = Duration::from_millis(150);

/// Returns the fault of a result, if there is one.
pub type Fault = Box<dyn Fn(&Answer) -> Option<String> + Send + Sync>;

/// A query with its parameters, and a check of its result.
pub struct CheckedQuery {
    pub query: &'static str,
    pub parameters: String,
    pub fault: Fault,
}

/// Results of all queries.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: usize,
    pub warned: usize,
    pub bad: Vec<String>,
}

/// A client that repeats queries until `end`.
pub struct QueryLoop {
    stop: Arc<AtomicBool>,
    began: Instant,
    task: JoinHandle<Tally>,
}

impl QueryLoop {
    /// Queries the querier of a ThanosQuery.
    pub fn start(cluster: Cluster, name: &str, checked_queries: Vec<CheckedQuery>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let task = tokio::spawn(run(cluster, querier(name), checked_queries, stop.clone()));
        Self {
            stop,
            began: Instant::now(),
            task,
        }
    }

    /// Stops. Asserts that there were enough queries and that every result was right.
    pub async fn end(self, what: &str) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.began.elapsed();
        let tally = self.task.await.unwrap();
        let Tally { sent, warned, bad } = &tally;
        let rate = *sent as f64 / took.as_secs_f64();
        println!(
            "{what}: queried {sent} times in {took:.0?} ({rate:.1}/s), {warned} with warnings, {} bad",
            bad.len()
        );
        assert!(rate >= 5.0, "only {rate:.1} queries a second");
        let few: Vec<&String> = bad.iter().take(3).collect();
        assert!(
            bad.is_empty(),
            "{what}: {} of {sent} results were bad, first: {few:#?}",
            bad.len()
        );
        tally
    }
}

async fn run(
    cluster: Cluster,
    target: String,
    checked_queries: Vec<CheckedQuery>,
    stop: Arc<AtomicBool>,
) -> Tally {
    let mut tally = Tally::default();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let next = tokio::time::sleep(EVERY);
        for checked in &checked_queries {
            tally.sent += 1;
            let answer = query(&cluster, &target, checked.query, &checked.parameters).await;
            let fault = match &answer {
                Ok(answer) => {
                    tally.warned += usize::from(!answer.warnings.is_empty());
                    (checked.fault)(answer)
                }
                Err(error) => Some(error.clone()),
            };
            let when = began.elapsed();
            tally
                .bad
                .extend(fault.map(|fault| format!("after {when:.1?}: {fault}")));
        }
        next.await;
    }
    tally
}
