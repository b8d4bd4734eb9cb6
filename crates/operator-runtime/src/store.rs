//! Stores: maps of the facts extracted from related objects. Pure.

use std::collections::BTreeMap;

use kube_facts::Key;

/// The facts of every object of one kind.
#[derive(Debug)]
pub struct Store<F> {
    items: BTreeMap<Key, F>,
    frozen: bool,
    unknown: bool,
    denied: bool,
}

impl<F> Default for Store<F> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            frozen: false,
            unknown: false,
            denied: false,
        }
    }
}

impl<F: PartialEq> Store<F> {
    /// All facts, by namespace and name.
    #[must_use]
    pub fn items(&self) -> &BTreeMap<Key, F> {
        &self.items
    }

    /// All facts; `None` without the permission to read the kind.
    #[must_use]
    pub fn readable(&self) -> Option<&BTreeMap<Key, F>> {
        (!self.denied).then_some(&self.items)
    }

    /// Marks the kind as unreadable. Returns whether that is new.
    pub fn deny(&mut self) -> bool {
        !std::mem::replace(&mut self.denied, true)
    }

    /// Whether the content is frozen because the kind is absent from the API server.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Whether the content is unknown: the kind was absent before the first list.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Freezes the content while the kind is absent.
    pub fn freeze(&mut self) {
        self.unknown = self.items.is_empty() && (self.unknown || !self.frozen);
        self.frozen = true;
    }

    /// Ends a freeze after the kind is present again.
    pub fn unfreeze(&mut self) {
        self.frozen = false;
        self.unknown = false;
    }

    /// Stores the facts of one object, or its deletion. Returns the previous facts if they differ.
    pub fn change(&mut self, key: &Key, facts: Option<F>) -> Option<Change<F>> {
        let old = match facts {
            Some(facts) if self.items.get(key) == Some(&facts) => return None,
            Some(facts) => self.items.insert(key.clone(), facts),
            None => Some(self.items.remove(key)?),
        };
        Some(Change {
            key: key.clone(),
            old,
        })
    }

    /// The stored keys of one namespace, or of all, that are not in a complete list.
    #[must_use]
    pub fn missing_in(&self, namespace: Option<&str>, listed: &BTreeMap<Key, F>) -> Vec<Key> {
        let keys = self.items.keys();
        keys.filter(|k| is_in(namespace, k) && !listed.contains_key(*k))
            .cloned()
            .collect()
    }

    /// Stores a complete list of one namespace, or of all. Returns the differences.
    pub fn replace(&mut self, namespace: Option<&str>, listed: BTreeMap<Key, F>) -> Changes<F> {
        self.frozen = false;
        self.unknown = false;
        self.denied = false;
        let missing = self.missing_in(namespace, &listed);
        let mut changes: Vec<_> = missing
            .iter()
            .filter_map(|key| self.change(key, None))
            .collect();
        changes.extend(
            listed
                .into_iter()
                .filter_map(|(key, facts)| self.change(&key, Some(facts))),
        );
        changes
    }
}

fn is_in(namespace: Option<&str>, key: &Key) -> bool {
    namespace.is_none_or(|n| n == key.namespace)
}

/// Changes of a store.
pub type Changes<F> = Vec<Change<F>>;

/// A change of one object. The new facts are in the store.
#[derive(Debug)]
pub struct Change<F> {
    /// Namespace and name.
    pub key: Key,
    /// Previous facts; `None` if the object is new.
    pub old: Option<F>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: &str) -> Key {
        Key::new(namespace, name)
    }

    #[test]
    fn equal_facts_are_no_change() {
        let mut store = Store::default();
        assert!(store.change(&key("a", "x"), Some(1)).is_some());
        assert!(store.change(&key("a", "x"), Some(1)).is_none());
        assert_eq!(store.change(&key("a", "x"), Some(2)).unwrap().old, Some(1));
        assert_eq!(store.change(&key("a", "x"), None).unwrap().old, Some(2));
        assert!(store.change(&key("a", "x"), None).is_none());
    }

    #[test]
    fn list_of_one_namespace_keeps_the_others() {
        let mut store = Store::default();
        store.replace(
            Some("a"),
            BTreeMap::from([(key("a", "x"), 1), (key("a", "y"), 1)]),
        );
        store.replace(Some("b"), BTreeMap::from([(key("b", "x"), 1)]));
        let changes = store.replace(Some("a"), BTreeMap::from([(key("a", "y"), 2)]));
        assert_eq!(changes.len(), 2);
        assert_eq!(
            store.items().keys().collect::<Vec<_>>(),
            [&key("a", "y"), &key("b", "x")]
        );
        assert_eq!(store.replace(None, BTreeMap::new()).len(), 2);
    }

    #[test]
    fn frozen_store_keeps_its_content() {
        let mut store = Store::default();
        assert!(!store.is_unknown(), "a store of files is complete");
        for (namespace, name) in [("a", "x"), ("a", "y"), ("b", "x")] {
            store.change(&key(namespace, name), Some(1));
        }
        store.freeze();
        assert!(store.is_frozen() && !store.is_unknown());
        store.change(&key("a", "x"), Some(2));
        assert!(store.is_frozen(), "one object does not end a freeze");
        store.unfreeze();
        assert!(!store.is_frozen());
        assert_eq!(store.items().len(), 3);
    }

    #[test]
    fn store_frozen_before_the_first_list_is_unknown_until_unfrozen() {
        let mut store = Store::default();
        store.freeze();
        store.freeze();
        store.change(&key("a", "x"), Some(1));
        assert!(store.is_unknown());
        store.unfreeze();
        assert!(!store.is_unknown() && store.items().len() == 1);
        store.freeze();
        assert!(!store.is_unknown());
        store.replace(None, BTreeMap::new());
        assert!(!store.is_frozen(), "an empty list ends a freeze");
    }
}
