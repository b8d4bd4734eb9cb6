//! Flags of the integration with Prometheus Operator.

use clap::Args;

/// Flags of the integration with Prometheus Operator.
#[derive(Args, Clone, Debug)]
pub struct IntegrationArgs {
    /// Use the CRDs of Prometheus Operator if they are installed
    #[arg(
        long = "feature-gate.enable-prometheus-operator-crds",
        env = "ENABLE_PROMETHEUS_OPERATOR_CRDS",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        value_name = "BOOL"
    )]
    pub prometheus_operator: bool,

    /// Labels of the ServiceMonitor of the controller itself, for Prometheuses to select
    #[arg(
        long = "service-monitor.labels",
        env = "SERVICE_MONITOR_LABELS",
        value_delimiter = ',',
        value_parser = label,
        value_name = "KEY=VALUE"
    )]
    pub service_monitor_labels: Vec<(String, String)>,
}

/// Parses a label; the API server validates it.
fn label(text: &str) -> Result<(String, String), String> {
    let label = text.split_once('=');
    let label = label.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    label
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| "expected KEY=VALUE".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        integration: IntegrationArgs,
    }

    fn parse(args: &[&str]) -> IntegrationArgs {
        let args = std::iter::once(&"x").chain(args);
        Cli::parse_from(args).integration
    }

    #[test]
    fn feature_gate_is_open_unless_it_is_false() {
        let gate = |args: &[&str]| parse(args).prometheus_operator;
        let flag = "--feature-gate.enable-prometheus-operator-crds";
        assert!(gate(&[]));
        assert!(gate(&[flag]));
        assert!(gate(&[&format!("{flag}=true")]));
        assert!(!gate(&[&format!("{flag}=false")]));
    }

    #[test]
    fn labels_are_pairs() {
        let labels = parse(&["--service-monitor.labels=release=kps,team=a"]).service_monitor_labels;
        let text = |s: &str| s.to_owned();
        assert_eq!(
            labels,
            [(text("release"), text("kps")), (text("team"), text("a"))]
        );
    }
}
