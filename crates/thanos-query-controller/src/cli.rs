//! The command line.

use std::process::ExitCode;

use clap::{Args, Parser};
use operator_runtime::args::RunArgs;
use operator_runtime::preflight::{PreflightArgs, preflight};
use operator_runtime::render::{RenderArgs, render};

use crate::QueryController;
use crate::observed::Settings;
use crate::preflight::extra;

/// Runs ThanosQuery resources.
#[derive(Parser)]
#[command(name = "thanos-query-controller", version)]
pub enum Cli {
    /// Work until SIGTERM (the default)
    Run {
        #[command(flatten)]
        #[allow(missing_docs)]
        run: RunArgs,
        #[command(flatten)]
        #[allow(missing_docs)]
        images: Images,
    },
    /// Print what would be created for the resources in files, and their status, without a cluster
    Render {
        #[command(flatten)]
        #[allow(missing_docs)]
        render: RenderArgs,
        #[command(flatten)]
        #[allow(missing_docs)]
        images: Images,
    },
    /// Tell whether it would work in this cluster, without writing anything
    ///
    /// Exit code 0: nothing fails. 1: something does. 2: there is no answer.
    Preflight {
        #[command(flatten)]
        #[allow(missing_docs)]
        preflight: PreflightArgs,
        #[command(flatten)]
        #[allow(missing_docs)]
        images: Images,
    },
}

/// Images that resources use unless they name their own.
#[derive(Args, Clone, Debug)]
pub struct Images {
    /// Image of Thanos
    #[arg(
        long,
        env = "THANOS_IMAGE",
        default_value = "quay.io/thanos/thanos:v0.42.4"
    )]
    pub thanos_image: String,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What stops it.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run { run, images } => {
                let controller = QueryController::new(
                    Settings::from(images),
                    run.prometheus_operator,
                    &run.namespaces(),
                );
                operator_runtime::run(controller, run).await?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Render {
                render: args,
                images,
            } => {
                let controller = QueryController::new(Settings::from(images), true, &[]);
                print!("{}", render(&controller, &args)?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Preflight {
                preflight: args,
                images,
            } => {
                let namespaces = args.namespaces();
                let controller = QueryController::new(Settings::from(images), true, &namespaces);
                Ok(preflight(&controller, &extra(), &args).await)
            }
        }
    }
}

impl From<Images> for Settings {
    fn from(images: Images) -> Self {
        Self {
            thanos_image: images.thanos_image,
        }
    }
}
