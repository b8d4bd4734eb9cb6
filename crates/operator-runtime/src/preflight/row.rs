//! The report of a preflight: rows, as a table for people and as JSON for programs. Pure.

use serde::Serialize;
use serde_json::json;

/// How good or bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// It works, or may; worth knowing.
    Warn,
    /// It does not work.
    Fail,
}

impl Grade {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding about one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How good or bad it is.
    pub verdict: Grade,
    /// The object, in a word or two.
    pub check: &'static str,
    /// Which object it is about.
    pub object: String,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if nothing, or if `found` says it.
    pub remedy: String,
}

impl Row {
    /// Something that is as it should be.
    pub fn ok(check: &'static str, object: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            verdict: Grade::Ok,
            check,
            object: object.into(),
            found: found.into(),
            remedy: String::new(),
        }
    }

    /// A warning.
    pub fn warn(check: &'static str, object: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            verdict: Grade::Warn,
            ..Self::ok(check, object, found)
        }
    }

    /// Something that does not work.
    pub fn fail(check: &'static str, object: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            verdict: Grade::Fail,
            ..Self::ok(check, object, found)
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// The number of rows of each verdict: ok, warn, fail.
fn counts(rows: &[Row]) -> [usize; 3] {
    [Grade::Ok, Grade::Warn, Grade::Fail]
        .map(|grade| rows.iter().filter(|r| r.verdict == grade).count())
}

/// Whether nothing fails.
#[must_use]
pub fn reconciles(rows: &[Row]) -> bool {
    rows.iter().all(|r| r.verdict != Grade::Fail)
}

/// How wide the last column may be; longer texts go on in the next line.
const WIDTH: usize = 100;

/// The rows as a table, with a line at the end that sums them up.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let width = |cell: fn(&Row) -> usize, title: &str| {
        let widest = rows.iter().map(cell).max().unwrap_or_default();
        widest.max(title.len())
    };
    let verdict = width(|r| r.verdict.as_str().len(), "VERDICT");
    let check = width(|r| r.check.chars().count(), "CHECK");
    let object = width(|r| r.object.chars().count(), "OBJECT");
    let mut text = String::new();
    let mut line = |a: &str, b: &str, c: &str, d: &str| {
        let line = format!("{a:verdict$}  {b:check$}  {c:object$}  {d}");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line("VERDICT", "CHECK", "OBJECT", "FOUND");
    for row in rows {
        let mut found = wrapped(&row.found, "").into_iter();
        let first = found.next().unwrap_or_default();
        line(row.verdict.as_str(), row.check, &row.object, &first);
        for more in found.chain(wrapped(&row.remedy, "-> ")) {
            line("", "", "", &more);
        }
    }
    let [ok, warn, fail] = counts(rows);
    let sum = if fail == 0 { "passes" } else { "fails" };
    text.push_str(&format!("\n{sum}: {ok} ok, {warn} warn, {fail} fail\n"));
    text
}

/// The rows as one JSON object.
#[must_use]
pub fn as_json(rows: &[Row]) -> String {
    let [ok, warn, fail] = counts(rows);
    let all = json!({
        "pass": fail == 0,
        "counts": {"ok": ok, "warn": warn, "fail": fail},
        "rows": rows,
    });
    format!("{all:#}\n")
}

/// A text in lines of about the same width, the first after `prefix`, the others below its text.
/// No word is cut: commands and names are copied from here.
fn wrapped(text: &str, prefix: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{:1$}{word}", "", prefix.len())),
            None => lines.push(format!("{prefix}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_and_wraps() {
        let long = "word ".repeat(30);
        let rows = [
            Row::ok("crd", "thanosqueries", "served"),
            Row::warn("permissions", "x", long).remedy("apply the Role"),
        ];
        let text = table(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "VERDICT  CHECK        OBJECT         FOUND");
        assert_eq!(lines[1], "ok       crd          thanosqueries  served");
        assert!(lines[2].starts_with("warn     permissions  x              word word"));
        assert!(lines[3].starts_with("                                     word"));
        assert!(lines[4].ends_with("  -> apply the Role"), "{}", lines[4]);
        assert_eq!(lines[6], "passes: 1 ok, 1 warn, 0 fail");
        assert!(lines.iter().all(|l| l.chars().count() <= 37 + WIDTH));
    }

    #[test]
    fn a_failure_is_a_failure_of_the_whole() {
        let rows = [Row::ok("a", "b", "c"), Row::fail("a", "b", "c").remedy("d")];
        assert!(reconciles(&rows[..1]) && !reconciles(&rows));
        let json: serde_json::Value = serde_json::from_str(&as_json(&rows)).unwrap();
        assert_eq!(json["pass"], false);
        assert_eq!(json["rows"][1]["verdict"], "fail");
        assert_eq!(json["rows"][1]["remedy"], "d");
    }
}
