//! Generates committed files. `--check` writes nothing and fails if a file is not up to date.

mod alerts;
mod chart;
mod crds;
mod dashboards;
#[cfg(test)]
mod expressions;
mod prometheus_operator;
mod rbac;
mod yaml;

#[cfg(test)]
mod modules;
#[cfg(test)]
mod shipped;

use std::path::Path;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    task: Task,
    /// Compare with the committed files instead of writing them.
    #[arg(long, global = true)]
    check: bool,
}

#[derive(Subcommand)]
enum Task {
    /// deploy/crds: the CRDs.
    Crds,
    /// deploy/components: the permissions of each controller and of users.
    Rbac,
    /// deploy/helm: the CRDs, permissions and policies of the chart.
    Chart,
    /// deploy/prometheus-operator: its CRDs and its own manifests, from its Go module.
    PrometheusOperator,
    /// deploy/components/alerts and deploy/alerts: the alerts.
    Alerts,
    /// deploy/components/dashboards: the Grafana dashboards.
    Dashboards,
    /// Everything.
    All,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = match args.task {
        Task::Crds => crds::files()?,
        Task::Rbac => rbac::files()?,
        Task::Chart => chart::files(&root)?,
        Task::PrometheusOperator => prometheus_operator::files(&root)?,
        Task::Alerts => alerts::files(&root)?,
        Task::Dashboards => dashboards::files(),
        Task::All => [
            alerts::files(&root)?,
            dashboards::files(),
            crds::files()?,
            rbac::files()?,
            chart::files(&root)?,
            prometheus_operator::files(&root)?,
        ]
        .concat(),
    };
    let mut stale = Vec::new();
    for (path, content) in files {
        let file = root.join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|on_disk| on_disk == content) {
            continue;
        }
        if args.check {
            stale.push(path);
            continue;
        }
        std::fs::create_dir_all(file.parent().context("a file has a folder")?)?;
        std::fs::write(&file, content).with_context(|| format!("writing {path}"))?;
        println!("wrote {path}");
    }
    if matches!(args.task, Task::PrometheusOperator) && !args.check {
        println!("{}", prometheus_operator::release(&root)?);
    }
    if !stale.is_empty() {
        bail!(
            "not up to date: {}; run `cargo run -p xtask -- all`",
            stale.join(", ")
        );
    }
    Ok(())
}
