//! Questions that are asked all the time, while something changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use tokio::task::JoinHandle;

use crate::support::{Answer, querier, query};

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(150);

/// What is wrong with an answer, if anything is.
pub type Fault = Box<dyn Fn(&Answer) -> Option<String> + Send + Sync>;

/// A question: a query with its parameters, and how an answer is judged.
pub struct AccessCheck {
    pub query: &'static str,
    pub parameters: String,
    pub fault: Fault,
}

/// What came of all questions.
#[derive(Debug, Default)]
pub struct Tally {
    pub asked: usize,
    pub warned: usize,
    pub bad: Vec<String>,
}

/// A client that queries. Use `end`.
pub struct Asking {
    stop: Arc<AtomicBool>,
    began: Instant,
    task: JoinHandle<Tally>,
}

impl Asking {
    /// Asks the querier of a ThanosQuery.
    pub fn start(cluster: Cluster, name: &str, access_checks: Vec<AccessCheck>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let task = tokio::spawn(ask(cluster, querier(name), access_checks, stop.clone()));
        Self {
            stop,
            began: Instant::now(),
            task,
        }
    }

    /// Stops. There were enough questions, and every answer was right.
    pub async fn end(self, what: &str) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.began.elapsed();
        let tally = self.task.await.unwrap();
        let Tally { asked, warned, bad } = &tally;
        let rate = *asked as f64 / took.as_secs_f64();
        println!(
            "{what}: asked {asked} times in {took:.0?} ({rate:.1}/s), {warned} with warnings, {} bad",
            bad.len()
        );
        assert!(rate >= 5.0, "only {rate:.1} queries a second");
        let few: Vec<&String> = bad.iter().take(3).collect();
        assert!(
            bad.is_empty(),
            "{what}: {} of {asked} answers were bad, first: {few:#?}",
            bad.len()
        );
        tally
    }
}

async fn ask(
    cluster: Cluster,
    target: String,
    access_checks: Vec<AccessCheck>,
    stop: Arc<AtomicBool>,
) -> Tally {
    let mut tally = Tally::default();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let next = tokio::time::sleep(EVERY);
        for question in &access_checks {
            tally.asked += 1;
            let answer = query(&cluster, &target, question.query, &question.parameters).await;
            let fault = match &answer {
                Ok(answer) => {
                    tally.warned += usize::from(!answer.warnings.is_empty());
                    (question.fault)(answer)
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
