//! `kubectl thanos preflight`, and what it checks of each kind besides the common checks.

mod query;
mod receive;
mod ruler;
mod store;

use std::process::ExitCode;

use clap::{Args, ValueEnum as _};
use kube::core::{ApiResource, GroupVersionKind};
use operator_inspect::preflight::{
    Legacy, Orphaned, Output, PreflightArgs, Row, as_json, preflight, reconciles, table,
};
use operator_runtime::Reconciler as _;
use thanos_api::names::{GROUP, legacy as go};
use thanos_query_controller::QueryController;
use thanos_receive_controller::ReceiveController;
use thanos_ruler_controller::{RulerController, RulerSettings};
use thanos_store_controller::StoreController;

use crate::kinds::{Controllers, KindArg};

/// User agent of the requests.
const NAME: &str = "kubectl-thanos";

/// Exit code if the cluster cannot be checked.
const NOT_CHECKED: u8 = 2;

#[derive(Args)]
pub struct PreflightCommand {
    /// Kinds whose controllers are checked; all by default
    #[arg(value_name = "KIND")]
    kinds: Vec<KindArg>,

    #[command(flatten)]
    preflight: PreflightArgs,
    #[command(flatten)]
    settings: RulerSettings,
}

impl PreflightCommand {
    pub async fn run(self) -> ExitCode {
        let output = self.preflight.output;
        match self.rows().await {
            Ok(all) => {
                match output {
                    Output::Table => print_tables(&all),
                    Output::Json => print!("{}", as_json(&all)),
                }
                match all.iter().all(|(_, rows)| reconciles(rows)) {
                    true => ExitCode::SUCCESS,
                    false => ExitCode::FAILURE,
                }
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(NOT_CHECKED)
            }
        }
    }

    /// The rows of each controller.
    async fn rows(self) -> anyhow::Result<Vec<(&'static str, Vec<Row>)>> {
        let args = &self.preflight;
        let all = Controllers::new(self.settings, &args.namespaces());
        let kinds = match self.kinds.as_slice() {
            [] => KindArg::value_variants(),
            kinds => kinds,
        };
        let mut found = Vec::new();
        for kind in kinds {
            found.push(match kind {
                KindArg::Query => (
                    QueryController::NAME,
                    preflight(NAME, &all.query, &query::extra(), args).await?,
                ),
                KindArg::Receive => (
                    ReceiveController::NAME,
                    preflight(NAME, &all.receive, &receive::extra(), args).await?,
                ),
                KindArg::Ruler => (
                    RulerController::NAME,
                    preflight(NAME, &all.ruler, &ruler::extra(), args).await?,
                ),
                KindArg::Store => (
                    StoreController::NAME,
                    preflight(NAME, &all.store, &store::extra(), args).await?,
                ),
            });
        }
        Ok(found)
    }
}

/// One table for each controller; with a title if there are several.
fn print_tables(all: &[(&str, Vec<Row>)]) {
    for (i, (controller, rows)) in all.iter().enumerate() {
        if i > 0 {
            println!();
        }
        if all.len() > 1 {
            println!("{controller}");
        }
        print!("{}", table(rows));
    }
}

/// The Go operator, whose objects are adopted.
fn legacy() -> Legacy {
    Legacy {
        name: go::NAME,
        image: go::IMAGE,
        lease: go::LEASE,
    }
}

/// Kinds of the Go operator that `controller` does not reconcile.
fn orphaned(controller: &str) -> Vec<Orphaned> {
    let others = go::KINDS
        .iter()
        .filter(|kind| kind.controller != Some(controller));
    others
        .map(|kind| {
            let gvk = GroupVersionKind::gvk(GROUP, "v1alpha1", kind.name);
            Orphaned {
                resource: ApiResource::from_gvk(&gvk),
                controller: kind.controller,
                remedy: kind.remedy,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_equal_those_of_the_go_operator() {
        let plurals: Vec<String> = orphaned("thanos-query-controller")
            .into_iter()
            .map(|kind| kind.resource.plural)
            .collect();
        let expected = [
            "thanoscompacts",
            "thanosreceives",
            "thanosrulers",
            "thanosstores",
        ];
        assert_eq!(plurals, expected);
    }
}
