use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// How often rulers are asked.
const ASKED: Duration = Duration::from_secs(10);

/// Rules of objects as they are wanted: the number of their version, by the number of the object.
type Wanted = BTreeMap<usize, u64>;

/// Rulers, and what they do with what is mounted.
struct World {
    wanted: Wanted,
    /// Versions that they refuse.
    bad: BTreeSet<(usize, u64)>,
    /// What they have loaded, the names and the texts of it.
    loaded: Option<Pieces>,
    failed: bool,
    quarantine: Quarantine,
    now: Timestamp,
    /// How many reloads failed because of what was mounted new.
    failures: usize,
}

fn piece(object: usize, version: u64) -> Piece {
    let outcome = Outcome {
        files: vec![String::new()],
        mounted: vec![(0, "g".into(), 1)],
        // No version of one object is that of another.
        digest: ((object as u64) << 32) | version,
        ..Default::default()
    };
    Piece {
        stem: format!("n-{object}-u"),
        outcome: Arc::new(outcome),
    }
}

impl World {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            bad: BTreeSet::new(),
            loaded: Some(Pieces::new()),
            failed: false,
            quarantine: Quarantine::new("a", []),
            now: Timestamp::UNIX_EPOCH,
            failures: 0,
        }
    }

    fn is_bad(&self, piece: &Piece) -> bool {
        let digest = piece.outcome.digest;
        self.bad
            .contains(&((digest >> 32) as usize, digest & 0xffff_ffff))
    }

    /// What is mounted, and what is left out.
    fn content(&self) -> (Pieces, Pieces) {
        let (mut mounted, mut left_out) = (Pieces::new(), Pieces::new());
        for (object, version) in &self.wanted {
            let (subject, piece) = (format!("{object:03}"), piece(*object, *version));
            let before = match self.quarantine.admit(&subject, &piece.outcome) {
                Admitted::Whole => Some(piece),
                Admitted::Before(before) | Admitted::Waits(before) => {
                    left_out.insert(subject.clone(), piece);
                    before
                }
            };
            mounted.extend(before.map(|piece| (subject, piece)));
        }
        (mounted, left_out)
    }

    /// Rulers load what is mounted, and are asked.
    fn step(&mut self) {
        let (mounted, left_out) = self.content();
        let is_other = self.loaded.as_ref() != Some(&mounted);
        let was_failed = self.failed;
        self.failed = mounted.values().any(|piece| self.is_bad(piece));
        if !self.failed {
            self.loaded = Some(mounted.clone());
        } else if is_other && !was_failed {
            self.failures += 1;
        }
        let said = match (&self.loaded, self.failed) {
            (Some(_), false) => Said::Loaded,
            (Some(loaded), true) => {
                let pieces = loaded.values();
                Said::Failed(pieces.flat_map(|p| lines(&p.stem, &p.outcome)).collect())
            }
            (None, _) => Said::Ended,
        };
        let content = (&mounted, &left_out);
        self.quarantine.learn(self.now, "a", content, &said);
        self.now += ASKED;
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    fn restart(&mut self) {
        let known: Vec<_> = self.quarantine.known().collect();
        self.quarantine = Quarantine::new("a", known);
    }

    /// The objects whose rules are mounted as they are wanted.
    fn mounted(&self) -> Wanted {
        let (mounted, _) = self.content();
        let as_wanted = self.wanted.iter().filter(|(object, version)| {
            mounted.get(&format!("{object:03}")) == Some(&piece(**object, **version))
        });
        as_wanted.map(|(o, v)| (*o, *v)).collect()
    }

    fn good(&self) -> Wanted {
        let all = self.wanted.iter().map(|(o, v)| (*o, *v));
        all.filter(|it| !self.bad.contains(it)).collect()
    }
}

fn all(objects: usize) -> Wanted {
    (0..objects).map(|object| (object, 0)).collect()
}

#[test]
fn a_new_object_that_rulers_refuse_is_left_out_alone() {
    let mut world = World::new(all(5));
    world.run(SETTLED);
    world.bad.insert((7, 0));
    world.wanted.extend([(6, 0), (7, 0), (8, 0)]);
    world.run(10 * SETTLED);
    assert_eq!(world.mounted(), world.good());
    assert!(!world.failed);
}

