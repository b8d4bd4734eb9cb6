use proptest::prelude::*;

use super::*;

/// How often rulers are probed.
const PROBED: Duration = Duration::from_secs(10);

/// Versions of rules by the number of their object.
type Versions = BTreeMap<usize, u64>;

/// Rulers, and what they do with the mounted rules.
struct Rulers {
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
    let rendered = Rendered {
        files: vec![String::new()],
        mounted: vec![(0, "g".into(), 1)],
        // No version of one object is that of another.
        digest: ((object as u64) << 32) | version,
        ..Default::default()
    };
    Piece {
        stem: format!("n-{object}-u"),
        rendered: Arc::new(rendered),
    }
}

fn subject(object: usize) -> String {
    format!("{object:03}")
}

impl Rulers {
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
        let mut rulers = Self::new(objects);
        rulers.run(2 * SETTLED);
        rulers
    }

    fn add(&mut self, object: usize, version: u64) {
        self.selected.insert(object, version);
    }

    fn add_bad(&mut self, object: usize, version: u64) {
        self.bad.insert((object, version));
        self.add(object, version);
    }

    fn is_bad(&self, piece: &Piece) -> bool {
        let digest = piece.rendered.digest;
        let version = ((digest >> 32) as usize, digest & 0xffff_ffff);
        self.is_broken || self.bad.contains(&version)
    }

    /// What is mounted, and the objects that are held back.
    fn content(&self) -> (Pieces, BTreeSet<String>) {
        let (mut mounted, mut held) = (Pieces::new(), BTreeSet::new());
        for (object, version) in &self.selected {
            let (subject, mut piece) = (subject(*object), Some(piece(*object, *version)));
            if piece.iter().any(|p| self.held.holds(&subject, &p.rendered)) {
                held.insert(subject.clone());
                piece = self.held.previous(&subject);
            }
            mounted.extend(piece.map(|piece| (subject, piece)));
        }
        (mounted, held)
    }

    fn learn(&mut self, all_loaded: &AllLoaded) {
        let (mounted, held) = self.content();
        self.held.mount(self.now, &mounted, true);
        if self.held.learn(self.now, (&mounted, &held), all_loaded) {
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
        let all_loaded = match (&self.loaded, self.failed) {
            (Some(_), false) => AllLoaded::Loaded,
            (Some(loaded), true) => {
                let all = loaded.values().flat_map(|p| groups(&p.stem, &p.rendered));
                AllLoaded::Failed(all.map(|(_, group)| group).collect())
            }
            (None, _) => AllLoaded::Ended,
        };
        self.learn(&all_loaded);
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
            (object, piece.rendered.digest & 0xffff_ffff)
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
    let mut rulers = Rulers::settled(3);
    rulers.add_bad(1, 1);
    rulers.add_bad(7, 0);
    rulers.add(8, 0);
    rulers.run(SETTLED / 2);
    assert!(rulers.failed && rulers.held().is_empty(), "too early");
    rulers.run(SETTLED);
    assert!(!rulers.failed);
    assert_eq!(rulers.held(), [1, 7, 8]);
    let previous = Versions::from([(0, 0), (1, 0), (2, 0)]);
    assert_eq!(rulers.mounted(), previous);

    // Other objects come, change and are deleted meanwhile.
    rulers.add(9, 0);
    rulers.add(2, 1);
    rulers.selected.remove(&0);
    rulers.step();
    assert_eq!(rulers.held(), [1, 7, 8]);
    let others = Versions::from([(1, 0), (2, 1), (9, 0)]);
    assert_eq!(rulers.mounted(), others);
    assert!(!rulers.failed);
}

#[test]
fn a_change_of_one_object_releases_all_that_are_held_back() {
    let mut rulers = Rulers::settled(1);
    rulers.add_bad(0, 1);
    rulers.add(8, 0);
    rulers.run(2 * SETTLED);
    assert_eq!(rulers.held(), [0, 8]);

    // It is still bad: both are held back again.
    rulers.add_bad(0, 2);
    rulers.step();
    assert_eq!((rulers.held().len(), rulers.mounted()[&0]), (0, 2));
    rulers.run(2 * SETTLED);
    assert_eq!((rulers.held(), rulers.mounted()[&0]), (vec![0, 8], 0));

    rulers.add(0, 3);
    rulers.step();
    assert_eq!(rulers.mounted(), rulers.selected);
    rulers.run(2 * SETTLED);
    assert!(!rulers.failed && rulers.held().is_empty());
}

#[test]
fn deletion_of_one_object_releases_all_that_are_held_back() {
    let mut rulers = Rulers::settled(1);
    rulers.add_bad(7, 0);
    rulers.add(8, 0);
    rulers.run(2 * SETTLED);
    assert_eq!(rulers.held(), [7, 8]);
    rulers.selected.remove(&7);
    rulers.run(2 * PROBED);
    assert!(!rulers.failed && rulers.held().is_empty());
    assert_eq!(rulers.mounted(), rulers.selected);
}

#[test]
fn another_image_releases_all_that_are_held_back() {
    let mut rulers = Rulers::settled(1);
    rulers.add_bad(7, 0);
    rulers.run(2 * SETTLED);
    rulers.held = rulers.held.clone().with_image("b");
    rulers.bad.clear();
    rulers.run(2 * PROBED);
    assert_eq!(rulers.mounted(), rulers.selected);
    assert!(rulers.held().is_empty());
}

#[test]
fn another_bad_object_is_held_back_as_well() {
    let mut rulers = Rulers::settled(1);
    rulers.add_bad(7, 0);
    rulers.run(2 * SETTLED);
    rulers.add_bad(8, 0);
    rulers.run(2 * SETTLED);
    assert_eq!(rulers.held(), [7, 8]);
    assert!(!rulers.failed);
}

#[test]
fn rules_that_were_held_back_for_another_cause_are_mounted_again() {
    let mut rulers = Rulers::settled(2);
    rulers.is_broken = true;
    rulers.add(8, 0);
    rulers.run(SETTLED + RESTARTED + 2 * PROBED);
    assert_eq!((rulers.held(), rulers.failed), (vec![8], true));
    rulers.is_broken = false;
    rulers.run(2 * PROBED);
    assert!(!rulers.failed && rulers.held().is_empty());
    assert_eq!(rulers.mounted(), rulers.selected);
}

#[test]
fn rules_stay_held_back_where_nodes_renew_files_late() {
    let mut rulers = Rulers::settled(2);
    rulers.add_bad(8, 0);
    rulers.run(SETTLED + PROBED);
    for _ in 0..20 {
        rulers.learn(&AllLoaded::Failed(Default::default()));
    }
    rulers.run(SETTLED);
    assert_eq!((rulers.held(), rulers.failed), (vec![8], false));
}

#[test]
fn nothing_is_held_back_while_rulers_differ() {
    let mut rulers = Rulers::settled(1);
    rulers.add_bad(7, 0);
    for _ in 0..100 {
        rulers.learn(&AllLoaded::Unclear);
    }
    assert!(rulers.held().is_empty());
}

#[test]
fn a_restart_of_the_controller_mounts_nothing_that_is_held_back() {
    let mut rulers = Rulers::settled(2);
    rulers.add_bad(1, 1);
    rulers.run(2 * SETTLED);
    assert_eq!(rulers.mounted(), Versions::from([(0, 0), (1, 0)]));
    rulers.restart();
    // The previous rules are not known any more.
    assert_eq!(rulers.mounted(), Versions::from([(0, 0)]));
    rulers.run(5 * SETTLED);
    assert_eq!(rulers.held(), [1]);
    assert!(!rulers.failed);
    rulers.add(1, 2);
    rulers.step();
    assert_eq!(rulers.mounted(), rulers.selected);
}

/// A new version of the controller accepts more than the one before, and rulers do not load it.
#[test]
fn a_controller_that_finds_failing_rulers_holds_back_what_they_do_not_report() {
    let mut rulers = Rulers::settled(2);
    rulers.restart();
    rulers.add_bad(7, 0);
    rulers.run(2 * SETTLED);
    assert_eq!(rulers.held(), [7]);
    assert!(!rulers.failed);
    assert_eq!(rulers.mounted(), Versions::from([(0, 0), (1, 0)]));
}

#[test]
fn rulers_that_end_at_their_start_can_start_with_what_they_loaded_last() {
    let mut rulers = Rulers::settled(2);
    rulers.add_bad(7, 0);
    rulers.loaded = None;
    rulers.run(RESTARTED / 2);
    assert!(rulers.held().is_empty(), "too early");
    rulers.run(RESTARTED);
    assert_eq!((rulers.held(), rulers.failed), (vec![7], false));

    // None of a new ThanosRuler has ever started.
    let mut rulers = Rulers::new(2);
    rulers.loaded = None;
    rulers.add_bad(1, 0);
    rulers.run(RESTARTED + 2 * PROBED);
    assert_eq!((rulers.held(), rulers.failed), (vec![0, 1], false));
}

/// A reload of the content before that comes after the change, and shows the same groups.
#[test]
fn a_load_that_is_followed_by_failures_does_not_count() {
    let mut rulers = Rulers::new(2);
    rulers.step();
    rulers.add_bad(1, 1);
    rulers.learn(&AllLoaded::Loaded);
    rulers.run(2 * SETTLED);
    assert_eq!(rulers.held(), [1]);
    assert_eq!(rulers.mounted(), Versions::from([(0, 0), (1, 0)]));
    assert!(!rulers.failed);
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
        let mut rulers = Rulers::new(10);
        rulers.step();
        for (version, event) in (1..).zip(events) {
            match event {
                Event::Change { object, bad: false } => rulers.add(object, version),
                Event::Change { object, bad: true } => rulers.add_bad(object, version),
                Event::Remove(object) => _ = rulers.selected.remove(&object),
                // Which texts rulers have loaded while they fail to load others, only memory knows.
                Event::Restart => {
                    rulers.run(2 * PROBED);
                    if !rulers.failed {
                        rulers.restart();
                        rulers.step();
                    }
                }
                Event::Wait(seconds) => rulers.run(Duration::from_secs(seconds)),
            }
        }
        rulers.run(5 * SETTLED);
        prop_assert!(!rulers.failed);
        let (held, mounted) = (rulers.held(), rulers.mounted());
        let is_bad = |(object, version): (&usize, &u64)| rulers.bad.contains(&(*object, *version));
        prop_assert_eq!(rulers.selected.iter().any(is_bad), !held.is_empty());
        for (object, version) in &rulers.selected {
            let is_held = held.contains(object);
            prop_assert_eq!(mounted.get(object) == Some(version), !is_held, "{}", object);
        }
    }
}
