//! A document as a tree, and the bounds within which aliases are followed: no further than Go would.

use std::borrow::Cow;
use std::cell::Cell;

use granit_parser::Tag;
use serde_json::Value;

use crate::{Error, Node};

/// How many nodes may come from aliases, and the part of all nodes that they may be, once there are
/// more than a few. Go takes about twice as many of them, and 99 of 100.
const ALIASED: usize = 100_000;
const FEW_ALIASED: usize = 100;
/// How deep a node may be with its aliases followed; an alias of itself would have no end.
const DEEPEST: usize = 300;

/// A tag that Go knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    /// One of YAML's, such as `int`.
    Core(String),
    /// One whose value depends on more than is read here.
    Refused,
    /// Any other, with which every scalar is a text.
    Other,
}

impl Tagged {
    pub(crate) fn of(tag: &Tag) -> Self {
        match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
            Some(name @ ("str" | "int" | "float" | "bool" | "null")) => Self::Core(name.to_owned()),
            Some("binary" | "timestamp" | "merge") => Self::Refused,
            Some(_) => Self::Other,
            None if tag.suffix().is_empty() || tag.handle().is_empty() => Self::Refused,
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
    /// Keys and values in turn.
    Mapping(Vec<usize>),
    Alias(usize),
}

/// One document.
#[derive(Debug)]
pub struct Document<'a> {
    /// The first one is the root.
    nodes: Vec<(usize, Content<'a>)>,
    line: usize,
    /// How many nodes were read so far, and how many of them by an alias.
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

    /// Whether a node is where its anchor is, and no alias.
    pub(crate) fn is_written_here(&self, number: usize) -> bool {
        !matches!(self.nodes.get(number), Some((_, Content::Alias(_))))
    }

    /// The line where it begins, from one.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// All of it.
    ///
    /// # Errors
    /// A scalar, a key, a merge or an alias that Go refuses, or that is not read here.
    pub fn to_value(&self) -> Result<Value, Error> {
        match self.root()? {
            Some(root) => root.to_value(),
            None => Ok(Value::Null),
        }
    }

    /// The node that everything is in; nothing if the document is empty.
    ///
    /// # Errors
    /// As [`to_value`](Self::to_value).
    pub fn root(&self) -> Result<Option<Node<'_, 'a>>, Error> {
        match self.nodes.is_empty() {
            true => Ok(None),
            false => self.node(0, 0, false).map(Some),
        }
    }

    /// A node, with an alias followed.
    pub(crate) fn node(
        &self,
        number: usize,
        depth: usize,
        aliased: bool,
    ) -> Result<Node<'_, 'a>, Error> {
        let (mut number, mut aliased) = (number, aliased);
        let Some((line, mut content)) = self.nodes.get(number).map(|(line, of)| (*line, of)) else {
            return Err(Error::new(self.line, "malformed YAML"));
        };
        self.count(line, aliased)?;
        while let Content::Alias(target) = content {
            (number, aliased) = (*target, true);
            let Some((_, of)) = self.nodes.get(number) else {
                break;
            };
            content = of;
            self.count(line, aliased)?;
        }
        if depth > DEEPEST {
            return Err(Error::new(
                line,
                "it is nested too deeply, or contains itself by an alias (*)",
            ));
        }
        let _ = number;
        Ok(Node {
            document: self,
            line,
            content,
            depth,
            aliased,
        })
    }

    fn count(&self, line: usize, aliased: bool) -> Result<(), Error> {
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
                "too much comes from aliases (*); write it out",
            )),
            false => Ok(()),
        }
    }
}
