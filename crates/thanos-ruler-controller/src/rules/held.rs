//! Rules that are held back because rulers fail to load them, although they were accepted. Pure.
//!
//! Rules are judged before they are mounted. Should a ruler reject some nevertheless, its reload fails as
//! a whole, a ruler that starts ends at once, and only its log identifies the rule. So all objects whose
//! rules changed since the last successful load are held back together: their rules of that load are
//! mounted again, with which rulers can start. A user who mends or deletes one of them releases them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thanos_api::v1alpha1::HeldRules;
use xxhash_rust::xxh3::xxh3_64;

use super::loaded::{Said, groups};
use super::source::Outcome;

/// How long rules must have been mounted before a failed reload is their fault, and before they count as
/// loaded for certain. A node renews files within 90 s, and the reloader tries again every 5 s.
pub const SETTLED: Duration = Duration::from_secs(100);

/// The same where no ruler runs: a node waits 5 minutes at most before it starts one again.
pub const RESTARTED: Duration = Duration::from_secs(400);

/// The rules of one object as they are mounted.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// What its files are named after.
    pub stem: String,
    /// What became of its rules.
    pub outcome: Arc<Outcome>,
}

/// The rules of all objects, by the names of the objects in the status.
pub type Pieces = BTreeMap<String, Piece>;

/// What is held back of one ThanosRuler, and what its rulers loaded.
#[derive(Clone, Debug, Default)]
pub struct HeldBack {
    /// The image of rulers: another one may load what this one does not.
    image: u64,
    /// Digests of the rules that are held back, by the names of their objects.
    held: BTreeMap<String, u64>,
    /// The last rules that rulers reported to be loaded; `None` if that was before this process started.
    loaded: Option<Arc<Pieces>>,
    /// The same before the mounted rules counted as loaded, until those have been mounted for [`SETTLED`]:
    /// a reload can be of the content before, which rulers do not report if only texts differ.
    before: Option<Arc<Pieces>>,
    /// Reloads failed for [`RESTARTED`] with the rules held back as well: these were not the cause.
    is_doubtful: bool,
    mounted: Option<Mounted>,
}

/// The content that is mounted.
#[derive(Clone, Copy, Debug)]
struct Mounted {
    digest: u64,
    /// When it changed, or when this process saw it first.
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
    /// What a status says to be held back.
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

    /// What the status says to be held back.
    pub fn status(&self) -> impl Iterator<Item = HeldRules> {
        self.held.iter().map(|(subject, digest)| HeldRules {
            subject: subject.clone(),
            digest: format!("{digest:016x}"),
        })
    }

    /// Whether these rules of an object are held back.
    #[must_use]
    pub fn holds(&self, subject: &str, outcome: &Outcome) -> bool {
        self.held.get(subject) == Some(&self.digest(outcome))
    }

    /// The rules of an object at the last successful load; `None` if it had none then, or if that load was
    /// before this process started.
    #[must_use]
    pub fn previous(&self, subject: &str) -> Option<Piece> {
        self.loaded.as_ref()?.get(subject).cloned()
    }

    fn digest(&self, outcome: &Outcome) -> u64 {
        outcome.digest ^ self.image
    }

    /// Notes what is planned to be mounted, and returns the time after which rulers must have reloaded to
    /// have loaded it, if there is one. Content that is not written yet counts as changed now.
    pub fn mount(
        &mut self,
        now: Timestamp,
        pieces: &Pieces,
        is_written: bool,
    ) -> Option<Timestamp> {
        let mut bytes = Vec::new();
        for (subject, piece) in pieces {
            bytes.extend(xxh3_64(subject.as_bytes()).to_le_bytes());
            bytes.extend(piece.outcome.digest.to_le_bytes());
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

    /// Learns from what rulers report of the mounted rules; `held` are the objects of which
    /// [`HeldBack::holds`] is true.
    /// Returns whether other rules are to be mounted now.
    pub fn learn(
        &mut self,
        now: Timestamp,
        (mounted, held): (&Pieces, &BTreeSet<String>),
        said: &Said,
    ) -> bool {
        if !self.held.keys().all(|subject| held.contains(subject)) {
            return self.release();
        }
        let age = self.mounted.map(|it| it.age(now)).unwrap_or_default();
        match said {
            Said::Loaded if self.is_doubtful => self.release(),
            Said::Loaded => {
                if self.loaded.as_deref() != Some(mounted) {
                    self.before = self.loaded.replace(Arc::new(mounted.clone()));
                }
                if age >= SETTLED {
                    self.before = None;
                }
                false
            }
            Said::Failed(loaded) if age >= SETTLED => {
                // Before this process saw a load, names of groups are all that is known of it.
                let is_loaded = |piece: &Piece| {
                    groups(&piece.stem, &piece.outcome).all(|(_, group)| loaded.contains(&group))
                };
                self.hold_back(age, mounted, is_loaded)
            }
            Said::Ended if age >= RESTARTED => self.hold_back(age, mounted, |_| false),
            _ => false,
        }
    }

    fn release(&mut self) -> bool {
        self.held.clear();
        self.is_doubtful = false;
        true
    }

    /// Holds back what differs from the last rules that were loaded.
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
                let before = loaded.get(*subject).map(|before| before.outcome.digest);
                before != Some(piece.outcome.digest)
            };
            let held = mounted.iter().filter(differs);
            let held = held.map(|(s, piece)| (s.clone(), self.digest(&piece.outcome)));
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
