//! Command line common to all controllers.

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::args::{RunArgs, normalized};
use crate::reconciler::Reconciler;
use crate::run::WhileLeading;

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
}

/// Parses the command line and runs the controller that `make` constructs from its own flags and the
/// namespaces to reconcile (empty means all), with its work as the leader.
///
/// # Errors
/// The controller cannot start, or lost the Lease.
pub fn main<C: Reconciler, M: Args>(
    about: &'static str,
    version: &'static str,
    make: impl FnOnce(M, &[String]) -> (C, WhileLeading),
) -> anyhow::Result<()> {
    let command = Command::<M>::command()
        .name(C::NAME)
        .about(about)
        .version(version);
    let matches = command.get_matches_from(normalized(std::env::args_os()));
    let Command::Run { run, more } = Command::<M>::from_arg_matches(&matches)?;
    let (controller, while_leading) = make(more, &run.namespaces());
    // One thread is enough: a reconcile computes for microseconds, and threads cost memory.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(crate::run(controller, *run, while_leading))
}
