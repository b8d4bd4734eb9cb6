//! Kinds whose CRDs may be absent, and what the API server and the permissions of a controller allow
//! for each.

use std::collections::BTreeMap;
use std::fmt;

use kube::core::ApiResource;

/// A kind whose CRD may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionalKind {
    /// API group.
    pub group: &'static str,
    /// Version that is read and written.
    pub version: &'static str,
    /// Kind in manifests.
    pub name: &'static str,
    /// The plural, as in paths and RBAC rules.
    pub plural: &'static str,
}

impl OptionalKind {
    /// Name of the CRD.
    #[must_use]
    pub fn crd_name(self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Group and version, as in manifests.
    #[must_use]
    pub fn api_version(self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Group, version and resource.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: self.api_version(),
            kind: self.name.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}

/// Capability for one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Not served, or its CRD is being deleted.
    #[default]
    Absent,
    /// The CRD exists but is not served yet.
    NotEstablished,
    /// Served, but a required permission is missing.
    Forbidden,
    /// Served and permitted.
    Present,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Capabilities for all optional kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    known: BTreeMap<OptionalKind, Capability>,
    others: Capability,
}

impl Caps {
    /// The same capability for all kinds.
    #[must_use]
    pub fn all(capability: Capability) -> Self {
        Self {
            known: BTreeMap::new(),
            others: capability,
        }
    }

    /// Capability for `kind`.
    #[must_use]
    pub fn get(&self, kind: OptionalKind) -> Capability {
        self.known.get(&kind).copied().unwrap_or(self.others)
    }

    /// Sets the capability for `kind`.
    pub fn set(&mut self, kind: OptionalKind, capability: Capability) {
        self.known.insert(kind, capability);
    }

    /// Whether `kind` can be used.
    #[must_use]
    pub fn has(&self, kind: OptionalKind) -> bool {
        self.get(kind) == Capability::Present
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOY: OptionalKind = OptionalKind {
        group: "example.com",
        version: "v1",
        name: "Toy",
        plural: "toys",
    };

    #[test]
    fn only_present_can_be_used() {
        let mut caps = Caps::default();
        assert!(!caps.has(TOY));
        caps.set(TOY, Capability::Present);
        assert!(caps.has(TOY));
        assert!(!caps.has(OptionalKind { plural: "x", ..TOY }));
        assert_eq!(TOY.crd_name(), "toys.example.com");
        assert_eq!(TOY.api_version(), "example.com/v1");
    }
}
