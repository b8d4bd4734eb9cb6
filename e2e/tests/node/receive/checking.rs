//! Repeatedly compares the samples of a querier with those that were acknowledged to a writer: none may be
//! missing, none may be counted twice.
//!
//! The querier must deduplicate with `--deduplication.func=chain`, which merges samples of the same time
//! and leaves all others. The default, `penalty`, leaves samples out where chunks of two replicas overlap
//! and one of them lacks something: after an ingester was away, and for a series that comes back to it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::writer::{Account, now};
use futures::future::BoxFuture;
use tokio::task::JoinHandle;

use super::samples::Samples;
use crate::support::{answer, get, querier, query_path};

/// Interval of the counts.
const EVERY: Duration = Duration::from_secs(1);

/// Age from which an acknowledged sample must be found, in milliseconds.
pub const LAG: i64 = 10_000;

/// Maximum number of faults that are analysed.
const ANALYSED: usize = 5;

/// Requests a path of a querier.
pub type Querier = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// The querier of a ThanosQuery.
pub fn querier_of(cluster: Cluster, name: &str) -> Querier {
    let (cluster, target) = (Arc::new(cluster), querier(name));
    Arc::new(move |path| {
        let (cluster, target) = (cluster.clone(), target.clone());
        Box::pin(async move { get(&cluster, &target, &path).await })
    })
}

/// The range and the time of a query for samples after a time and until another. Both are moved to
/// the middle between two ticks, so that it is the same whether a range has its first moment.
pub fn window(account: &Account, after: i64, until: i64) -> (String, String) {
    let every = account.stream.every;
    let middle = |time: i64| time.div_euclid(every) * every + every / 2;
    let (after, until) = (middle(after), middle(until));
    let range = (until - after).max(1);
    (
        format!("{range}ms"),
        format!("{}.{:03}", until / 1000, until % 1000),
    )
}

/// What is wrong, and when it was.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The step that was under way.
    pub step: String,
    /// Since that step began.
    pub into: Duration,
    /// What is wrong.
    pub what: String,
    /// If it is the number of samples.
    pub off: Option<Off>,
}

/// Another number of samples than there should be.
#[derive(Clone, Copy, Debug)]
pub struct Off {
    /// How many are missing; less than 0 if there are too many.
    pub missing: i64,
    /// They are of after this time.
    pub after: i64,
    /// And until this one.
    pub until: i64,
}

/// What came of all counts.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    pub counted: usize,
    /// Results with warnings: an endpoint could not be queried.
    pub warned: usize,
    pub faults: Vec<Fault>,
}

impl Checked {
    /// Takes holes of a step for none if they are not larger than what only a replica had that was
    /// away.
    pub fn excuse(&mut self, step: &str, kept_once: impl Fn(Off) -> usize) {
        self.faults.retain(|fault| {
            let gap = fault.off.filter(|off| off.missing > 0);
            let gap = gap.filter(|_| fault.step == step);
            gap.is_none_or(|gap| gap.missing > kept_once(gap) as i64)
        });
    }

    /// Panics if there was any fault, with a line for each step that had some.
    #[track_caller]
    pub fn assert_whole(&self) {
        let mut lines: Vec<String> = Vec::new();
        let mut all = self.faults.iter().peekable();
        while let Some(first) = all.next() {
            let mut last = first;
            let mut count = 1;
            while let Some(next) = all.next_if(|next| next.step == first.step) {
                last = next;
                count += 1;
            }
            lines.push(format!(
                "{}: {count} faults from {:.0?} to {:.0?} into it, first: {}",
                first.step, first.into, last.into, first.what
            ));
        }
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}

struct Shared {
    querier: Querier,
    account: Account,
    stop: AtomicBool,
    /// Samples until then are not queried.
    since: AtomicI64,
    step: Mutex<(String, Instant)>,
    checked: Mutex<Checked>,
}

/// A client that counts until `end`.
pub struct Checker {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Checker {
    /// Starts to count what was written from now on.
    pub fn start(querier: Querier, account: Account) -> Self {
        let shared = Arc::new(Shared {
            querier,
            account,
            stop: AtomicBool::new(false),
            since: AtomicI64::new(now()),
            step: Mutex::new(("the start".to_owned(), Instant::now())),
            checked: Mutex::default(),
        });
        let task = tokio::spawn(count_all_the_time(shared.clone()));
        Self { shared, task }
    }

    /// Starts a named step. Prints the duration of the previous one.
    pub fn step(&self, name: &str) {
        let next = (name.to_owned(), Instant::now());
        let (last, began) = std::mem::replace(&mut *self.shared.step.lock().unwrap(), next);
        let faults = self.faults_in(&last);
        println!("{last}: {:.0?}, {faults} faults", began.elapsed());
    }

    /// How many faults there were so far in a step.
    pub fn faults_in(&self, step: &str) -> usize {
        let checked = self.shared.checked.lock().unwrap();
        checked.faults.iter().filter(|f| f.step == step).count()
    }

    /// Leaves out what was written until a time. What is kept once cannot be had while the pod that
    /// keeps it restarts. Returns the time until which it was left out before.
    pub fn leave_out_until(&self, time: i64) -> i64 {
        self.shared.since.swap(time, Ordering::Relaxed)
    }

