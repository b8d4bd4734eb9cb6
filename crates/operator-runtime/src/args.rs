//! Flags common to all controllers.

use std::ffi::OsString;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Flags of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Comma-separated namespaces to reconcile; empty means all
    #[arg(long, env = "NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// Elect a leader with a Lease, so that only one replica reconciles at a time
    #[arg(
        long,
        env = "LEADER_ELECT",
        default_value_t = false,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        value_name = "BOOL"
    )]
    pub leader_elect: bool,

    /// Namespace of the controller, where its Lease is
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub lease_namespace: String,

    /// Name of this process in the Lease and in events
    #[arg(long, env = "POD_NAME", default_value = "")]
    pub identity: String,

    /// Listen address of /livez and /readyz
    #[arg(
        long,
        env = "HEALTH_ADDRESS",
        default_value = "0.0.0.0:8081",
        value_parser = address,
        value_name = "IP:PORT"
    )]
    pub health_address: SocketAddr,

    /// Listen address of /metrics
    #[arg(
        long,
        env = "METRICS_ADDRESS",
        default_value = "0.0.0.0:8080",
        value_parser = address,
        value_name = "IP:PORT"
    )]
    pub metrics_address: SocketAddr,

    /// Log level: error, warn, info, debug or trace
    #[arg(
        long = "log.level",
        env = "LOG_LEVEL",
        default_value = "info",
        value_parser = level,
        value_name = "LEVEL"
    )]
    pub log_level: tracing::Level,

    /// Format of log lines
    #[arg(
        long = "log.format",
        env = "LOG_FORMAT",
        value_enum,
        default_value = "logfmt"
    )]
    pub log_format: LogFormat,
}

impl RunArgs {
    /// Namespaces to reconcile; empty means all, as does an empty environment variable.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        named(&self.namespaces)
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse();
    address.map_err(|_| "expected IP:PORT, such as 0.0.0.0:8080 or [::]:8080".to_owned())
}

fn level(text: &str) -> Result<tracing::Level, String> {
    let level = text.parse();
    level.map_err(|_| "expected error, warn, info, debug or trace".to_owned())
}

/// The nonempty values of a flag that takes a list of names.
#[must_use]
pub fn named(values: &[String]) -> Vec<String> {
    let all = values.iter().map(|n| n.trim().to_owned());
    all.filter(|n| !n.is_empty()).collect()
}

/// The command line to parse: `run` is the default subcommand, and the feature gate is accepted in the
/// spelling of Go's flag package (`-feature-gate.…`), since published manifests contain it.
pub fn normalized(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args
        .into_iter()
        .map(|arg| match arg.to_str() {
            Some(text) if text.starts_with("-feature-gate.") => format!("-{text}").into(),
            _ => arg,
        })
        .collect();
    let flag = args.get(1).and_then(|a| a.to_str()).unwrap_or("-");
    if flag.starts_with('-') && !["-h", "--help", "-V", "--version"].contains(&flag) {
        args.insert(1.min(args.len()), "run".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    enum Cli {
        Run(RunArgs),
    }

    fn parse(args: &[&str]) -> RunArgs {
        let args = std::iter::once("x")
            .chain(args.iter().copied())
            .map(OsString::from);
        let Cli::Run(args) = Cli::try_parse_from(normalized(args)).unwrap();
        args
    }

    #[test]
    fn feature_gates_are_accepted_with_one_dash() {
        let args = ["x", "-feature-gate.a=false"].map(OsString::from);
        assert_eq!(normalized(args), ["x", "run", "--feature-gate.a=false"]);
    }

    #[test]
    fn run_is_the_default_subcommand() {
        assert_eq!(parse(&["run", "--namespaces=a"]).namespaces, ["a"]);
        assert_eq!(parse(&["--namespaces", "a,b"]).namespaces, ["a", "b"]);
        assert!(parse(&[]).namespaces().is_empty());
        assert!(parse(&["--namespaces="]).namespaces().is_empty());
        assert_eq!(parse(&["--namespaces=a, b,"]).namespaces(), ["a", "b"]);
        assert!(!parse(&[]).leader_elect);
        assert!(parse(&["--leader-elect"]).leader_elect);
    }
}