#[test]
fn of_a_changed_object_the_version_before_stays_mounted() {
    let mut world = World::new(all(3));
    world.run(2 * SETTLED);
    world.bad.insert((1, 1));
    world.wanted.insert(1, 1);
    world.run(SETTLED / 2);
    assert!(world.failed);
    world.run(5 * SETTLED);
    assert!(!world.failed);
    let (mounted, left_out) = world.content();
    assert_eq!(mounted["001"], piece(1, 0));
    assert_eq!(left_out["001"], piece(1, 1));
    // Mended, it joins.
    world.wanted.insert(1, 2);
    world.run(SETTLED);
    assert_eq!(world.mounted(), all_but(3, 1, 2));
    assert_eq!(world.quarantine.known().count(), 0);
}

fn all_but(objects: usize, object: usize, version: u64) -> Wanted {
    let mut wanted = all(objects);
    wanted.insert(object, version);
    wanted
}

#[test]
fn trouble_that_is_not_of_rules_leaves_nothing_out_for_good() {
    let mut world = World::new(all(4));
    world.run(2 * SETTLED);
    // Whatever is new fails, and so does what was there: a full disk.
    world.wanted.insert(9, 0);
    world.bad.extend((0..10).map(|object| (object, 0)));
    world.run(10 * SETTLED);
    world.bad.clear();
    world.run(5 * SETTLED);
    assert_eq!(world.mounted(), world.wanted);
    assert_eq!(world.quarantine.known().count(), 0);
}

#[test]
fn one_that_loads_what_others_cannot_load_shows_that_rules_are_good() {
    let mut quarantine = Quarantine::new("a", []);
    let mounted = Pieces::from([("000".to_owned(), piece(0, 0))]);
    let start = Timestamp::UNIX_EPOCH;
    for second in 0..2000 {
        let now = start + Duration::from_secs(second);
        let content = (&mounted, &Pieces::new());
        assert!(!quarantine.learn(now, "a", content, &Said::Unclear));
    }
}

#[test]
fn where_no_ruler_starts_the_culprit_is_found_all_the_same() {
    let mut world = World::new(all(20));
    world.loaded = None;
    world.bad.insert((11, 0));
    world.run(RESTARTED / 2);
    assert_eq!(world.mounted(), world.wanted, "too early to tell");
    world.run(RESTARTED + 20 * SETTLED);
    assert_eq!(world.mounted(), world.good());
}

#[test]
fn another_image_is_tried_anew() {
    let mut world = World::new(all(2));
    world.bad.insert((1, 0));
    world.run(10 * SETTLED);
    assert_eq!(world.mounted(), world.good());
    world.restart();
    assert_eq!(world.mounted(), world.good(), "a restart forgets nothing");
    let (mounted, left_out) = world.content();
    let content = (&mounted, &left_out);
    world
        .quarantine
        .learn(world.now, "b", content, &Said::Loaded);
    assert_eq!(world.mounted(), world.wanted);
}

/// What happens to objects.
#[derive(Clone, Debug)]
enum Event {
    Change { object: usize, bad: bool },
    Remove(usize),
    Restart,
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..40_usize, prop::bool::weighted(0.2))
            .prop_map(|(object, bad)| Event::Change { object, bad }),
        1 => (0..40_usize).prop_map(Event::Remove),
        1 => Just(Event::Restart),
        3 => (0..400_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever happens: in the end exactly those are left out that rulers refuse, everything else is
    /// loaded, and that takes few failures.
    #[test]
    fn exactly_what_rulers_refuse_is_left_out(
        events in proptest::collection::vec(event(), 0..40),
    ) {
        let mut world = World::new(all(10));
        world.step();
        let mut version = 0;
        for event in events {
            match event {
                Event::Change { object, bad } => {
                    version += 1;
                    world.wanted.insert(object, version);
                    if bad {
                        world.bad.insert((object, version));
                    }
                }
                Event::Remove(object) => {
                    world.wanted.remove(&object);
                }
                // Which texts rulers have loaded while they cannot load others, only memory knows.
                Event::Restart => {
                    world.step();
                    if !world.failed {
                        world.restart();
                        world.step();
                    }
                }
                Event::Wait(seconds) => world.run(Duration::from_secs(seconds)),
            }
        }
        world.failures = 0;
        let bad = world.wanted.len() - world.good().len();
        world.run(Duration::from_secs(20_000));
        prop_assert_eq!(world.mounted(), world.good());
        prop_assert!(!world.failed);
        prop_assert!(world.failures <= 2 + bad * 8, "{} failures of {bad} bad ones", world.failures);
    }
}
