//! Counts, all the time, what a querier has of what was acknowledged to a writer: exactly that, no
//! sample less and none twice.
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

/// How often it is counted.
const EVERY: Duration = Duration::from_secs(1);

/// A sample that was acknowledged so long ago must be there, in milliseconds.
pub const LAG: i64 = 10_000;

/// Faults that are looked into one by one.
const LOOKED_INTO: usize = 5;

/// Gets a path of a querier.
pub type Ask = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// Asks the querier of a ThanosQuery.
pub fn asking(cluster: Cluster, name: &str) -> Ask {
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
    /// Answers with warnings: an endpoint could not be asked.
    pub warned: usize,
    pub faults: Vec<Fault>,
}

impl Checked {
    /// Takes holes of a step for none if they are not larger than what only a replica had that was
    /// away.
    pub fn excuse(&mut self, step: &str, kept_once: impl Fn(Off) -> usize) {
        self.faults.retain(|fault| {
            let hole = fault.off.filter(|off| off.missing > 0);
            let hole = hole.filter(|_| fault.step == step);
            hole.is_none_or(|hole| hole.missing > kept_once(hole) as i64)
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
    ask: Ask,
    account: Account,
    stop: AtomicBool,
    /// What was written until then is not asked for.
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
    pub fn start(ask: Ask, account: Account) -> Self {
        let shared = Arc::new(Shared {
            ask,
            account,
            stop: AtomicBool::new(false),
            since: AtomicI64::new(now()),
            step: Mutex::new(("the start".to_owned(), Instant::now())),
            checked: Mutex::default(),
        });
        let task = tokio::spawn(count_all_the_time(shared.clone()));
        Self { shared, task }
    }

    /// Names what goes on from now on. Prints how long the step before took.
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
        let looked_into = shared.checked.lock().unwrap().faults.len() < LOOKED_INTO;
        let fault = match &counted {
            Count::Fault(what, Some(off)) if looked_into => {
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
    let settled = account.look(|written| written.settled());
    let until = settled.unwrap_or_default().min(now() - LAG);
    let desired = samples(account, after, until);
    if desired == 0 {
        return Count::Nothing;
    }
    let (range, time) = window(account, after, until);
    let metric = &account.stream.metric;
    let query = format!("sum(count_over_time({metric}[{range}]))");
    let path = query_path(&query, &format!("&time={time}&dedup=true"));
    let answer = match (shared.ask)(path).await.and_then(|text| answer(&text)) {
        Ok(answer) => answer,
        Err(why) => return Count::Fault(format!("no answer: {why}"), None),
    };
    let found = answer.value.unwrap_or_default();
    let warned = !answer.warnings.is_empty();
    if found == desired as f64 {
        return Count::Right { warned };
    }
    let difference = match found < desired as f64 {
        true => format!("a hole: {} samples are missing", desired as f64 - found),
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
    let ticks = account.look(|written| written.acknowledged(after, until));
    ticks * account.stream.series
}

/// Says more of a fault, as it is a moment later.
async fn look_into(shared: &Shared, after: i64, until: i64) -> String {
    let account = &shared.account;
    match Samples::ask(&shared.ask, account, after, until).await {
        Err(why) => format!("a moment later: no answer: {why}"),
        Ok(samples) => match samples.missing(account, after, until) {
            Some(missing) => format!("a moment later: {missing}"),
            None => "a moment later some replica had each of them".to_owned(),
        },
    }
}

/// Whether every sample is there that was acknowledged after a time, one by one and by a count with
/// deduplication.
pub async fn is_whole(ask: &Ask, account: &Account, after: i64) -> Result<(), String> {
    let until = account.look(|written| written.settled());
    let until = until.ok_or("nothing is written")?;
    let all = Samples::ask(ask, account, after, until).await?;
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
    let counted = counted(ask, account, after, until).await?;
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
    ask: &Ask,
    account: &Account,
    after: i64,
    until: i64,
) -> Result<Option<f64>, String> {
    let (range, time) = window(account, after, until);
    let query = format!("sum(count_over_time({}[{range}]))", account.stream.metric);
    let text = ask(query_path(&query, &format!("&time={time}&dedup=true"))).await?;
    Ok(answer(&text)?.value)
}

#[test]
fn only_holes_that_are_no_larger_than_what_was_kept_once_are_excused() {
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
    checked.excuse("this", |hole| {
        4 * usize::from((hole.after, hole.until) == (1, 2))
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
