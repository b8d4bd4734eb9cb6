//! `preflight`: checks whether a cluster is ready for a controller, before the controller runs. Reads
//! the cluster once and uses `observe`, `plan` and `status` of the controller. Writes nothing: it only
//! sends access reviews and dry runs.

mod crds;
mod dry_run;
mod legacy;
mod objects;
mod permissions;
mod reader;
mod required_permissions;
mod resources;
mod row;

use anyhow::Context as _;
use clap::ValueEnum;
use kube::CustomResourceExt as _;
use kube::core::ApiResource;
use kube_facts::Key;

use operator_runtime::args::named;
use operator_runtime::client::Connector;
use operator_runtime::metrics::Metrics;
use operator_runtime::reconciler::Reconciler;
use reader::Reader;

pub use legacy::{Legacy, Orphaned};
pub use row::{Grade, Row, as_json, reconciles, table};

/// Output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// Flags of `preflight`.
#[derive(clap::Args, Clone, Debug)]
pub struct PreflightArgs {
    /// Comma-separated namespaces that the controller reconciles; empty means all
    #[arg(long, env = "NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// ServiceAccount of the controller; by default that of the pod, or else of deploy/overlays
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = account)]
    pub service_account: Option<Key>,

    /// Output format
    #[arg(long, short = 'o', value_enum, default_value = "table")]
    pub output: Output,
}

impl PreflightArgs {
    /// Namespaces to check; empty means all, as does an empty environment variable.
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
        _ => Err("expected NAMESPACE/NAME".to_owned()),
    }
}

/// Namespace of the controllers in deploy/overlays.
const HOME: &str = "thanos-system";

/// A valid but harmful value in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harm {
    /// Whether pods cannot run with the value.
    pub fatal: bool,
    /// Path and value of the field, and its effect.
    pub found: String,
    /// What to set instead.
    pub remedy: String,
}

/// Checks that are specific to a controller.
pub struct Extra<C: Reconciler> {
    /// Reasons of conditions that only warn.
    pub only_warns: &'static [&'static str],
    /// Finds harmful values in a spec.
    pub harms: fn(&C::Observed) -> Vec<Harm>,
    /// A former operator whose objects the controller adopts.
    pub legacy: Option<Legacy>,
    /// Kinds that no controller reconciles without that operator.
    pub orphaned: Vec<Orphaned>,
}

/// Runs the preflight of a controller as `name`.
///
/// # Errors
/// The cluster cannot be reached, or a request failed.
pub async fn preflight<C: Reconciler>(
    name: &str,
    reconciler: &C,
    extra: &Extra<C>,
    args: &PreflightArgs,
) -> anyhow::Result<Vec<Row>> {
    let connector = Connector::infer(name, Metrics::new(C::NAME)).await?;
    let reader = Reader {
        client: connector.client()?,
        namespaces: args.namespaces(),
    };
    let version = reader.client.apiserver_version().await;
    version.context("cannot reach the API server")?;
    check(reconciler, extra, &reader, args)
        .await
        .context("a request to the API server failed; run preflight again")
}

async fn check<C: Reconciler>(
    reconciler: &C,
    extra: &Extra<C>,
    reader: &Reader,
    args: &PreflightArgs,
) -> Result<Vec<Row>, kube::Error> {
    let user = reader.user().await;
    let user = user.as_deref().and_then(service_account);
    let account = match (&args.service_account, &user) {
        (Some(account), _) | (None, Some(account)) => account.clone(),
        (None, None) => Key::new(HOME, C::NAME),
    };
    let is_own = user.as_ref() == Some(&account);

    let mut rows = Vec::new();
    for namespace in reader.missing_namespaces().await? {
        let row = Row::fail(
            "namespace",
            format!("Namespace {namespace}"),
            "the namespace does not exist",
        );
        rows.push(row.remedy("create it, or correct --namespaces"));
    }
    let own = ApiResource::erase::<C::Resource>(&());
    let served = crds::own(reader, &own, &C::Resource::crd(), &mut rows).await?;
    let caps = crds::prometheus_operator(reader, &C::needs(), &mut rows).await?;
    rows.extend(permissions::check::<C>(reader, &account, is_own, &caps).await?);
    rows.extend(legacy::check(reader, extra.legacy.as_ref(), &extra.orphaned).await?);
    if served {
        let checks = resources::ResourceChecks {
            reconciler,
            extra,
            reader,
        };
        rows.extend(checks.rows(&own, caps).await?);
    }
    Ok(rows)
}

/// The ServiceAccount of a user name; `None` for other users.
fn service_account(user: &str) -> Option<Key> {
    let account = user.strip_prefix("system:serviceaccount:")?;
    let (namespace, name) = account.split_once(':')?;
    Some(Key::new(namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_accounts_are_parsed() {
        assert_eq!(account("a/b"), Ok(Key::new("a", "b")));
        for wrong in ["a", "/b", "a/", ""] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
        let user = "system:serviceaccount:a:b";
        assert_eq!(service_account(user), Some(Key::new("a", "b")));
        assert_eq!(service_account("kubernetes-admin"), None);
    }
}
