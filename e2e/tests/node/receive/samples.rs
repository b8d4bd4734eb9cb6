//! Samples one by one, of every replica: which of them a querier has, and which it lacks.

use std::collections::{BTreeMap, BTreeSet};

use e2e::writer::Account;
use serde_json::{Value, json};

use super::checking::{Querier, window};
use crate::support::query_path;

/// Holes that are reported one by one.
const FEW: usize = 5;

/// What the replicas of one series have together.
#[derive(Debug, Default)]
struct Series {
    /// Value by time.
    samples: BTreeMap<i64, f64>,
    /// Who has it, by time.
    replicas: BTreeMap<i64, BTreeSet<String>>,
    /// How many samples there are more than once.
    copies: usize,
    /// Samples of another value than another replica has.
    disputed: usize,
}

/// All samples of a stream, without deduplication.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<usize, Series>);

impl Samples {
    /// Queries the samples after a time and until another.
    pub async fn query(
        querier: &Querier,
        account: &Account,
        after: i64,
        until: i64,
    ) -> Result<Self, String> {
        let (range, time) = window(account, after, until);
        let query = format!("{}[{range}]", account.stream.metric);
        let text = querier(query_path(&query, &format!("&time={time}&dedup=false"))).await?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let answer: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if answer["status"] != "success" {
            return Err(text.to_owned());
        }
        let mut all = Self::default();
        for replica in answer["data"]["result"].as_array().into_iter().flatten() {
            let index = replica["metric"]["series"].as_str();
            let index = index.and_then(|index| index.parse().ok());
            let series = all.0.entry(index.ok_or("a series without its number")?);
            let series = series.or_default();
            let name = replica["metric"]["replica"].as_str();
            let name = name.ok_or("a series without its replica")?;
            for pair in replica["values"].as_array().into_iter().flatten() {
                let time = pair[0].as_f64().ok_or("a sample without a time")?;
                let time = (time * 1000.0).round() as i64;
                let value = pair[1].as_str().and_then(|value| value.parse().ok());
                let value: f64 = value.ok_or("a sample without a value")?;
                series
                    .replicas
                    .entry(time)
                    .or_default()
                    .insert(name.to_owned());
                if let Some(other) = series.samples.insert(time, value) {
                    series.copies += 1;
                    series.disputed += usize::from(other != value);
                }
            }
        }
        Ok(all)
    }

    /// How many samples there are, each counted once, and how many copies of them.
    pub fn count(&self) -> (usize, usize) {
        let of = |count: fn(&Series) -> usize| self.0.values().map(count).sum();
        (
            of(|series| series.samples.len()),
            of(|series| series.copies),
        )
    }

    /// How many samples after a time and until another one replica has, and no other.
    pub fn kept_once_by(&self, replica: &str, after: i64, until: i64) -> usize {
        let of = |series: &Series| {
            let all = series.replicas.range(after + 1..=until);
            all.filter(|(_, who)| who.len() == 1 && who.contains(replica))
                .count()
        };
        self.0.values().map(of).sum()
    }

    /// What is acknowledged, and is not here or is here with another value.
    pub fn missing(&self, account: &Account, after: i64, until: i64) -> Option<String> {
        let desired: Vec<(i64, f64)> = account.read(|written| {
            let ticks = written.ticks().iter().enumerate();
            let ticks = ticks.filter(|(_, t)| t.time > after && t.time <= until);
            let acknowledged = ticks.filter(|(_, t)| t.lost.is_none());
            acknowledged
                .map(|(number, t)| (t.time, number as f64))
                .collect()
        });
        let none = Series::default();
        let mut holes = Vec::new();
        let mut count = 0;
        let mut times = BTreeSet::new();
        for index in 0..account.stream.series {
            let has = self.0.get(&index).unwrap_or(&none);
            let lacks = desired.iter();
            let lacks = lacks.filter(|(time, value)| has.samples.get(time) != Some(value));
            let lacks: Vec<i64> = lacks.map(|(time, _)| *time).collect();
            count += lacks.len();
            times.extend(lacks.iter().copied());
            if let (Some(first), Some(last)) = (lacks.first(), lacks.last()) {
                let many = lacks.len();
                holes.push(format!("{many} of series {index} from {first} to {last}"));
            }
        }
        let (first, last) = (times.first()?, times.last()?);
        let few = holes.len().min(FEW);
        Some(format!(
            "{count} samples of {} series at {} times from {first} to {last}: {}",
            holes.len(),
            times.len(),
            holes[..few].join(", ")
        ))
    }

    /// Samples that replicas disagree on.
    pub fn disputed(&self) -> usize {
        self.0.values().map(|series| series.disputed).sum()
    }
}

#[test]
fn samples_of_a_single_replica_are_counted() {
    let of = |replica: &str, times: &[i64]| {
        let values = times.iter().map(|time| json!([time, "1"]));
        let values: Vec<Value> = values.collect();
        json!({"metric": {"series": "0", "replica": replica}, "values": values})
    };
    let result = [of("a", &[1, 2, 3, 4]), of("b", &[2, 5])];
    let answer = json!({"status": "success", "data": {"result": result}});
    let samples = Samples::parse(&answer.to_string()).unwrap();
    assert_eq!(samples.kept_once_by("a", 0, 5000), 3);
    assert_eq!(samples.kept_once_by("a", 1000, 3000), 1);
    assert_eq!(samples.kept_once_by("b", 0, 5000), 1);
    assert_eq!(samples.count(), (5, 1));
}
