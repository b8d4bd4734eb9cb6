//! `kubectl thanos`: what a controller would do with files or in a cluster, without running it.

mod kinds;
mod preflight;
mod render;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use preflight::PreflightCommand;
use render::RenderCommand;

#[derive(Parser)]
#[command(
    name = "kubectl thanos",
    bin_name = "kubectl thanos",
    version,
    about = "Inspect Thanos and its controllers"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the objects and the status that the controllers create for the custom resources in files;
    /// needs no cluster
    Render(RenderCommand),
    /// Check whether this cluster is ready for the controllers (read-only)
    ///
    /// Exit code 0: no check fails. 1: a check fails. 2: the cluster cannot be checked.
    Preflight(PreflightCommand),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Render(command) => command.run().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }),
        Command::Preflight(command) => command.run().await,
    }
}
