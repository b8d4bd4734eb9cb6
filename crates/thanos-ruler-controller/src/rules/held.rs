//! Rules that are held back because rulers fail to load them, although they were accepted. Pure.
//!
//! Rules are validated before they are mounted. If a ruler rejects one nevertheless, its whole reload
//! fails, a starting ruler exits, and only its log identifies the rule. So all objects whose rules changed
//! since the last successful load are held back together: their rules of that load are mounted again, with
//! which rulers can start. Fixing or deleting one of these objects releases all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thanos_api::v1alpha1::HeldRules;
use xxhash_rust::xxh3::xxh3_64;

use super::loaded::{AllLoaded, groups};
use super::source::Rendered;

/// Time after a change before a failed reload counts against the mounted rules, and before they count as
/// loaded. The kubelet updates files within 90 s, and the reloader retries every 5 s.
pub const SETTLED: Duration = Duration::from_secs(100);

/// The same if no ruler runs: the kubelet waits up to 5 minutes before it restarts a container.
pub const RESTARTED: Duration = Duration::from_secs(400);

/// The mounted rules of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Name prefix of its files.
    pub stem: String,
    /// Its rendered rules.
    pub rendered: Arc<Rendered>,
}

/// The rules of all objects, by their subjects in the status.
pub type Pieces = BTreeMap<String, Piece>;

/// The held-back rules of one ThanosRuler, and the rules that its rulers have loaded.
#[derive(Clone, Debug, Default)]
pub struct HeldBack {
    /// The image of rulers: another one may load what this one does not.
    image: u64,
    /// Digests of the held-back rules, by subject.
    held: BTreeMap<String, u64>,
    /// The last rules that all rulers had loaded; `None` if that was before this process started.
    loaded: Option<Arc<Pieces>>,
    /// The value of `loaded` before that, until the mounted rules are [`SETTLED`]: a reload can be of the
    /// previous content, which metrics do not show if only the text of rules differs.
    before: Option<Arc<Pieces>>,
    /// Reloads also failed for [`RESTARTED`] with the rules held back, so these were not the cause.
    is_doubtful: bool,
    mounted: Option<Mounted>,
}

/// The content that is mounted.
#[derive(Clone, Copy, Debug)]
struct Mounted {
    digest: u64,
    /// When it changed, or when this process first observed it.
    since: Timestamp,
    /// This process changed it, less than [`SETTLED`] ago.
    is_new: bool,
}

impl Mounted {
    fn age(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.since)).unwrap_or_default()
    }
}

impl HeldBack {
    /// Restores the held-back rules from a status.
    #[must_use]
    pub fn new(status: &[HeldRules]) -> Self {
        let held = status.iter().filter_map(|held| {
            let digest = u64::from_str_radix(&held.digest, 16).ok()?;
            Some((held.subject.clone(), digest))
        });
        Self {
            held: held.collect(),
            ..Self::default()
        }
    }

    /// The same for rulers of this image.
    #[must_use]
    pub fn with_image(mut self, image: &str) -> Self {
        self.image = xxh3_64(image.as_bytes());
        self
    }

    /// The held-back rules for the status.
    pub fn status(&self) -> impl Iterator<Item = HeldRules> {
        self.held.iter().map(|(subject, digest)| HeldRules {
            subject: subject.clone(),
            digest: format!("{digest:016x}"),
        })
    }

    /// Whether these rules of an object are held back.
    #[must_use]
    pub fn holds(&self, subject: &str, rendered: &Rendered) -> bool {
        self.held.get(subject) == Some(&self.digest(rendered))
    }

    /// The rules of an object at the last successful load; `None` if it had none then, or if that load was
    /// before this process started.
    #[must_use]
    pub fn previous(&self, subject: &str) -> Option<Piece> {
        self.loaded.as_ref()?.get(subject).cloned()
    }

    fn digest(&self, rendered: &Rendered) -> u64 {
        rendered.digest ^ self.image
    }

    /// Records the planned content, and returns the time after which rulers must have reloaded to have
    /// loaded it, if any. Content that is not applied yet counts as changed now.
    pub fn mount(
        &mut self,
        now: Timestamp,
        pieces: &Pieces,
        is_written: bool,
    ) -> Option<Timestamp> {
        let mut bytes = Vec::new();
        for (subject, piece) in pieces {
            bytes.extend(xxh3_64(subject.as_bytes()).to_le_bytes());
            bytes.extend(piece.rendered.digest.to_le_bytes());
        }
        let new = Mounted {
            digest: xxh3_64(&bytes),
            since: now,
            is_new: self.mounted.is_some() || !is_written,
        };
        let mounted = match self.mounted {
            Some(before) if before.digest == new.digest && (is_written || !before.is_new) => {
                Mounted {
                    is_new: before.is_new && before.age(now) < SETTLED,
                    ..before
                }
            }
            _ => new,
        };
        self.mounted = Some(mounted);
        mounted.is_new.then_some(mounted.since)
    }

    /// Updates the state from what rulers report of the mounted rules; `held` are the objects for which
    /// [`HeldBack::holds`] is true.
    /// Returns whether the rules to mount changed.
    pub fn learn(
        &mut self,
        now: Timestamp,
        (mounted, held): (&Pieces, &BTreeSet<String>),
        all_loaded: &AllLoaded,
    ) -> bool {
        if !self.held.keys().all(|subject| held.contains(subject)) {
            return self.release();
        }
        let age = self.mounted.map(|it| it.age(now)).unwrap_or_default();
        match all_loaded {
            AllLoaded::Loaded if self.is_doubtful => self.release(),
            AllLoaded::Loaded => {
                if self.loaded.as_deref() != Some(mounted) {
                    self.before = self.loaded.replace(Arc::new(mounted.clone()));
                }
                if age >= SETTLED {
                    self.before = None;
                }
                false
            }
            AllLoaded::Failed(loaded) if age >= SETTLED => {
                // Of a load before this process started, only names and sizes of groups are known.
                let is_loaded = |piece: &Piece| {
                    groups(&piece.stem, &piece.rendered).all(|(_, group)| loaded.contains(&group))
                };
                self.hold_back(age, mounted, is_loaded)
            }
            AllLoaded::Ended if age >= RESTARTED => self.hold_back(age, mounted, |_| false),
            _ => false,
        }
    }

    fn release(&mut self) -> bool {
        self.held.clear();
        self.is_doubtful = false;
        true
    }

    /// Holds back the rules that differ from the last loaded ones.
    fn hold_back(
        &mut self,
        age: Duration,
        mounted: &Pieces,
        is_loaded: impl Fn(&Piece) -> bool,
    ) -> bool {
        let guess = || {
            let loaded = mounted.iter().filter(|(_, piece)| is_loaded(piece));
            let loaded = loaded.map(|(subject, piece)| (subject.clone(), piece.clone()));
            Arc::new(loaded.collect())
        };
        let last = self.loaded.clone().unwrap_or_else(guess);
        for loaded in [Some(last), self.before.clone()].into_iter().flatten() {
            let differs = |(subject, piece): &(&String, &Piece)| {
                let before = loaded.get(*subject).map(|before| before.rendered.digest);
                before != Some(piece.rendered.digest)
            };
            let held = mounted.iter().filter(differs);
            let held = held.map(|(s, piece)| (s.clone(), self.digest(&piece.rendered)));
            let held: BTreeMap<String, u64> = held.collect();
            if !held.is_empty() {
                self.held.extend(held);
                self.loaded = Some(loaded);
                return true;
            }
        }
        self.is_doubtful = age >= RESTARTED && !self.held.is_empty();
        false
    }
}

#[cfg(test)]
mod tests;
