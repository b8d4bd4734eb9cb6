//! A document as a tree, with limits for aliases that are stricter than those of Go. Pure.

use std::borrow::Cow;
use std::cell::Cell;

use granit_parser::Tag;

use crate::Error;

/// Maximum number of nodes from aliases; above `FEW_ALIASED` nodes, their share is limited, too. Go
/// allows about twice this number, and a share of 99%.
const ALIASED: usize = 100_000;
const FEW_ALIASED: usize = 100;
/// Maximum depth with aliases resolved, which ends recursive aliases.
pub(crate) const MAX_DEPTH: usize = 300;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    /// A supported tag of YAML, such as `int`.
    Core(String),
    /// A tag of YAML that is not supported.
    Unsupported,
    /// Any other; its scalars are strings.
    Other,
}

impl Tagged {
    pub(crate) fn of(tag: &Tag) -> Self {
        match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
            Some(name @ ("str" | "int" | "float" | "bool" | "null")) => Self::Core(name.to_owned()),
            Some("binary" | "timestamp" | "merge") => Self::Unsupported,
            Some(_) => Self::Other,
            None if tag.suffix().is_empty() || tag.handle().is_empty() => Self::Unsupported,
            None => Self::Other,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Content<'a> {
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
        tag: Option<Tagged>,
    },
    Sequence(Vec<usize>),
    /// Alternating keys and values.
    Mapping(Vec<usize>),
    Alias(usize),
}

/// One document.
#[derive(Debug)]
pub struct Document<'a> {
    /// Line and content of each node. The first one is the root.
    pub(crate) nodes: Vec<(usize, Content<'a>)>,
    line: usize,
    /// Number of nodes read so far, and of those read through an alias.
    read: Cell<usize>,
    aliased: Cell<usize>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(nodes: Vec<(usize, Content<'a>)>, line: usize) -> Self {
        Self {
            nodes,
            line,
            read: Cell::new(0),
            aliased: Cell::new(0),
        }
    }

    /// Whether a node is not an alias.
    pub(crate) fn is_literal(&self, number: usize) -> bool {
        !matches!(self.nodes.get(number), Some((_, Content::Alias(_))))
    }

    /// First line of the document, starting at 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    pub(crate) fn count(&self, line: usize, aliased: bool) -> Result<(), Error> {
        self.read.set(self.read.get() + 1);
        if !aliased {
            return Ok(());
        }
        let count = self.aliased.get() + 1;
        self.aliased.set(count);
        let most =
            self.read.get() > 1000 && count > FEW_ALIASED && count * 100 > self.read.get() * 98;
        match count > ALIASED || most {
            true => Err(Error::new(
                line,
                "too many values come from aliases (*); write them out",
            )),
            false => Ok(()),
        }
    }
}
