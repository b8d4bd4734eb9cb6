//! The controller of ThanosQuery resources.

use std::process::ExitCode;

use clap::Parser;
use operator_runtime::args::normalized;
use thanos_query_controller::cli::Cli;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse_from(normalized(std::env::args_os()));
    // One thread does: what a pass computes takes microseconds, and threads cost memory.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(cli.run())
}
