//! The PromQL functions and template functions of the configured Thanos. Pure.

use std::cmp::Ordering;
use std::sync::LazyLock;

use crate::functions::{Function, Functions};

/// A version of Thanos and the features that its arguments enable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dialect {
    version: &'static Version,
    /// `--enable-feature=promql-experimental-functions`
    pub experimental_functions: bool,
    /// `--query.enable-x-functions`: `xrate`, `xincrease` and `xdelta`.
    pub extended_functions: bool,
}

#[derive(Debug)]
struct Version {
    /// The first minor version of Thanos 0.
    since: u32,
    functions: LazyLock<Functions>,
    /// Whether durations are expressions: `step()`, `min()`, `max()` and zero are allowed.
    computes_durations: bool,
    /// Template functions that later versions added.
    missing_in_templates: &'static [&'static str],
}

/// From the newest to the oldest.
static VERSIONS: [Version; 3] = [
    Version {
        // 0.42 has the parser of 0.41.
        since: 41,
        functions: LazyLock::new(|| Functions::read(include_str!("functions/0.42.tsv"))),
        computes_durations: true,
        missing_in_templates: &[],
    },
    Version {
        since: 40,
        functions: LazyLock::new(|| Functions::read(include_str!("functions/0.40.tsv"))),
        computes_durations: true,
        missing_in_templates: &["urlQueryEscape"],
    },
    Version {
        since: 39,
        functions: LazyLock::new(|| Functions::read(include_str!("functions/0.39.tsv"))),
        computes_durations: false,
        missing_in_templates: &["urlQueryEscape", "now", "toDuration"],
    },
];

/// The extended functions of the Thanos engine. Each takes a range vector.
static EXTENDED: LazyLock<Functions> = LazyLock::new(|| {
    Functions::read(
        "xdelta\tmatrix\t0\tvector\tstable\n\
         xincrease\tmatrix\t0\tvector\tstable\n\
         xrate\tmatrix\t0\tvector\tstable\n",
    )
});

// `since` identifies a version.
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.since == other.since
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.since.cmp(&other.since)
    }
}

impl Default for Dialect {
    /// The newest known version without optional features.
    fn default() -> Self {
        Self::of_version("")
    }
}

impl Dialect {
    /// The dialect of an image tag such as `v0.42.4`. Newer versions, and tags without a version, count as
    /// the newest known version; older versions as the oldest.
    #[must_use]
    pub fn of_version(version: &str) -> Self {
        let minor = minor(version).unwrap_or(u32::MAX);
        let [newest, .., oldest] = &VERSIONS;
        let version = VERSIONS.iter().find(|v| v.since <= minor);
        Self {
            version: match minor {
                u32::MAX => newest,
                _ => version.unwrap_or(oldest),
            },
            experimental_functions: false,
            extended_functions: false,
        }
    }

    /// Adds the features that arguments of `thanos rule` enable. Other arguments are ignored.
    #[must_use]
    pub fn with_arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (argument, None),
            };
            match (flag, value) {
                // Thanos does not split the value at commas.
                ("--enable-feature", value) => {
                    let value = value.or_else(|| arguments.next());
                    self.experimental_functions |= value == Some("promql-experimental-functions");
                }
                ("--query.enable-x-functions", None) => self.extended_functions = true,
                ("--no-query.enable-x-functions", None) => self.extended_functions = false,
                _ => {}
            }
        }
        self
    }

    pub(crate) fn experimental(&self) -> bool {
        self.experimental_functions
    }

    pub(crate) fn computes_durations(&self) -> bool {
        self.version.computes_durations
    }

    pub(crate) fn function(&self, name: &str) -> Option<&'static Function> {
        let version: &'static Version = self.version;
        let extended = || EXTENDED.get(name).filter(|_| self.extended_functions);
        version.functions.get(name).or_else(extended)
    }

    pub(crate) fn has_template_function(&self, name: &str) -> bool {
        !self.version.missing_in_templates.contains(&name)
    }
}

/// The minor version of a tag such as `v0.42.4` or `0.42.4-rc.1`; `None` for version 1 and later.
fn minor(version: &str) -> Option<u32> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split(['.', '-', '+']).next()?;
    match major.parse() {
        Ok(0_u32) => minor.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn versions() {
        for (version, since) in [
            ("v0.42.4", 41),
            ("0.41.0", 41),
            ("v0.40.1-rc.0", 40),
            ("v0.39.2", 39),
            ("v0.30.0", 39),
            ("v0.99.0", 41),
            ("v1.0.0", 41),
            ("main-2026-01-01-abcdef", 41),
            ("", 41),
        ] {
            assert_eq!(
                Dialect::of_version(version).version.since,
                since,
                "{version}"
            );
        }
    }

    #[test]
    fn arguments() {
        let on = |arguments: &[&str]| {
            let dialect = Dialect::default().with_arguments(arguments.iter().copied());
            (dialect.experimental_functions, dialect.extended_functions)
        };
        assert_eq!(on(&[]), (false, false));
        assert_eq!(
            on(&["--enable-feature=promql-experimental-functions"]),
            (true, false)
        );
        assert_eq!(
            on(&["--enable-feature", "promql-experimental-functions"]),
            (true, false)
        );
        assert_eq!(
            on(&["--enable-feature=promql-experimental-functions,x"]),
            (false, false)
        );
        assert_eq!(on(&["--query.enable-x-functions"]), (false, true));
    }
}
