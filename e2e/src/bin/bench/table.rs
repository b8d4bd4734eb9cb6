//! The figures, with their targets beside them.

use std::fmt::{Display, Formatter};

use serde_json::{Value, json};

/// One figure.
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    /// It should be at most this.
    target: Option<f64>,
}

impl Row {
    fn verdict(&self) -> &'static str {
        match self.target {
            None => "",
            // What is not a number was not measured.
            Some(target) if self.value <= target => "met",
            Some(_) => "MISSED",
        }
    }
}

/// All figures.
pub struct Table {
    kind: &'static str,
    count: usize,
    rows: Vec<Row>,
}

impl Table {
    /// An empty table of a run with `count` resources of a kind.
    pub fn new(kind: &'static str, count: usize) -> Self {
        let rows = Vec::new();
        Self { kind, count, rows }
    }

    /// Adds a figure that has no target of its own.
    pub fn record(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name.into(), value, unit, None);
    }

    /// Adds a figure that should be at most `target`.
    pub fn judge(&mut self, name: impl Into<String>, value: f64, unit: &'static str, target: f64) {
        self.add(name.into(), value, unit, Some(target));
    }

    fn add(&mut self, name: String, value: f64, unit: &'static str, target: Option<f64>) {
        // Shows progress.
        eprintln!("    {name}: {} {unit}", number(value));
        self.rows.push(Row {
            name,
            value,
            unit,
            target,
        });
    }

    /// The figures for machines.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "name": row.name, "value": row.value, "unit": row.unit, "target": row.target,
                "met": row.target.map(|target| row.value <= target),
            })
        };
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        json!({
            "kind": self.kind,
            "resources": self.count,
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
            "loadAverage": load.trim(),
            "figures": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let width = self.rows.iter().map(|r| r.name.chars().count()).max();
        let width = width.unwrap_or_default();
        writeln!(f, "{} {} with an empty spec", self.count, self.kind)?;
        for row in &self.rows {
            let value = number(row.value);
            let target = row.target.map_or(String::new(), |t| format!("≤ {t}"));
            let line = format!(
                "{:<width$}  {value:>9} {:<5} {target:<8} {}",
                row.name,
                row.unit,
                row.verdict()
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        v if v.fract() == 0.0 || v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The value below which the given share of `values` lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let index = rank.saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
