//! The benchmark: cost of a controller, measured from outside on a cluster without nodes.
//! `hack/bench.sh` runs it.

mod converge;
mod latency;
mod load;
mod many;
mod monitors;
mod options;
mod process;
mod rules;
mod standing;
mod table;

use e2e::cluster::Cluster;
use e2e::controller::{Controller, QUERY, RULER};

use crate::options::Options;
use crate::table::Table;

/// As the manifests run it: the lease is part of what it costs.
const FLAGS: &[&str] = &["--leader-elect", "--lease-namespace=thanos-system"];

/// Inputs of every measurement.
struct Bench {
    options: Options,
    /// The namespace of most resources.
    cluster: Cluster,
    controller: Controller,
    table: Table,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let json = options.json.clone();
    let cluster = Cluster::of(options.program, "bench").await;
    let controller = Controller::start_with(&cluster, FLAGS).await;
    let mut bench = Bench {
        table: Table::new(options.program.kind, options.count),
        options,
        cluster,
        controller,
    };
    let result = measure(&mut bench).await;
    // Figures from before a failure are still useful.
    println!("{}", bench.table);
    if let Some(file) = json {
        std::fs::write(file, format!("{:#}\n", bench.table.json()))?;
    }
    bench.controller.stop().await;
    result
}

async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let converged = converge::measure(bench).await?;
    standing::rest(bench).await;
    bench.controller.stop().await;
    converge::bare(bench, &converged).await?;
    standing::restart(bench).await?;
    latency::of_changes(bench).await?;
    if bench.options.program == QUERY {
        latency::of_endpoints(bench).await?;
    }
    match bench.options.program {
        QUERY if bench.options.monitors > 0 => monitors::measure(bench).await,
        RULER if bench.options.monitors > 0 => rules::measure(bench).await,
        _ => Ok(()),
    }
}
