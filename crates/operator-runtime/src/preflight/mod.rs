//! `preflight`: whether a controller would work in a cluster, for people, before it is trusted with
//! it. Reads the cluster once, decides with the same `observe`, `plan` and `status` as the
//! controller, and writes nothing: what it sends are access reviews and dry runs.

mod definitions;
mod dry_run;
mod legacy;
mod objects;
mod permissions;
mod reader;
mod required_permissions;
mod resources;
mod row;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use kube::CustomResourceExt as _;
use kube::core::ApiResource;
use kube_facts::Key;

use crate::args::named;
use crate::client::Connector;
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use reader::Reader;

pub use legacy::{Abandoned, Legacy};
pub use row::{Grade, Row, as_json, reconciles, table};

/// The exit code when there is no answer: a wrong command line, or no cluster.
const NO_ANSWER: u8 = 2;

/// How the rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Flags of `preflight`.
#[derive(clap::Args, Clone, Debug)]
pub struct PreflightArgs {
    /// Namespaces that the controller works in, separated by commas; all of them if empty
    #[arg(long, env = "NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// ServiceAccount of the controller, as NAMESPACE/NAME; in its pod the pod's own, and else the
    /// one of deploy/overlays
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = account)]
    pub service_account: Option<Key>,

    /// How the result is printed
    #[arg(long, short = 'o', value_enum, default_value = "table")]
    pub output: Output,
}

impl PreflightArgs {
    /// The namespaces to look at; none for all of them. An empty variable of the environment is no
    /// namespace.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        named(&self.namespaces)
    }
}

fn account(text: &str) -> Result<Key, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok(Key::new(namespace, name))
        }
        _ => Err(format!("`{text}` is not NAMESPACE/NAME")),
    }
}

/// The namespace of the overlays.
const HOME: &str = "thanos-system";

/// A value of a spec that is accepted and does harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harm {
    /// Whether nothing works with it.
    pub fatal: bool,
    /// Path and value of the field, and what it does.
    pub found: String,
    /// What to set instead.
    pub remedy: String,
}

/// What a controller adds to a preflight.
pub struct Extra<C: Reconciler> {
    /// Reasons of conditions that are no failure: it may work all the same.
    pub only_warns: &'static [&'static str],
    /// Values of a spec that do harm.
    pub harms: fn(&C::Observed) -> Vec<Harm>,
    /// An operator whose objects it takes over.
    pub legacy: Option<Legacy>,
    /// Kinds that no controller reconciles once that operator is stopped.
    pub abandoned: Vec<Abandoned>,
}

/// Runs the preflight of a controller and prints what it finds. The exit code is 0 if nothing fails,
/// 1 if something does, and 2 if there is no answer.
pub async fn preflight<C: Reconciler>(
    reconciler: &C,
    extra: &Extra<C>,
    args: &PreflightArgs,
) -> ExitCode {
    match rows(reconciler, extra, args).await {
        Ok(rows) => {
            match args.output {
                Output::Table => print!("{}", table(&rows)),
                Output::Json => print!("{}", as_json(&rows)),
            }
            match reconciles(&rows) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(NO_ANSWER)
        }
    }
}

async fn rows<C: Reconciler>(
    reconciler: &C,
    extra: &Extra<C>,
    args: &PreflightArgs,
) -> anyhow::Result<Vec<Row>> {
    let connector = Connector::infer(C::NAME, Metrics::new(C::NAME)).await?;
    let reader = Reader {
        client: connector.client()?,
        namespaces: args.namespaces(),
    };
    let version = reader.client.apiserver_version().await;
    version.context("the API server gives no answer")?;
    look(reconciler, extra, &reader, args)
        .await
        .context("the API server gave no answer to the end")
}

async fn look<C: Reconciler>(
    reconciler: &C,
    extra: &Extra<C>,
    reader: &Reader,
    args: &PreflightArgs,
) -> Result<Vec<Row>, kube::Error> {
    let us = reader.user().await;
    let us = us.as_deref().and_then(service_account);
    let account = match (&args.service_account, &us) {
        (Some(account), _) | (None, Some(account)) => account.clone(),
        (None, None) => Key::new(HOME, C::NAME),
    };
    let is_us = us.as_ref() == Some(&account);

    let mut rows = Vec::new();
    for namespace in reader.missing_namespaces().await? {
        let row = Row::fail(
            "namespace",
            format!("Namespace {namespace}"),
            "there is none",
        );
        rows.push(row.remedy("create it, or correct --namespaces"));
    }
    let own = ApiResource::erase::<C::Resource>(&());
    let served = definitions::own(reader, &own, &C::Resource::crd(), &mut rows).await?;
    let caps = definitions::prometheus_operator(reader, &C::needs(), &mut rows).await?;
    rows.extend(permissions::look::<C>(reader, &account, is_us, caps).await?);
    rows.extend(legacy::look(reader, extra.legacy.as_ref(), &extra.abandoned).await?);
    if served {
        let look = resources::Look {
            reconciler,
            extra,
            reader,
        };
        rows.extend(look.rows(&own, caps).await?);
    }
    Ok(rows)
}

/// The ServiceAccount that a user is.
fn service_account(user: &str) -> Option<Key> {
    let account = user.strip_prefix("system:serviceaccount:")?;
    let (namespace, name) = account.split_once(':')?;
    Some(Key::new(namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read() {
        assert_eq!(account("a/b"), Ok(Key::new("a", "b")));
        for wrong in ["a", "/b", "a/", ""] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
        let user = "system:serviceaccount:a:b";
        assert_eq!(service_account(user), Some(Key::new("a", "b")));
        assert_eq!(service_account("kubernetes-admin"), None);
    }
}
