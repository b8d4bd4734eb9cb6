//! Stores: what decisions need to know of related objects, as maps of extracted facts.

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

    /// All facts, unless the kind may not be read.
    #[must_use]
    pub fn readable(&self) -> Option<&BTreeMap<Key, F>> {
        (!self.denied).then_some(&self.items)
    }

    /// The kind may not be read. Returns whether that is new.
    pub fn deny(&mut self) -> bool {
        !std::mem::replace(&mut self.denied, true)
    }

    /// Whether the content is frozen because the API server does not serve the kind any more.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Whether the content is unknown: the kind was deleted before it was ever listed.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Keeps what is not contradicted.
    pub fn freeze(&mut self) {
        self.unknown = self.items.is_empty() && (self.unknown || !self.frozen);
        self.frozen = true;
    }

    /// Ends a freeze: the kind is back.
    pub fn unfreeze(&mut self) {
        self.frozen = false;
        self.unknown = false;
    }

    /// Takes in one object, or its removal. Returns the facts before, if they differ.
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

    /// The keys of one namespace, or of all, that a complete list does not name.
    #[must_use]
    pub fn missing_in(&self, namespace: Option<&str>, listed: &BTreeMap<Key, F>) -> Vec<Key> {
        let keys = self.items.keys();
        keys.filter(|k| is_in(namespace, k) && !listed.contains_key(*k))
            .cloned()
            .collect()
    }

    /// Takes in a complete list of one namespace, or of all. Returns what differs.
    pub fn replace(&mut self, namespace: Option<&str>, listed: BTreeMap<Key, F>) -> Changes<F> {
        self.frozen = false;
        self.unknown = false;
        self.denied = false;
        let gone = self.missing_in(namespace, &listed);
        let mut changes: Vec<_> = gone
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

/// A change of a store. The new facts are in the store.
#[derive(Debug)]
pub struct Change<F> {
    /// Which object.
    pub key: Key,
    /// Its facts before; `None` if it is new.
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
    fn a_list_of_one_namespace_leaves_the_others() {
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
    fn a_freeze_keeps_what_no_event_contradicts() {
        let mut store = Store::default();
        assert!(!store.is_unknown(), "a store filled from files is complete");
        for (namespace, name) in [("a", "x"), ("a", "y"), ("b", "x")] {
            store.change(&key(namespace, name), Some(1));
        }
        store.freeze();
        assert!(store.is_frozen() && !store.is_unknown());
        store.change(&key("a", "x"), Some(2));
        assert!(store.is_frozen(), "one object says nothing of the others");
        store.unfreeze();
        assert!(!store.is_frozen());
        assert_eq!(store.items().len(), 3);
    }

    #[test]
    fn what_was_never_listed_is_unknown_until_it_is_whole() {
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
        assert!(!store.is_frozen(), "a list says that there is nothing");
    }
}
