//! The command line.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use e2e::controller::{Program, QUERY, RECEIVE, RULER, STORE};

/// The text of `--help`.
pub const USAGE: &str = "\
bench [--controller query|receive|ruler|store] [--count N] [--monitors N] [--json FILE]
  --controller C which controller (query)
  --count N      custom resources (200)
  --monitors N   ServiceMonitors for the last measurement of query, PrometheusRules for that of
                 ruler (10000); 0 leaves it out
  --json FILE    write the figures there too";

/// What to measure.
pub struct Options {
    /// The controller.
    pub program: Program,
    /// Number of custom resources.
    pub count: usize,
    /// Number of ServiceMonitors.
    pub monitors: usize,
    /// File for the figures.
    pub json: Option<PathBuf>,
}

impl Options {
    /// Parses the command line; `None` for `--help`.
    ///
    /// # Errors
    /// An invalid argument.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Option<Self>> {
        let mut options = Self {
            program: QUERY,
            count: 200,
            monitors: 10_000,
            json: None,
        };
        while let Some(argument) = arguments.next() {
            if matches!(argument.as_str(), "-h" | "--help") {
                return Ok(None);
            }
            let value = arguments.next();
            let value = value.with_context(|| format!("{argument} needs a value\n{USAGE}"))?;
            match argument.as_str() {
                "--controller" if value == "query" => options.program = QUERY,
                "--controller" if value == "receive" => options.program = RECEIVE,
                "--controller" if value == "ruler" => options.program = RULER,
                "--controller" if value == "store" => options.program = STORE,
                "--count" => options.count = value.parse().context("--count")?,
                "--monitors" => options.monitors = value.parse().context("--monitors")?,
                "--json" => options.json = Some(value.into()),
                _ => bail!("{argument} is unknown\n{USAGE}"),
            }
        }
        if options.count == 0 {
            bail!("--count must be 1 or more");
        }
        Ok(Some(options))
    }
}
