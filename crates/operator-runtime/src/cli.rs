//! Command line common to all controllers.

use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::args::{RunArgs, normalized};
use crate::preflight::{Extra, PreflightArgs, preflight};
use crate::reconciler::Reconciler;
use crate::render::{RenderArgs, render};

/// Subcommands. `M` holds the flags of one controller.
#[derive(Parser)]
enum Command<M: Args> {
    /// Run the controller (default)
    Run {
        #[command(flatten)]
        run: Box<RunArgs>,
        #[command(flatten)]
        more: M,
    },
    /// Print the objects and the status that the controller creates for the custom resources in
    /// files; needs no cluster
    Render {
        #[command(flatten)]
        render: RenderArgs,
        #[command(flatten)]
        more: M,
    },
    /// Check whether this cluster is ready for the controller (read-only)
    ///
    /// Exit code 0: no check fails. 1: a check fails. 2: the cluster cannot be checked.
    Preflight {
        #[command(flatten)]
        preflight: PreflightArgs,
        #[command(flatten)]
        more: M,
    },
}

/// Constructor of a controller, from its own flags, the feature gate, and the namespaces to reconcile
/// (empty means all).
pub type Make<C, M> = fn(M, bool, &[String]) -> C;

/// Parses the command line and runs the subcommand.
///
/// # Errors
/// The subcommand fails.
pub fn main<C: Reconciler, M: Args>(
    about: &'static str,
    version: &'static str,
    make: Make<C, M>,
    extra: fn() -> Extra<C>,
) -> anyhow::Result<ExitCode> {
    let command = Command::<M>::command()
        .name(C::NAME)
        .about(about)
        .version(version);
    let matches = command.get_matches_from(normalized(std::env::args_os()));
    let command = Command::<M>::from_arg_matches(&matches)?;
    // One thread is enough: a reconcile computes for microseconds, and threads cost memory.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(execute(command, make, extra))
}

async fn execute<C: Reconciler, M: Args>(
    command: Command<M>,
    make: Make<C, M>,
    extra: fn() -> Extra<C>,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { run, more } => {
            let controller = make(more, run.prometheus_operator, &run.namespaces());
            crate::run(controller, *run).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Render { render: args, more } => {
            let rendered = render(&make(more, true, &[]), &args)?;
            for warning in rendered.warnings {
                eprintln!("warning: {warning}");
            }
            print!("{}", rendered.text);
            Ok(ExitCode::SUCCESS)
        }
        Command::Preflight {
            preflight: args,
            more,
        } => {
            let controller = make(more, true, &args.namespaces());
            Ok(preflight(&controller, &extra(), &args).await)
        }
    }
}
