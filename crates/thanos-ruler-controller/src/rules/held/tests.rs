use proptest::prelude::*;

use super::*;

/// How often rulers are probed.
const PROBED: Duration = Duration::from_secs(10);

/// Versions of rules by the number of their object.
type Versions = BTreeMap<usize, u64>;

/// Rulers, and what they do with the mounted rules.
struct World {
    selected: Versions,
    /// Versions that they fail to load.
    bad: BTreeSet<(usize, u64)>,
    /// They fail to load anything, as with a full disk.
    is_broken: bool,
    /// What they have loaded; `None` if they end at their start.
    loaded: Option<Pieces>,
    failed: bool,
    held: HeldBack,
    now: Timestamp,
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

fn subject(object: usize) -> String {
    format!("{object:03}")
}

impl World {
    fn new(objects: usize) -> Self {
        Self {
            selected: (0..objects).map(|object| (object, 0)).collect(),
            bad: BTreeSet::new(),
            is_broken: false,
            loaded: Some(Pieces::new()),
            failed: false,
            held: HeldBack::default().with_image("a"),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// One in which rulers have loaded everything, for long.
    fn settled(objects: usize) -> Self {
        let mut world = Self::new(objects);
        world.run(2 * SETTLED);
        world
    }

    fn add(&mut self, object: usize, version: u64) {
        self.selected.insert(object, version);
    }

    fn add_bad(&mut self, object: usize, version: u64) {
        self.bad.insert((object, version));
        self.add(object, version);
    }

    fn is_bad(&self, piece: &Piece) -> bool {
        let digest = piece.outcome.digest;
        let version = ((digest >> 32) as usize, digest & 0xffff_ffff);
        self.is_broken || self.bad.contains(&version)
    }

    /// What is mounted, and the objects that are held back.
    fn content(&self) -> (Pieces, BTreeSet<String>) {
        let (mut mounted, mut held) = (Pieces::new(), BTreeSet::new());
        for (object, version) in &self.selected {
            let (subject, mut piece) = (subject(*object), Some(piece(*object, *version)));
            if piece.iter().any(|p| self.held.holds(&subject, &p.outcome)) {
                held.insert(subject.clone());
                piece = self.held.previous(&subject);
            }
            mounted.extend(piece.map(|piece| (subject, piece)));
        }
        (mounted, held)
    }

    fn learn(&mut self, said: &Said) {
        let (mounted, held) = self.content();
        self.held.mount(self.now, &mounted, true);
        if self.held.learn(self.now, (&mounted, &held), said) {
            self.held.mount(self.now, &self.content().0, true);
        }
        self.now += PROBED;
    }

    /// Rulers load what is mounted, and are probed.
    fn step(&mut self) {
        let (mounted, _) = self.content();
        self.failed = mounted.values().any(|piece| self.is_bad(piece));
        if !self.failed {
            self.loaded = Some(mounted);
        }
        let said = match (&self.loaded, self.failed) {
            (Some(_), false) => Said::Loaded,
            (Some(loaded), true) => {
                let all = loaded.values().flat_map(|p| groups(&p.stem, &p.outcome));
                Said::Failed(all.map(|(_, group)| group).collect())
            }
            (None, _) => Said::Ended,
        };
        self.learn(&said);
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    fn restart(&mut self) {
        let status: Vec<_> = self.held.status().collect();
        self.held = HeldBack::new(&status).with_image("a");
    }

    /// The versions that are mounted.
    fn mounted(&self) -> Versions {
        let (mounted, _) = self.content();
        let version = |(subject, piece): (&String, &Piece)| {
            let object: usize = subject.parse().unwrap();
            (object, piece.outcome.digest & 0xffff_ffff)
        };
        mounted.iter().map(version).collect()
    }

    /// The objects that are held back, as the status lists them.
    fn held(&self) -> Vec<usize> {
        let held = self.held.status();
        held.map(|held| held.subject.parse().unwrap()).collect()
    }
}

#[test]
fn everything_that_changed_since_the_last_load_is_held_back_together() {
    let mut world = World::settled(3);
    world.add_bad(1, 1);
    world.add_bad(7, 0);
    world.add(8, 0);
    world.run(SETTLED / 2);
    assert!(world.failed && world.held().is_empty(), "too early");
    world.run(SETTLED);
    assert!(!world.failed);
    assert_eq!(world.held(), [1, 7, 8]);
    let previous = Versions::from([(0, 0), (1, 0), (2, 0)]);
    assert_eq!(world.mounted(), previous);

    // Other objects come, change and are deleted meanwhile.
    world.add(9, 0);
    world.add(2, 1);
    world.selected.remove(&0);
    world.step();
    assert_eq!(world.held(), [1, 7, 8]);
    let others = Versions::from([(1, 0), (2, 1), (9, 0)]);
    assert_eq!(world.mounted(), others);
    assert!(!world.failed);
}

#[test]
fn a_change_of_one_object_releases_all_that_are_held_back() {
    let mut world = World::settled(1);
    world.add_bad(0, 1);
    world.add(8, 0);
    world.run(2 * SETTLED);
    assert_eq!(world.held(), [0, 8]);

    // It is still bad: both are held back again.
    world.add_bad(0, 2);
    world.step();
    assert_eq!((world.held().len(), world.mounted()[&0]), (0, 2));
    world.run(2 * SETTLED);
    assert_eq!((world.held(), world.mounted()[&0]), (vec![0, 8], 0));

    world.add(0, 3);
    world.step();
    assert_eq!(world.mounted(), world.selected);
    world.run(2 * SETTLED);
    assert!(!world.failed && world.held().is_empty());
}

#[test]
fn deletion_of_one_object_releases_all_that_are_held_back() {
    let mut world = World::settled(1);
    world.add_bad(7, 0);
    world.add(8, 0);
    world.run(2 * SETTLED);
    assert_eq!(world.held(), [7, 8]);
    world.selected.remove(&7);
    world.run(2 * PROBED);
    assert!(!world.failed && world.held().is_empty());
    assert_eq!(world.mounted(), world.selected);
}

#[test]
fn another_image_releases_all_that_are_held_back() {
    let mut world = World::settled(1);
    world.add_bad(7, 0);
    world.run(2 * SETTLED);
    world.held = world.held.clone().with_image("b");
    world.bad.clear();
    world.run(2 * PROBED);
    assert_eq!(world.mounted(), world.selected);
    assert!(world.held().is_empty());
}

#[test]
fn another_bad_object_is_held_back_as_well() {
    let mut world = World::settled(1);
    world.add_bad(7, 0);
    world.run(2 * SETTLED);
    world.add_bad(8, 0);
    world.run(2 * SETTLED);
    assert_eq!(world.held(), [7, 8]);
    assert!(!world.failed);
}

#[test]
fn rules_that_were_held_back_for_another_cause_are_mounted_again() {
    let mut world = World::settled(2);
    world.is_broken = true;
    world.add(8, 0);
    world.run(SETTLED + RESTARTED + 2 * PROBED);
    assert_eq!((world.held(), world.failed), (vec![8], true));
    world.is_broken = false;
    world.run(2 * PROBED);
    assert!(!world.failed && world.held().is_empty());
    assert_eq!(world.mounted(), world.selected);
}

#[test]
fn rules_stay_held_back_where_nodes_renew_files_late() {
    let mut world = World::settled(2);
    world.add_bad(8, 0);
    world.run(SETTLED + PROBED);
    for _ in 0..20 {
        world.learn(&Said::Failed(Default::default()));
    }
    world.run(SETTLED);
    assert_eq!((world.held(), world.failed), (vec![8], false));
}

#[test]
fn nothing_is_held_back_while_rulers_differ() {
    let mut world = World::settled(1);
    world.add_bad(7, 0);
    for _ in 0..100 {
        world.learn(&Said::Unclear);
    }
    assert!(world.held().is_empty());
}

#[test]
fn a_restart_of_the_controller_mounts_nothing_that_is_held_back() {
    let mut world = World::settled(2);
    world.add_bad(1, 1);
    world.run(2 * SETTLED);
    assert_eq!(world.mounted(), Versions::from([(0, 0), (1, 0)]));
    world.restart();
    // The previous rules are not known any more.
    assert_eq!(world.mounted(), Versions::from([(0, 0)]));
    world.run(5 * SETTLED);
    assert_eq!(world.held(), [1]);
    assert!(!world.failed);
    world.add(1, 2);
    world.step();
    assert_eq!(world.mounted(), world.selected);
}

/// A new version of the controller accepts more than the one before, and rulers do not load it.
#[test]
fn a_controller_that_finds_failing_rulers_holds_back_what_they_do_not_report() {
    let mut world = World::settled(2);
    world.restart();
    world.add_bad(7, 0);
    world.run(2 * SETTLED);
    assert_eq!(world.held(), [7]);
    assert!(!world.failed);
    assert_eq!(world.mounted(), Versions::from([(0, 0), (1, 0)]));
}

#[test]
fn rulers_that_end_at_their_start_can_start_with_what_they_loaded_last() {
    let mut world = World::settled(2);
    world.add_bad(7, 0);
    world.loaded = None;
    world.run(RESTARTED / 2);
    assert!(world.held().is_empty(), "too early");
    world.run(RESTARTED);
    assert_eq!((world.held(), world.failed), (vec![7], false));

    // None of a new ThanosRuler has ever started.
    let mut world = World::new(2);
    world.loaded = None;
    world.add_bad(1, 0);
    world.run(RESTARTED + 2 * PROBED);
    assert_eq!((world.held(), world.failed), (vec![0, 1], false));
}

/// A reload of the content before that comes after the change, and shows the same groups.
#[test]
fn a_load_that_is_followed_by_failures_does_not_count() {
    let mut world = World::new(2);
    world.step();
    world.add_bad(1, 1);
    world.learn(&Said::Loaded);
    world.run(2 * SETTLED);
    assert_eq!(world.held(), [1]);
    assert_eq!(world.mounted(), Versions::from([(0, 0), (1, 0)]));
    assert!(!world.failed);
}

#[test]
fn rulers_must_reload_after_a_change_until_every_node_has_renewed_its_files() {
    let mut held = HeldBack::default();
    let at = |seconds: u64| Timestamp::UNIX_EPOCH + Duration::from_secs(seconds);
    let content = |version| Pieces::from([(subject(0), piece(0, version))]);
    assert_eq!(held.mount(at(0), &content(0), true), None, "not changed");
    assert_eq!(held.mount(at(10), &content(0), true), None);
    assert_eq!(held.mount(at(20), &content(1), true), Some(at(20)));
    assert_eq!(held.mount(at(119), &content(1), true), Some(at(20)));
    assert_eq!(held.mount(at(120), &content(1), true), None, "long ago");
    // A write that fails, or that spec.paused suspends, is a change until it succeeds.
    assert_eq!(held.mount(at(130), &content(1), false), None, "not changed");
    assert_eq!(held.mount(at(200), &content(2), false), Some(at(200)));
    assert_eq!(held.mount(at(900), &content(2), false), Some(at(900)));
    assert_eq!(held.mount(at(901), &content(2), true), Some(at(900)));
    assert_eq!(held.mount(at(1000), &content(2), true), None);
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
        4 => (0..20_usize, prop::bool::weighted(0.2))
            .prop_map(|(object, bad)| Event::Change { object, bad }),
        1 => (0..20_usize).prop_map(Event::Remove),
        1 => Just(Event::Restart),
        3 => (0..400_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever happens: in the end rulers load what is mounted, it lacks nothing but what is held back,
    /// and without a bad object nothing is.
    #[test]
    fn rulers_can_always_start_in_the_end(
        events in proptest::collection::vec(event(), 0..40),
    ) {
        let mut world = World::new(10);
        world.step();
        for (version, event) in (1..).zip(events) {
            match event {
                Event::Change { object, bad: false } => world.add(object, version),
                Event::Change { object, bad: true } => world.add_bad(object, version),
                Event::Remove(object) => _ = world.selected.remove(&object),
                // Which texts rulers have loaded while they fail to load others, only memory knows.
                Event::Restart => {
                    world.run(2 * PROBED);
                    if !world.failed {
                        world.restart();
                        world.step();
                    }
                }
                Event::Wait(seconds) => world.run(Duration::from_secs(seconds)),
            }
        }
        world.run(5 * SETTLED);
        prop_assert!(!world.failed);
        let (held, mounted) = (world.held(), world.mounted());
        let is_bad = |(object, version): (&usize, &u64)| world.bad.contains(&(*object, *version));
        prop_assert_eq!(world.selected.iter().any(is_bad), !held.is_empty());
        for (object, version) in &world.selected {
            let is_held = held.contains(object);
            prop_assert_eq!(mounted.get(object) == Some(version), !is_held, "{}", object);
        }
    }
}
