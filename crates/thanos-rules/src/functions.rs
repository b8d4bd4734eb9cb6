//! The functions of PromQL by version, printed by the parser of Thanos (`hack/promql-table.sh`). Pure.

use std::collections::BTreeMap;

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar,
    Vector,
    Matrix,
    Text,
}

impl Type {
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Scalar => "a scalar",
            Self::Vector => "an instant vector",
            Self::Matrix => "a range vector",
            Self::Text => "a string",
        }
    }
}

/// A function and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) arguments: Vec<Type>,
    /// 0: exactly these. Positive: up to as many more than all but the last. Negative: any number.
    pub(crate) variadic: i32,
    pub(crate) result: Type,
    pub(crate) experimental: bool,
}

/// All functions of one version of Thanos.
#[derive(Debug)]
pub(crate) struct Functions(BTreeMap<&'static str, Function>);

impl Functions {
    /// Parses a table. Invalid lines are skipped, so that their functions are unknown.
    pub(crate) fn read(text: &'static str) -> Self {
        Self(text.lines().filter_map(line).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }
}

fn line(line: &'static str) -> Option<(&'static str, Function)> {
    let mut columns = line.split('\t');
    let name = columns.next()?;
    let arguments = columns.next()?.split(',').filter(|t| !t.is_empty());
    let arguments = arguments.map(kind).collect::<Option<_>>()?;
    let function = Function {
        arguments,
        variadic: columns.next()?.parse().ok()?,
        result: kind(columns.next()?)?,
        experimental: columns.next()? != "stable",
    };
    Some((name, function))
}

fn kind(text: &str) -> Option<Type> {
    match text {
        "vector" => Some(Type::Vector),
        "matrix" => Some(Type::Matrix),
        "scalar" => Some(Type::Scalar),
        "string" => Some(Type::Text),
        _ => None,
    }
}
