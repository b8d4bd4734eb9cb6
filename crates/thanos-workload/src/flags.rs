//! Builds argument lists: an ordered list of flags, into which additional arguments are merged. No IO.

use std::fmt::Display;

use thanos_api::v1alpha1::CommonFields;

use crate::{FieldError, checks};

/// Builder of an argument list.
#[derive(Clone, Debug)]
#[must_use]
pub struct Flags {
    command: &'static str,
    flags: Vec<Flag>,
}

#[derive(Clone, Debug)]
struct Flag {
    /// Name without dashes and without the `no-` of a switch.
    name: String,
    text: String,
}

/// Rules for additional arguments.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Repeatable flags: additional ones are appended, not replaced.
    pub repeatable: &'static [&'static str],
    /// Rejected flags, with the remedy.
    pub reserved: &'static [(&'static str, &'static str)],
}

impl Flags {
    /// Argument list of a subcommand.
    pub const fn new(command: &'static str) -> Self {
        Self {
            command,
            flags: Vec::new(),
        }
    }

    /// Adds the logging flags.
    pub fn logging(self, common: &CommonFields) -> Self {
        self.set("log.level", common.log_level.unwrap_or_default().as_str())
            .set("log.format", common.log_format.unwrap_or_default().as_str())
    }

    /// Adds `--name=value`.
    pub fn set(mut self, name: &str, value: impl Display) -> Self {
        self.push(name, format!("--{name}={value}"));
        self
    }

    /// Adds `--name=value` for each value, in the given order.
    pub fn each<T: Display>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |flags, v| flags.set(name, v))
    }

    /// Adds `--name=value` if there is a value.
    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Self {
        self.each(name, value)
    }

    /// Adds `--name` if `on`.
    pub fn switch(mut self, name: &str, on: bool) -> Self {
        if on {
            self.push(name, format!("--{name}"));
        }
        self
    }

    fn push(&mut self, name: &str, text: String) {
        self.flags.push(Flag {
            name: name.to_owned(),
            text,
        });
    }

    /// Merges additional arguments: each replaces the flags of its name in place, or is appended if the
    /// flag is repeatable or new.
    ///
    /// # Errors
    /// An argument that is not a flag, is reserved, or contains credentials. `field` is the path of the
    /// list.
    pub fn merge(
        mut self,
        additional: Option<&[String]>,
        rules: &Rules,
        field: &str,
    ) -> Result<Vec<String>, FieldError> {
        let additional = additional.unwrap_or_default();
        for (i, text) in additional.iter().enumerate() {
            let at = || format!("{field}[{i}]");
            let name = name(text).ok_or_else(|| {
                FieldError::new(
                    at(),
                    format!("`{text}` is not a flag; write --flag=value as one item"),
                )
            })?;
            if let Some((flag, instead)) = rules.reserved.iter().find(|(flag, _)| *flag == name) {
                return Err(FieldError::new(
                    at(),
                    format!("--{flag} is set by the operator and cannot be changed; {instead}"),
                ));
            }
            checks::argument_without_credentials(text, &at())?;
            let flag = Flag {
                name: name.to_owned(),
                text: text.clone(),
            };
            let known = self.flags.iter().rposition(|f| f.name == name);
            match known {
                Some(last) if rules.repeatable.contains(&name) => {
                    self.flags.insert(last + 1, flag);
                }
                Some(last) => self.flags[last] = flag,
                None => self.flags.push(flag),
            }
        }
        let flags = self.flags.into_iter().map(|flag| flag.text);
        Ok(std::iter::once(self.command.to_owned())
            .chain(flags)
            .collect())
    }
}

/// Name of a flag: `query.timeout` for `--query.timeout=1m` and `--no-query.timeout`.
fn name(text: &str) -> Option<&str> {
    let flag = text.strip_prefix("--")?;
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    let name = name.strip_prefix("no-").unwrap_or(name);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        repeatable: &["label"],
        reserved: &[("http-address", "Services depend on it")],
    };

    fn flags() -> Flags {
        Flags::new("query")
            .set("a", 1)
            .each("label", ["x", "y"])
            .switch("on", true)
            .switch("off", false)
            .maybe("none", None::<u8>)
    }

    fn merged(additional: &[&str]) -> Vec<String> {
        let additional: Vec<String> = additional.iter().map(|s| (*s).to_owned()).collect();
        flags().merge(Some(&additional), &RULES, "f").unwrap()
    }

    #[test]
    fn order_of_flags_is_kept() {
        assert_eq!(
            merged(&[]),
            ["query", "--a=1", "--label=x", "--label=y", "--on"]
        );
    }

    #[test]
    fn repeated_flag_is_replaced_in_place() {
        assert_eq!(
            merged(&["--a=2", "--new", "--a=3"]),
            ["query", "--a=3", "--label=x", "--label=y", "--on", "--new"]
        );
    }

    #[test]
    fn negated_switch_replaces_the_switch() {
        assert_eq!(merged(&["--no-on"])[4], "--no-on");
    }

    #[test]
    fn repeatable_flag_is_appended() {
        assert_eq!(
            merged(&["--label=z", "--label=w"])[2..6],
            ["--label=x", "--label=y", "--label=z", "--label=w"]
        );
    }

    #[test]
    fn reserved_flags_and_non_flags_are_rejected_with_the_field() {
        let rejected = |text: &str| {
            let additional = ["--ok".to_owned(), text.to_owned()];
            flags()
                .merge(Some(&additional), &RULES, "spec.additionalArgs")
                .unwrap_err()
        };
        let error = rejected("--http-address=:1");
        assert_eq!(error.field, "spec.additionalArgs[1]");
        assert!(error.message.contains("Services depend on it"));
        assert!(rejected("value").message.contains("not a flag"));
        assert!(rejected("--").message.contains("not a flag"));
    }

    #[test]
    fn credentials_in_additional_arguments_are_rejected_and_not_repeated() {
        let merge = |text: &str| {
            let additional = ["--ok".to_owned(), text.to_owned()];
            flags().merge(Some(&additional), &RULES, "spec.additionalArgs")
        };
        for (text, what) in [
            ("--x.url=http://ruler:hunter2@am", "a user or a password"),
            ("--x.url=ruler:hunter2@am:9093", "a user or a password"),
            (
                "--x.config=url: http://am/?a=1&Token=hunter2",
                "the parameter Token",
            ),
            ("--http://ruler:hunter2=x@am", "a user or a password"),
        ] {
            let error = merge(text).unwrap_err();
            assert_eq!(error.field, "spec.additionalArgs[1]");
            let message = error.message;
            assert!(
                message.contains(what) && message.contains("$(NAME)"),
                "{message}"
            );
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(merge("--x.url=http://ruler:$(PASSWORD)@am/@x").is_ok());
    }
}
