//! What rulers refuse although it was judged to be good: found by trying, and nothing else is left out.
//! Pure.
//!
//! Rules are judged before they are mounted, so this should never be needed. Where it is, a reload fails
//! as a whole, a ruler that starts ends at once, and neither says which rule it is. So what is mounted
//! and was never loaded is left out together; as soon as rulers have loaded the rest, it is mounted
//! again half by half, until those are found with which loading fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thanos_api::v1alpha1::QuarantinedRules;
use xxhash_rust::xxh3::xxh3_64;

use super::loaded::{Said, lines};
use super::source::Outcome;

/// How long rules must have been what they are before a reload that fails is their fault. A node renews
/// files within 90 s, and the reloader tries again every 5 s.
pub const SETTLED: Duration = Duration::from_secs(100);

/// The same where no ruler runs: a node waits 5 minutes at most before it starts one again.
pub const RESTARTED: Duration = Duration::from_secs(400);

/// What became of the rules of one object, and what its files are named after.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// What its files are named after.
    pub stem: String,
    /// What became of its rules.
    pub outcome: Arc<Outcome>,
}

/// The rules of all objects, by what the status calls these.
pub type Pieces = BTreeMap<String, Piece>;

/// Digests of rules, by what the status calls the objects.
type Digests = BTreeMap<String, u64>;

/// What is tried with the rules of one ThanosRuler.
#[derive(Clone, Debug)]
pub struct Quarantine {
    /// The image of rulers: another one may take what this one does not.
    image: u64,
    /// What rulers had loaded when they had loaded everything.
    proven: Pieces,
    /// What they refuse.
    refused: Digests,
    /// What is left out until it is its turn to be tried; the last is the next.
    held: Vec<Digests>,
    /// What was left out, and has not been loaded since: what is refused, what is held, and what is
    /// mounted again to see.
    tried: Digests,
    /// The digest of what is mounted, and since when it is.
    mounted: Option<(u64, Timestamp)>,
}

/// What is mounted of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Admitted {
    /// Its rules.
    Whole,
    /// Its rules as they were when rulers loaded them last, if they ever did, since rulers refuse the
    /// new ones.
    Before(Option<Piece>),
    /// The same, since it is not its turn to be tried.
    Waits(Option<Piece>),
}

impl Quarantine {
    /// Nothing is tried yet, but for what is `known` from [`Quarantine::known`].
    #[must_use]
    pub fn new(image: &str, known: impl IntoIterator<Item = QuarantinedRules>) -> Self {
        let (mut refused, mut tried) = (Digests::new(), Digests::new());
        for QuarantinedRules {
            subject,
            digest,
            refused: is_refused,
        } in known
        {
            let Ok(digest) = u64::from_str_radix(&digest, 16) else {
                continue;
            };
            if is_refused {
                refused.insert(subject.clone(), digest);
            }
            tried.insert(subject, digest);
        }
        let waiting = tried.iter().filter(|(s, _)| !refused.contains_key(*s));
        let waiting: Digests = waiting.map(|(s, digest)| (s.clone(), *digest)).collect();
        Self {
            image: xxh3_64(image.as_bytes()),
            proven: Pieces::new(),
            held: vec![waiting],
            refused,
            tried,
            mounted: None,
        }
    }

    /// What to remember for good.
    pub fn known(&self) -> impl Iterator<Item = QuarantinedRules> {
        self.tried.iter().map(|(subject, digest)| QuarantinedRules {
            subject: subject.clone(),
            digest: format!("{digest:016x}"),
            refused: self.refused.contains_key(subject),
        })
    }

    /// What is to be mounted of an object.
    #[must_use]
    pub fn admit(&self, subject: &str, outcome: &Outcome) -> Admitted {
        let digest = self.digest(outcome);
        let has = |all: &Digests| all.get(subject) == Some(&digest);
        let before = || self.proven.get(subject).cloned();
        if has(&self.refused) {
            Admitted::Before(before())
        } else if self.held.iter().any(has) {
            Admitted::Waits(before())
        } else {
            Admitted::Whole
        }
    }

