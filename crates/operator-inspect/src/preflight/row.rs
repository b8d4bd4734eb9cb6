//! Result of a preflight: rows, printed as a table or as JSON. Pure.

use serde::Serialize;
use serde_json::json;

/// Remedy for a missing permission of the user who runs the preflight.
pub(super) const RERUN: &str = "rerun with that permission";

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// No problem.
    Ok,
    /// A possible problem.
    Warn,
    /// The controller or the custom resource does not work.
    Fail,
}

impl Grade {
    /// Text in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding about one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Severity.
    pub result: Grade,
    /// Name of the check.
    pub check: &'static str,
    /// Object of the finding.
    pub object: String,
    /// Finding.
    pub found: String,
    /// What to do; may be empty.
    pub remedy: String,
}

impl Row {
    /// A row without a problem.
    pub fn ok(check: &'static str, object: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            result: Grade::Ok,
            check,
            object: object.into(),
            found: found.into(),
            remedy: String::new(),
        }
    }

    /// A warning.
    pub fn warn(check: &'static str, object: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            result: Grade::Warn,
            ..Self::ok(check, object, found)
        }
    }

    /// A failure.
    pub fn fail(check: &'static str, object: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            result: Grade::Fail,
            ..Self::ok(check, object, found)
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// A row in JSON.
#[derive(Serialize)]
struct JsonRow<'a> {
    controller: &'a str,
    #[serde(flatten)]
    row: &'a Row,
}

/// Number of rows of each severity: ok, warn, fail.
fn counts(rows: &[Row]) -> [usize; 3] {
    [Grade::Ok, Grade::Warn, Grade::Fail]
        .map(|grade| rows.iter().filter(|r| r.result == grade).count())
}

/// Whether no row fails.
#[must_use]
pub fn reconciles(rows: &[Row]) -> bool {
    rows.iter().all(|r| r.result != Grade::Fail)
}

/// Width of the last column, where longer texts wrap.
const WIDTH: usize = 100;

/// The rows as a table, followed by a summary line.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let width = |cell: fn(&Row) -> usize, title: &str| {
        let widest = rows.iter().map(cell).max().unwrap_or_default();
        widest.max(title.len())
    };
    let result = width(|r| r.result.as_str().len(), "RESULT");
    let check = width(|r| r.check.chars().count(), "CHECK");
    let object = width(|r| r.object.chars().count(), "OBJECT");
    let mut text = String::new();
    let mut line = |a: &str, b: &str, c: &str, d: &str| {
        let line = format!("{a:result$}  {b:check$}  {c:object$}  {d}");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line("RESULT", "CHECK", "OBJECT", "FOUND");
    for row in rows {
        let mut found = wrapped(&row.found, "").into_iter();
        let first = found.next().unwrap_or_default();
        line(row.result.as_str(), row.check, &row.object, &first);
        for more in found.chain(wrapped(&row.remedy, "-> ")) {
            line("", "", "", &more);
        }
    }
    let [ok, warn, fail] = counts(rows);
    let sum = if fail == 0 { "passes" } else { "fails" };
    text.push_str(&format!("\n{sum}: {ok} ok, {warn} warn, {fail} fail\n"));
    text
}

/// The rows of each controller as one JSON object.
#[must_use]
pub fn as_json(all: &[(&str, Vec<Row>)]) -> String {
    let rows: Vec<Row> = all.iter().flat_map(|(_, rows)| rows.clone()).collect();
    let [ok, warn, fail] = counts(&rows);
    let rows = all
        .iter()
        .flat_map(|(controller, rows)| rows.iter().map(move |row| JsonRow { controller, row }));
    let rows: Vec<JsonRow<'_>> = rows.collect();
    let all = json!({
        "pass": fail == 0,
        "counts": {"ok": ok, "warn": warn, "fail": fail},
        "rows": rows,
    });
    format!("{all:#}\n")
}

/// Wraps a text, the first line after `prefix`, the others indented by its width. Breaks only at
/// spaces, so that commands and names can be copied.
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
    fn table_is_aligned_and_wraps_long_texts() {
        let long = "word ".repeat(30);
        let rows = [
            Row::ok("crd", "thanosqueries", "served"),
            Row::warn("permissions", "x", long).remedy("apply the Role"),
        ];
        let text = table(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "RESULT  CHECK        OBJECT         FOUND");
        assert_eq!(lines[1], "ok      crd          thanosqueries  served");
        assert!(lines[2].starts_with("warn    permissions  x              word word"));
        assert!(lines[3].starts_with("                                    word"));
        assert!(lines[4].ends_with("  -> apply the Role"), "{}", lines[4]);
        assert_eq!(lines[6], "passes: 1 ok, 1 warn, 0 fail");
        assert!(lines.iter().all(|l| l.chars().count() <= 37 + WIDTH));
    }

    #[test]
    fn one_failed_row_fails_the_preflight() {
        let rows = [Row::ok("a", "b", "c"), Row::fail("a", "b", "c").remedy("d")];
        assert!(reconciles(&rows[..1]) && !reconciles(&rows));
        let json: serde_json::Value =
            serde_json::from_str(&as_json(&[("c", rows.to_vec())])).unwrap();
        assert_eq!(json["pass"], false);
        assert_eq!(json["rows"][1]["controller"], "c");
        assert_eq!(json["rows"][1]["result"], "fail");
        assert_eq!(json["rows"][1]["remedy"], "d");
    }
}
