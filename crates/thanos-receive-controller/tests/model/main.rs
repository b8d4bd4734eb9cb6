//! Every order of events in a small cluster: nothing that is promised is ever broken, and from
//! everywhere the hashrings become what the spec asks for.

// A test that cannot go on panics; there is no caller for an error.
#![allow(clippy::panic, clippy::unwrap_used)]

mod world;

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use world::{Spec, Store, World};

fn spec(factor: usize, rings: &[(&'static str, i32)]) -> Spec {
    Spec {
        factor,
        rings: rings.to_vec(),
        dynamic: false,
        delete_claims: false,
    }
}

/// Everything that can happen next, with a word for it.
fn steps(world: &World, specs: &[Spec]) -> Result<Vec<(String, World)>, String> {
    let mut next = Vec::new();
    let view = world.view();
    let mut add = |what: String, act: &dyn Fn(&mut World) -> Result<(), String>| {
        let mut after = world.clone();
        act(&mut after).map_err(|why| format!("{what}: {why}"))?;
        if &after != world {
            next.push((what, after));
        }
        Ok::<(), String>(())
    };
    add("pass".to_owned(), &|w| w.pass(&view, false))?;
    add("pass that dies".to_owned(), &|w| w.pass(&view, true))?;
    for event in world.events().into_iter().chain(world.faults()) {
        add(format!("{event:?}"), &|w| w.happen(&event))?;
        // A pass that was about to begin when it happened.
        add(format!("{event:?}, unseen by a pass"), &|w| {
            w.happen(&event)?;
            let old = Store {
                record: w.record.clone(),
                ..view.clone()
            };
            w.pass(&old.with_answers_of(w), false)
        })?;
    }
    if world.changes > 0 {
        for spec in specs {
            add(format!("{spec:?}"), &|w| {
                w.changes -= 1;
                w.spec = spec.clone();
                Ok(())
            })?;
        }
    }
    Ok(next)
}

/// What happens if nothing goes wrong any more and everybody gets their turn.
fn settle(world: &mut World, good: &mut HashSet<World>) -> Result<(), String> {
    let mut seen = Vec::new();
    for _ in 0..80 {
        if good.contains(world) {
            break;
        }
        seen.push(world.clone());
        let before = world.clone();
        let view = world.view();
        world.pass(&view, false)?;
        for event in world.events() {
            if world.events().contains(&event) {
                world.happen(&event)?;
            }
        }
        if *world == before {
            break;
        }
    }
    if !good.contains(world) && !world.is_done() {
        return Err(format!("never done: {world:#?}"));
    }
    good.extend(seen);
    Ok(())
}

/// Walks through everything that can happen from a start. Returns how many situations there are.
fn explore(start: World, specs: &[Spec]) -> usize {
    let mut came: HashMap<World, (Option<World>, String)> = HashMap::new();
    let mut open = vec![start.clone()];
    let mut good = HashSet::new();
    came.insert(start, (None, "the start".to_owned()));
    while let Some(world) = open.pop() {
        let next = steps(&world, specs).and_then(|next| {
            settle(&mut world.clone(), &mut good)?;
            Ok(next)
        });
        let next = next.unwrap_or_else(|why| panic!("{why}\n{}", story(&came, &world)));
        for (what, after) in next {
            if !came.contains_key(&after) {
                came.insert(after.clone(), (Some(world.clone()), what));
                open.push(after);
            }
        }
    }
    came.len()
}

/// How it came to this.
fn story(came: &HashMap<World, (Option<World>, String)>, end: &World) -> String {
    let mut lines = Vec::new();
    let mut at = Some(end.clone());
    while let Some(world) = &at {
        let (before, what) = &came[world];
        lines.push(what.clone());
        at = before.clone();
    }
    lines.reverse();
    format!("{}\n{end:#?}", lines.join("\n"))
}

#[test]
fn one_to_three_to_two_members() {
    let specs = [
        spec(1, &[("a", 1)]),
        spec(1, &[("a", 3)]),
        spec(1, &[("a", 2)]),
    ];
    let count = explore(World::new(specs[0].clone(), 2, 1), &specs);
    println!("{count} situations");
    assert!(count > 1_000, "{count}");
}

#[test]
fn the_replication_factor_follows_the_members() {
    let specs = [spec(1, &[("a", 1)]), spec(2, &[("a", 2)])];
    let count = explore(World::new(specs[0].clone(), 2, 1), &specs);
    println!("{count} situations");
    assert!(count > 1_000, "{count}");
}

#[test]
fn hashrings_come_go_and_change_their_name() {
    let specs = [
        spec(1, &[("a", 1)]),
        spec(1, &[("b", 1)]),
        spec(1, &[("a", 1), ("b", 1)]),
    ];
    let count = explore(World::new(specs[0].clone(), 2, 1), &specs);
    println!("{count} situations");
    assert!(count > 1_000, "{count}");
}

#[test]
fn volumes_go_after_their_content_is_safe() {
    let mut specs = [
        spec(1, &[("a", 2)]),
        spec(1, &[("a", 1)]),
        spec(1, &[("b", 1)]),
    ];
    specs.iter_mut().for_each(|s| s.delete_claims = true);
    let count = explore(World::new(specs[0].clone(), 1, 1), &specs);
    println!("{count} situations");
    assert!(count > 1_000, "{count}");
}

#[test]
fn members_of_a_dynamic_hashring_leave_while_they_are_away() {
    let mut specs = [spec(1, &[("a", 2)]), spec(1, &[("a", 1)])];
    specs.iter_mut().for_each(|s| s.dynamic = true);
    let count = explore(World::new(specs[0].clone(), 1, 2), &specs);
    println!("{count} situations");
    assert!(count > 1_000, "{count}");
}

/// Any of the specs that a user might write for a small cluster.
fn any_spec() -> impl Strategy<Value = Spec> {
    let rings = prop_oneof![
        (1..=5_i32).prop_map(|n| vec![("a", n)]),
        (1..=5_i32).prop_map(|n| vec![("b", n)]),
        (1..=5_i32, 1..=3_i32).prop_map(|(n, m)| vec![("a", n), ("b", m)]),
    ];
    let factor = prop_oneof![Just(1_usize), Just(2), Just(3), Just(5)];
    (factor, rings, any::<bool>(), any::<bool>()).prop_map(
        |(factor, rings, dynamic, delete_claims)| {
            let least = rings
                .iter()
                .map(|(_, n)| usize::try_from(*n).unwrap())
                .min()
                .unwrap();
            Spec {
                factor: factor.min(least),
                rings,
                dynamic,
                delete_claims,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Long walks, with passes that see the cluster late: a watch can lag behind for any time, and
    /// never goes back.
    #[test]
    fn whatever_happens_nothing_is_broken(
        specs in prop::collection::vec(any_spec(), 1..5),
        choices in prop::collection::vec((any::<u16>(), any::<u8>()), 50..250),
    ) {
        let mut world = World::new(specs[0].clone(), 0, 0);
        let mut past: Vec<Store> = vec![world.view()];
        let mut watched = 0;
        let mut next = specs.iter().skip(1);
        let mut reported = Vec::new();
        for (choice, lag) in choices {
            world.faults = 1;
            let what = match choice % 16 {
                0..=3 => {
                    let view = world.view();
                    watched = past.len() - 1;
                    reported.push("pass".to_owned());
                    world.pass(&view, choice % 7 == 0)
                }
                4..=6 => {
                    watched += usize::from(lag) % (past.len() - watched);
                    let mut view = past[watched].clone();
                    if choice % 3 == 0 { view.record.clone_from(&world.record); }
                    reported.push(format!("pass that sees step {watched} of {}", past.len()));
                    world.pass(&view.with_answers_of(&world), false)
                }
                7 => {
                    if let Some(spec) = next.next() { world.spec = spec.clone(); }
                    reported.push(format!("{:?}", world.spec));
                    Ok(())
                }
                kind => {
                    let events = if kind == 8 { world.faults() } else { world.events() };
                    match events.get(usize::from(choice / 16) % events.len().max(1)) {
                        Some(event) => { reported.push(format!("{event:?}")); world.happen(event) }
                        None => Ok(()),
                    }
                }
            };
            prop_assert!(what.is_ok(), "{what:?}\n{}\n{world:#?}", reported.join("\n"));
            past.push(world.view());
        }
        world.faults = 0;
        let settled = settle(&mut world, &mut HashSet::new());
        prop_assert!(settled.is_ok(), "{settled:?}\n{}", reported.join("\n"));
    }
}