    fn digest(&self, outcome: &Outcome) -> u64 {
        outcome.digest ^ self.image
    }

    /// Learns from what rulers say of what is mounted. What was not admitted is `left_out`. Returns
    /// whether something else is to be mounted now.
    pub fn learn(
        &mut self,
        now: Timestamp,
        image: &str,
        (mounted, left_out): (&Pieces, &Pieces),
        said: &Said,
    ) -> bool {
        self.image = xxh3_64(image.as_bytes());
        self.forget(left_out, mounted);
        let since = self.settle(now, mounted);
        let settled = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        match said {
            Said::Loaded => {
                self.proven.clone_from(mounted);
                self.tried
                    .retain(|subject, _| left_out.contains_key(subject));
                self.held.pop().is_some()
            }
            Said::Failed(loaded) if settled >= SETTLED => {
                self.adopt(mounted, loaded);
                self.suspect(mounted)
            }
            Said::Ended if settled >= RESTARTED => self.suspect(mounted),
            _ => false,
        }
    }

    fn has_proven(&self, subject: &str, piece: &Piece) -> bool {
        let proven = self.proven.get(subject);
        proven.is_some_and(|proven| proven.outcome.digest == piece.outcome.digest)
    }

    /// Whoever changes rules that were left out has them tried anew.
    fn forget(&mut self, left_out: &Pieces, mounted: &Pieces) {
        let image = self.image;
        let is = |of: &Pieces, subject: &str, digest: u64| {
            let piece = of.get(subject);
            piece.is_some_and(|piece| piece.outcome.digest ^ image == digest)
        };
        self.refused.retain(|s, d| is(left_out, s, *d));
        for batch in &mut self.held {
            batch.retain(|s, d| is(left_out, s, *d));
        }
        self.held.retain(|batch| !batch.is_empty());
        self.tried
            .retain(|s, d| is(left_out, s, *d) || is(mounted, s, *d));
    }

    /// Since when this is mounted.
    fn settle(&mut self, now: Timestamp, mounted: &Pieces) -> Timestamp {
        let mut bytes = self.image.to_le_bytes().to_vec();
        for (subject, piece) in mounted {
            bytes.extend(subject.as_bytes());
            bytes.extend(piece.outcome.digest.to_le_bytes());
        }
        let content = xxh3_64(&bytes);
        match self.mounted {
            Some((before, since)) if before == content => since,
            _ => {
                self.mounted = Some((content, now));
                now
            }
        }
    }

    /// Of what nobody remembers, that is good which rulers go on with, as far as names tell.
    fn adopt(&mut self, mounted: &Pieces, loaded: &[u64]) {
        for (subject, piece) in mounted {
            let mut all = lines(&piece.stem, &piece.outcome);
            if !self.proven.contains_key(subject) && all.all(|line| loaded.contains(&line)) {
                self.proven.insert(subject.clone(), piece.clone());
            }
        }
    }

    /// With what is mounted, loading fails.
    fn suspect(&mut self, mounted: &Pieces) -> bool {
        let suspects = mounted
            .iter()
            .filter(|(s, piece)| !self.has_proven(s, piece));
        let mut suspects: Digests = suspects
            .map(|(subject, piece)| (subject.clone(), self.digest(&piece.outcome)))
            .collect();
        let is_tried = |(s, d): (&String, &u64)| self.tried.get(s) == Some(d);
        let tried = suspects.iter().all(is_tried);
        self.tried.extend(suspects.clone());
        match suspects.len() {
            0 => return false,
            // Without it rulers loaded the rest, and with it they do not.
            1 if tried => self.refused.extend(suspects),
            1 => self.held.push(suspects),
            more => {
                let middle = suspects.keys().nth(more / 2).cloned().unwrap_or_default();
                self.held.push(suspects.split_off(&middle));
                self.held.push(suspects);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