    /// Stops, and returns the result.
    pub async fn end(self) -> Checked {
        self.step("the end");
        self.shared.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        let checked = self.shared.checked.lock().unwrap().clone();
        let Checked {
            counted, warned, ..
        } = checked;
        let faults = checked.faults.len();
        println!("counted {counted} times, {warned} with warnings, {faults} faults");
        checked
    }
}

async fn count_all_the_time(shared: Arc<Shared>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let next = tokio::time::sleep(EVERY);
        let (step, began) = shared.step.lock().unwrap().clone();
        let into = began.elapsed();
        let counted = count(&shared).await;
        let is_analysed = shared.checked.lock().unwrap().faults.len() < ANALYSED;
        let fault = match &counted {
            Count::Fault(what, Some(off)) if is_analysed => {
                let more = look_into(&shared, off.after, off.until).await;
                Some((format!("{what}; {more}"), Some(*off)))
            }
            Count::Fault(what, off) => Some((what.clone(), *off)),
            Count::Nothing | Count::Right { .. } => None,
        };
        {
            let mut checked = shared.checked.lock().unwrap();
            checked.counted += usize::from(!matches!(counted, Count::Nothing));
            checked.warned += usize::from(matches!(counted, Count::Right { warned: true }));
            checked.faults.extend(fault.map(|(what, off)| {
                println!("{step}, {into:.1?} into it: {what}");
                Fault {
                    step,
                    into,
                    what,
                    off,
                }
            }));
        }
        next.await;
    }
}

#[derive(Clone, Debug)]
enum Count {
    /// There is nothing to count yet.
    Nothing,
    Right {
        warned: bool,
    },
    Fault(String, Option<Off>),
}

/// Counts once.
async fn count(shared: &Shared) -> Count {
    let account = &shared.account;
    let after = shared.since.load(Ordering::Relaxed);
    let settled = account.read(|written| written.settled());
    let until = settled.unwrap_or_default().min(now() - LAG);
    let desired = samples(account, after, until);
    if desired == 0 {
        return Count::Nothing;
    }
    let (range, time) = window(account, after, until);
    let metric = &account.stream.metric;
    let query = format!("sum(count_over_time({metric}[{range}]))");
    let path = query_path(&query, &format!("&time={time}&dedup=true"));
    let answer = match (shared.querier)(path).await.and_then(|text| answer(&text)) {
        Ok(answer) => answer,
        Err(why) => return Count::Fault(format!("no answer: {why}"), None),
    };
    let found = answer.value.unwrap_or_default();
    let warned = !answer.warnings.is_empty();
    if found == desired as f64 {
        return Count::Right { warned };
    }
    let difference = match found < desired as f64 {
        true => format!("a gap: {} samples are missing", desired as f64 - found),
        false => format!("{} samples too many", found - desired as f64),
    };
    let what = format!(
        "{difference} of {desired} until {time}, warnings: {:?}",
        answer.warnings
    );
    let off = Off {
        missing: desired as i64 - found as i64,
        after,
        until,
    };
    Count::Fault(what, Some(off))
}

/// How many samples were acknowledged after a time and until another.
pub fn samples(account: &Account, after: i64, until: i64) -> usize {
    let ticks = account.read(|written| written.acknowledged(after, until));
    ticks * account.stream.series
}

/// Says more of a fault, as it is a moment later.
async fn look_into(shared: &Shared, after: i64, until: i64) -> String {
    let account = &shared.account;
    match Samples::query(&shared.querier, account, after, until).await {
        Err(why) => format!("a moment later: no answer: {why}"),
        Ok(samples) => match samples.missing(account, after, until) {
            Some(missing) => format!("a moment later: {missing}"),
            None => "a moment later some replica had each of them".to_owned(),
        },
    }
}

/// Whether every sample is there that was acknowledged after a time, one by one and by a count with
/// deduplication.
pub async fn is_whole(querier: &Querier, account: &Account, after: i64) -> Result<(), String> {
    let until = account.read(|written| written.settled());
    let until = until.ok_or("nothing is written")?;
    let all = Samples::query(querier, account, after, until).await?;
    if let Some(missing) = all.missing(account, after, until) {
        return Err(missing);
    }
    let desired = samples(account, after, until);
    let (found, copies) = all.count();
    let disputed = all.disputed();
    if found != desired || disputed > 0 {
        return Err(format!(
            "{found} samples and not {desired}, replicas disagree on {disputed}"
        ));
    }
    let counted = counted(querier, account, after, until).await?;
    match counted == Some(desired as f64) {
        true => {
            println!("all {desired} samples are there, and {copies} copies");
            Ok(())
        }
        false => Err(format!("{counted:?} with deduplication and not {desired}")),
    }
}

/// How many samples the querier has after a time and until another, with deduplication.
pub async fn counted(
    querier: &Querier,
    account: &Account,
    after: i64,
    until: i64,
) -> Result<Option<f64>, String> {
    let (range, time) = window(account, after, until);
    let query = format!("sum(count_over_time({}[{range}]))", account.stream.metric);
    let text = querier(query_path(&query, &format!("&time={time}&dedup=true"))).await?;
    Ok(answer(&text)?.value)
}

#[test]
fn only_gaps_covered_by_single_copies_are_tolerated() {
    let fault = |step: &str, missing: Option<i64>| Fault {
        step: step.to_owned(),
        into: Duration::ZERO,
        what: String::new(),
        off: missing.map(|missing| Off {
            missing,
            after: 1,
            until: 2,
        }),
    };
    let faults = [
        fault("this", Some(4)),
        fault("this", Some(5)),
        fault("this", Some(-1)),
        fault("this", None),
        fault("other", Some(1)),
    ];
    let mut checked = Checked {
        faults: faults.to_vec(),
        ..Checked::default()
    };
    checked.excuse("this", |gap| {
        4 * usize::from((gap.after, gap.until) == (1, 2))
    });
    let left = checked.faults.iter();
    let left: Vec<_> = left
        .map(|fault| (&*fault.step, fault.off.map(|off| off.missing)))
        .collect();
    assert_eq!(
        left,
        [
            ("this", Some(5)),
            ("this", Some(-1)),
            ("this", None),
            ("other", Some(1)),
        ]
    );
}
