//! Entries of mappings: duplicate keys and merges. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use crate::Error;

/// An entry of a mapping.
#[derive(Clone, Debug)]
pub struct Entry<'d, 'a> {
    /// Key as a string.
    pub key: String,
    /// Effective value.
    pub value: Node<'d, 'a>,
    /// Values that a merge or a later key replaced. Go decodes them, too.
    pub replaced: Vec<Node<'d, 'a>>,
}

/// Entries of a mapping. Later keys and merges take precedence.
#[derive(Default)]
pub(crate) struct Entries<'d, 'a> {
    pub(crate) all: Vec<Entry<'d, 'a>>,
    /// Index of each key, once there are more than [`FEW`].
    places: BTreeMap<String, usize>,
    /// Keys that only merges have set so far.
    merged: BTreeSet<String>,
}

/// Up to this number of keys, a linear search is faster.
const FEW: usize = 16;

impl<'d, 'a> Entries<'d, 'a> {
    fn find(&self, key: &str) -> Option<usize> {
        match self.all.len() > FEW {
            true => self.places.get(key).copied(),
            false => self.all.iter().position(|entry| entry.key == key),
        }
    }

    /// # Errors
    /// The key is a duplicate.
    pub(crate) fn set(
        &mut self,
        key: String,
        line: usize,
        node: Node<'d, 'a>,
    ) -> Result<(), Error> {
        if self.find(&key).is_some() && !self.merged.remove(&key) {
            let what = format!("duplicate key {key:?}; remove one");
            return Err(Error::new(line, what));
        }
        self.put(key, node)
    }

    /// # Errors
    /// The replaced value has another type, which Go cannot decode into the same field.
    fn put(&mut self, key: String, value: Node<'d, 'a>) -> Result<(), Error> {
        if let Some(entry) = self.find(&key).and_then(|at| self.all.get_mut(at)) {
            if !entry.value.is_like(&value) {
                let what =
                    format!("{key:?} is merged (<<) and set again with another type; set it once");
                return Err(Error::new(value.line(), what));
            }
            entry
                .replaced
                .push(std::mem::replace(&mut entry.value, value));
            return Ok(());
        }
        self.all.push(Entry {
            key,
            value,
            replaced: Vec::new(),
        });
        let known = self.places.len();
        if self.all.len() > FEW {
            let new = self.all.iter().enumerate().skip(known);
            self.places
                .extend(new.map(|(at, entry)| (entry.key.clone(), at)));
        }
        Ok(())
    }

    /// # Errors
    /// The node is neither a mapping nor a sequence of mappings.
    pub(crate) fn merge(&mut self, node: &Node<'d, 'a>) -> Result<(), Error> {
        let entries = match node.entries()? {
            Some(entries) => vec![entries],
            None => {
                // Earlier items of a sequence take precedence.
                let items = node.items()?.unwrap_or_default();
                let items = items.iter().rev().map(|item| item.entries());
                let items: Option<Vec<_>> = items.collect::<Result<Option<_>, _>>()?;
                match items {
                    Some(items) if !items.is_empty() => items,
                    _ => {
                        let what = "a merge (<<) requires a mapping or a list of mappings";
                        return Err(Error::new(node.line(), what));
                    }
                }
            }
        };
        for entry in entries.into_iter().flatten() {
            if self.find(&entry.key).is_none() {
                self.merged.insert(entry.key.clone());
            }
            for value in entry.replaced.into_iter().chain([entry.value]) {
                self.put(entry.key.clone(), value)?;
            }
        }
        Ok(())
    }
}
