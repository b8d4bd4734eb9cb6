//! Model test of the hashrings: explores every order of events in a small cluster, checks the invariants
//! in every state, and that the hashrings converge to the spec from every state.

// Tests panic on failure.
#![allow(clippy::panic, clippy::unwrap_used)]

mod simulation;

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use simulation::{ModelSpec, Simulation, Snapshot};

fn spec(factor: usize, rings: &[(&'static str, i32)]) -> ModelSpec {
    ModelSpec {
        factor,
        rings: rings.to_vec(),
        dynamic: false,
        delete_pvcs: false,
    }
}

/// Every next state, with a name for the event that leads to it.
fn steps(
    simulation: &Simulation,
    specs: &[ModelSpec],
) -> Result<Vec<(String, Simulation)>, String> {
    let mut next = Vec::new();
    let snapshot = simulation.snapshot();
    let mut add = |what: String, act: &dyn Fn(&mut Simulation) -> Result<(), String>| {
        let mut after = simulation.clone();
        act(&mut after).map_err(|why| format!("{what}: {why}"))?;
        if &after != simulation {
            next.push((what, after));
        }
        Ok::<(), String>(())
    };
    add("reconcile".to_owned(), &|w| w.reconcile(&snapshot, false))?;
    add("reconcile, then exit".to_owned(), &|w| {
        w.reconcile(&snapshot, true)
    })?;
    for event in simulation.events().into_iter().chain(simulation.faults()) {
        add(format!("{event:?}"), &|w| w.happen(&event))?;
        // A reconcile with a snapshot from before the event.
        add(
            format!("{event:?}, then reconcile without seeing it"),
            &|w| {
                w.happen(&event)?;
                let old = Snapshot {
                    record: w.record.clone(),
                    ..snapshot.clone()
                };
                w.reconcile(&old.with_probe_results_of(w), false)
            },
        )?;
    }
    if simulation.changes > 0 {
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

/// Reconciles and lets events happen, without faults, until the cluster converges.
fn settle(simulation: &mut Simulation, good: &mut HashSet<Simulation>) -> Result<(), String> {
    let mut seen = Vec::new();
    for _ in 0..80 {
        if good.contains(simulation) {
            break;
        }
        seen.push(simulation.clone());
        let before = simulation.clone();
        let snapshot = simulation.snapshot();
        simulation.reconcile(&snapshot, false)?;
        for event in simulation.events() {
            if simulation.events().contains(&event) {
                simulation.happen(&event)?;
            }
        }
        if *simulation == before {
            break;
        }
    }
    if !good.contains(simulation) && !simulation.is_converged() {
        return Err(format!("does not converge: {simulation:#?}"));
    }
    good.extend(seen);
    Ok(())
}

/// Explores every state that is reachable from `start`. Returns their number.
fn explore(start: Simulation, specs: &[ModelSpec]) -> usize {
    let mut predecessors: HashMap<Simulation, (Option<Simulation>, String)> = HashMap::new();
    let mut open = vec![start.clone()];
    let mut good = HashSet::new();
    predecessors.insert(start, (None, "the start".to_owned()));
    while let Some(simulation) = open.pop() {
        let next = steps(&simulation, specs).and_then(|next| {
            settle(&mut simulation.clone(), &mut good)?;
            Ok(next)
        });
        let next =
            next.unwrap_or_else(|why| panic!("{why}\n{}", story(&predecessors, &simulation)));
        for (what, after) in next {
            if !predecessors.contains_key(&after) {
                predecessors.insert(after.clone(), (Some(simulation.clone()), what));
                open.push(after);
            }
        }
    }
    predecessors.len()
}

/// Events that lead to a state.
fn story(
    predecessors: &HashMap<Simulation, (Option<Simulation>, String)>,
    end: &Simulation,
) -> String {
    let mut lines = Vec::new();
    let mut at = Some(end.clone());
    while let Some(simulation) = &at {
        let (before, what) = &predecessors[simulation];
        lines.push(what.clone());
        at = before.clone();
    }
    lines.reverse();
    format!("{}\n{end:#?}", lines.join("\n"))
}

#[test]
fn scaling_one_to_three_to_two_members_keeps_the_invariants() {
    let specs = [
        spec(1, &[("a", 1)]),
        spec(1, &[("a", 3)]),
        spec(1, &[("a", 2)]),
    ];
    let count = explore(Simulation::new(specs[0].clone(), 2, 1), &specs);
    println!("{count} states");
    assert!(count > 1_000, "{count}");
}

#[test]
fn changing_the_replication_factor_keeps_the_invariants() {
    let specs = [spec(1, &[("a", 1)]), spec(2, &[("a", 2)])];
    let count = explore(Simulation::new(specs[0].clone(), 2, 1), &specs);
    println!("{count} states");
    assert!(count > 1_000, "{count}");
}

#[test]
fn adding_removing_and_renaming_hashrings_keeps_the_invariants() {
    let specs = [
        spec(1, &[("a", 1)]),
        spec(1, &[("b", 1)]),
        spec(1, &[("a", 1), ("b", 1)]),
    ];
    let count = explore(Simulation::new(specs[0].clone(), 2, 1), &specs);
    println!("{count} states");
    assert!(count > 1_000, "{count}");
}

#[test]
fn pvcs_are_deleted_only_after_the_upload() {
    let mut specs = [
        spec(1, &[("a", 2)]),
        spec(1, &[("a", 1)]),
        spec(1, &[("b", 1)]),
    ];
    specs.iter_mut().for_each(|s| s.delete_pvcs = true);
    let count = explore(Simulation::new(specs[0].clone(), 1, 1), &specs);
    println!("{count} states");
    assert!(count > 1_000, "{count}");
}

#[test]
fn unavailable_members_leave_a_dynamic_hashring() {
    let mut specs = [spec(1, &[("a", 2)]), spec(1, &[("a", 1)])];
    specs.iter_mut().for_each(|s| s.dynamic = true);
    let count = explore(Simulation::new(specs[0].clone(), 1, 2), &specs);
    println!("{count} states");
    assert!(count > 1_000, "{count}");
}

/// Specs of a small cluster.
fn any_spec() -> impl Strategy<Value = ModelSpec> {
    let rings = prop_oneof![
        (1..=5_i32).prop_map(|n| vec![("a", n)]),
        (1..=5_i32).prop_map(|n| vec![("b", n)]),
        (1..=5_i32, 1..=3_i32).prop_map(|(n, m)| vec![("a", n), ("b", m)]),
    ];
    let factor = prop_oneof![Just(1_usize), Just(2), Just(3), Just(5)];
    (factor, rings, any::<bool>(), any::<bool>()).prop_map(
        |(factor, rings, dynamic, delete_pvcs)| {
            let least = rings
                .iter()
                .map(|(_, n)| usize::try_from(*n).unwrap())
                .min()
                .unwrap();
            ModelSpec {
                factor: factor.min(least),
                rings,
                dynamic,
                delete_pvcs,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Long random walks with outdated snapshots: a watch can lag for any time, and never goes back.
    #[test]
    fn random_events_with_watch_lag_keep_the_invariants(
        specs in prop::collection::vec(any_spec(), 1..5),
        choices in prop::collection::vec((any::<u16>(), any::<u8>()), 50..250),
    ) {
        let mut simulation = Simulation::new(specs[0].clone(), 0, 0);
        let mut past: Vec<Snapshot> = vec![simulation.snapshot()];
        let mut watched = 0;
        let mut next = specs.iter().skip(1);
        let mut story = Vec::new();
        for (choice, lag) in choices {
            simulation.faults = 1;
            let what = match choice % 16 {
                0..=3 => {
                    let snapshot = simulation.snapshot();
                    watched = past.len() - 1;
                    story.push("reconcile".to_owned());
                    simulation.reconcile(&snapshot, choice % 7 == 0)
                }
                4..=6 => {
                    watched += usize::from(lag) % (past.len() - watched);
                    let mut snapshot = past[watched].clone();
                    if choice % 3 == 0 { snapshot.record.clone_from(&simulation.record); }
                    story.push(format!("reconcile with step {watched} of {}", past.len()));
                    simulation.reconcile(&snapshot.with_probe_results_of(&simulation), false)
                }
                7 => {
                    if let Some(spec) = next.next() { simulation.spec = spec.clone(); }
                    story.push(format!("{:?}", simulation.spec));
                    Ok(())
                }
                kind => {
                    let events = if kind == 8 { simulation.faults() } else { simulation.events() };
                    match events.get(usize::from(choice / 16) % events.len().max(1)) {
                        Some(event) => { story.push(format!("{event:?}")); simulation.happen(event) }
                        None => Ok(()),
                    }
                }
            };
            prop_assert!(what.is_ok(), "{what:?}\n{}\n{simulation:#?}", story.join("\n"));
            past.push(simulation.snapshot());
        }
        simulation.faults = 0;
        let settled = settle(&mut simulation, &mut HashSet::new());
        prop_assert!(settled.is_ok(), "{settled:?}\n{}", story.join("\n"));
    }
}
