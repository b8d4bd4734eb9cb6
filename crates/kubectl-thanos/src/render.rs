//! `kubectl thanos render`.

use std::process::ExitCode;

use clap::Args;
use operator_inspect::render::{Files, RenderArgs};
use thanos_ruler_controller::RulerSettings;

use crate::kinds::Controllers;

#[derive(Args)]
pub struct RenderCommand {
    #[command(flatten)]
    render: RenderArgs,
    #[command(flatten)]
    settings: RulerSettings,
}

impl RenderCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let files = Files::read(&self.render)?;
        let all = Controllers::new(self.settings, &[]);
        let rendered = [
            files.render(&all.query)?,
            files.render(&all.receive)?,
            files.render(&all.ruler)?,
            files.render(&all.store)?,
        ];
        let is_empty = rendered.iter().all(|rendered| rendered.text.is_empty());
        anyhow::ensure!(
            !is_empty,
            "no ThanosQuery, ThanosReceive, ThanosRuler or ThanosStore in the files"
        );
        for rendered in &rendered {
            for warning in &rendered.warnings {
                eprintln!("warning: {warning}");
            }
        }
        for rendered in rendered {
            print!("{}", rendered.text);
        }
        Ok(ExitCode::SUCCESS)
    }
}
