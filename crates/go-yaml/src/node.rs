//! Nodes of a document with aliases and merges resolved, and their JSON values. Pure.

mod merge;

use serde_json::{Map, Value};

use crate::document::{Content, MAX_DEPTH, Tagged};
use crate::{Document, Error, float, scalar};

use merge::Entries;
pub use merge::Entry;

/// A node of a document.
#[derive(Clone, Copy, Debug)]
pub struct Node<'d, 'a> {
    document: &'d Document<'a>,
    line: usize,
    content: &'d Content<'a>,
    depth: usize,
    aliased: bool,
}

impl<'a> Document<'a> {
    /// The document as JSON.
    ///
    /// # Errors
    /// A scalar, key, merge or alias that Go rejects, or that is not supported.
    pub fn to_value(&self) -> Result<Value, Error> {
        match self.root()? {
            Some(root) => root.to_value(),
            None => Ok(Value::Null),
        }
    }

    /// The root node; `None` if the document is empty.
    ///
    /// # Errors
    /// As [`to_value`](Self::to_value).
    pub fn root(&self) -> Result<Option<Node<'_, 'a>>, Error> {
        match self.nodes.is_empty() {
            true => Ok(None),
            false => self.node(0, 0, false).map(Some),
        }
    }

    /// A node, with aliases resolved.
    fn node(&self, number: usize, depth: usize, mut aliased: bool) -> Result<Node<'_, 'a>, Error> {
        let Some((line, mut content)) = self.nodes.get(number).map(|(line, of)| (*line, of)) else {
            return Err(Error::new(self.line(), "malformed YAML"));
        };
        self.count(line, aliased)?;
        while let Content::Alias(target) = content {
            aliased = true;
            let Some((_, of)) = self.nodes.get(*target) else {
                break;
            };
            content = of;
            self.count(line, aliased)?;
        }
        if depth > MAX_DEPTH {
            return Err(Error::new(
                line,
                "nested too deeply, or an alias (*) that contains itself",
            ));
        }
        Ok(Node {
            document: self,
            line,
            content,
            depth,
            aliased,
        })
    }
}

impl<'d, 'a> Node<'d, 'a> {
    /// Line of the node, starting at 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    fn child(&self, number: usize) -> Result<Self, Error> {
        self.document.node(number, self.depth + 1, self.aliased)
    }

    /// The items of a sequence; `None` for other nodes.
    ///
    /// # Errors
    /// As [`Document::to_value`].
    pub fn items(&self) -> Result<Option<Vec<Self>>, Error> {
        let Content::Sequence(items) = self.content else {
            return Ok(None);
        };
        let items = items.iter().map(|item| self.child(*item));
        items.collect::<Result<_, _>>().map(Some)
    }

    /// The entries of a mapping, merges included, in the order of their first keys; `None` for other
    /// nodes.
    ///
    /// # Errors
    /// As [`Document::to_value`].
    pub fn entries(&self) -> Result<Option<Vec<Entry<'d, 'a>>>, Error> {
        let Content::Mapping(children) = self.content else {
            return Ok(None);
        };
        let mut found = Entries::default();
        for pair in children.chunks_exact(2) {
            let key = self.child(pair[0])?;
            if key.is_merge() && self.document.is_literal(pair[0]) {
                found.merge(&self.child(pair[1])?)?;
            } else {
                found.set(key.key()?, key.line, self.child(pair[1])?)?;
            }
        }
        Ok(Some(found.all))
    }

    /// Whether both have the same type, or one is null.
    fn is_like(&self, other: &Self) -> bool {
        let is_null = |node: &Self| matches!(node.scalar(), Ok(Some(Value::Null)));
        std::mem::discriminant(self.content) == std::mem::discriminant(other.content)
            || is_null(self)
            || is_null(other)
    }

    fn is_merge(&self) -> bool {
        matches!(self.content, Content::Scalar { text, plain: true, tag: None } if text == "<<")
    }

    fn key(&self) -> Result<String, Error> {
        let quoted = matches!(
            self.content,
            Content::Scalar {
                plain: false,
                tag: None,
                ..
            }
        );
        match self.scalar()? {
            Some(Value::Null) => Err(Error::new(self.line, "a key is missing; write or quote it")),
            // Go cannot look up this key.
            Some(Value::String(text)) if text == ".nan" && !quoted => Err(Error::new(
                self.line,
                "the key .nan is not a string; quote it",
            )),
            Some(Value::String(text)) => Ok(text),
            Some(Value::Number(number)) => Ok(match (number.is_f64(), number.as_f64()) {
                (true, Some(value)) => float(value),
                _ => number.to_string(),
            }),
            Some(other) => Ok(other.to_string()),
            None => Err(Error::new(
                self.line,
                "a key that is not a string; quote it",
            )),
        }
    }

    /// The value of a scalar; `None` for collections.
    fn scalar(&self) -> Result<Option<Value>, Error> {
        let Content::Scalar { text, plain, tag } = self.content else {
            return Ok(None);
        };
        Ok(Some(match tag {
            None if *plain => scalar::resolve(text),
            None | Some(Tagged::Other) => Value::String(text.clone().into_owned()),
            Some(Tagged::Unsupported) => {
                let what = "a tag (!) that is not supported; write the value without it, in quotes";
                return Err(Error::new(self.line, what));
            }
            Some(Tagged::Core(tag)) => scalar::tagged(tag, text).ok_or_else(|| {
                Error::new(
                    self.line,
                    format!("the value does not match its tag !!{tag}"),
                )
            })?,
        }))
    }

    /// The source text of a scalar, which go-yaml passes to types with their own decoder; `None` for
    /// null and for collections.
    #[must_use]
    pub fn written(&self) -> Option<&'d str> {
        match self.content {
            Content::Scalar {
                text,
                plain: true,
                tag: None,
            } if matches!(&**text, "" | "~" | "null") => None,
            Content::Scalar {
                tag: Some(Tagged::Core(tag)),
                ..
            } if tag == "null" => None,
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The node as JSON. Numbers that JSON does not have are strings: `.inf`, `-.inf`, `.nan`.
    ///
    /// # Errors
    /// As [`Document::to_value`].
    pub fn to_value(&self) -> Result<Value, Error> {
        if let Some(entries) = self.entries()? {
            let entries = entries.into_iter();
            let entries = entries.map(|entry| Ok((entry.key, entry.value.to_value()?)));
            return entries.collect::<Result<Map<_, _>, _>>().map(Value::Object);
        }
        if let Some(items) = self.items()? {
            let items = items.iter().map(Node::to_value);
            return items.collect::<Result<_, _>>().map(Value::Array);
        }
        Ok(self.scalar()?.unwrap_or_default())
    }
}
