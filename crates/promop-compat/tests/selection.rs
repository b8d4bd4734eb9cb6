//! Selectors and NetworkPolicies against the oracle.

mod generate;
mod oracle;

use std::cell::Cell;
use std::collections::BTreeMap;

use generate::{labels, namespaces, selectors};
use kube_facts::namespaces::Namespaces;
use kube_facts::policy::{
    Connectivity, Peer, PolicyFacts, PolicyPeer, PolicyRule, PortMatch, connectivity,
};
use kube_facts::selector::{count_missing, matches, selects, validate};
use kube_facts::{Key, PortFacts};
use proptest::collection::{btree_map, vec};
use proptest::option::{self, weighted};
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

#[test]
fn selector_evaluation_equals_the_oracle() {
    let counts = Cell::new([0_u32; 3]);
    generate::runner(5_000)
        .run(&(selectors(), labels()), |(selector, labels)| {
            let expected = oracle::selects(&selector, &labels);
            let valid = oracle::is_well_formed(&selector);
            assert_eq!(matches(&selector, &labels), expected);
            assert_eq!(selects(Some(&selector), &labels), expected);
            assert_eq!(validate(&selector).is_ok(), valid);
            assert_eq!(
                count_missing(&selector, &labels),
                oracle::missing(&selector, &labels)
            );
            let [yes, no, invalid] = counts.get();
            counts.set([
                yes + u32::from(expected),
                no + u32::from(!expected),
                invalid + u32::from(!valid),
            ]);
            Ok(())
        })
        .unwrap();
    assert!(counts.get().iter().all(|n| *n > 50), "{counts:?}");
}

fn policies() -> impl Strategy<Value = BTreeMap<Key, PolicyFacts>> {
    let peer = prop_oneof![
        8 => (option::of(selectors()), option::of(selectors()))
            .prop_map(|(namespaces, pods)| PolicyPeer::Pods { namespaces, pods }),
        1 => Just(PolicyPeer::Addresses),
    ];
    let port = select(vec![
        PortMatch::Any,
        PortMatch::Numbers {
            first: 9090,
            last: 9090,
        },
        PortMatch::Numbers {
            first: 9000,
            last: 9091,
        },
        PortMatch::Numbers {
            first: 9091,
            last: 10901,
        },
        PortMatch::Named("web".to_owned()),
        PortMatch::Named("grpc".to_owned()),
    ]);
    let rule = (vec(peer, 0..3), weighted(0.6, vec(port, 0..3)))
        .prop_map(|(peers, ports)| PolicyRule { peers, ports });
    let rules = || vec(rule.clone(), 0..3);
    let policy = (selectors(), weighted(0.7, rules()), weighted(0.4, rules())).prop_map(
        |(pods, ingress, egress)| PolicyFacts {
            pods,
            ingress,
            egress,
        },
    );
    let key = (select(vec!["a", "b"]), select(vec!["n1", "n2"]));
    btree_map(key.prop_map(|(ns, name)| Key::new(ns, name)), policy, 0..4)
}

#[test]
fn policy_evaluation_equals_the_oracle() {
    let counts = Cell::new([0_u32; 5]);
    let end = || (select(vec!["a", "b"]), labels());
    let ports = vec(
        select(vec![
            PortFacts {
                name: Some("web".to_owned()),
                port: 9090,
            },
            PortFacts {
                name: Some("web".to_owned()),
                port: 9091,
            },
            PortFacts {
                name: Some("grpc".to_owned()),
                port: 10901,
            },
        ]),
        0..3,
    );
    let input = (
        policies(),
        weighted(0.8, namespaces()),
        end(),
        end(),
        ports,
        select(vec![9090_u16, 9091, 10901]),
    );
    generate::runner(5_000)
        .run(&input, |(policies, listed, from, to, ports, port)| {
            let known = Namespaces {
                listed: listed.as_ref(),
                watched: None,
            };
            let from = Peer {
                namespace: from.0,
                labels: &from.1,
                ports: &[],
            };
            let to = Peer {
                namespace: to.0,
                labels: &to.1,
                ports: &ports,
            };
            let found = connectivity(&policies, &known, &from, &to, port);
            assert_eq!(
                found,
                oracle::policy::connectivity(&policies, &known, &from, &to, port)
            );
            let mut now = counts.get();
            match found {
                Connectivity::Allowed { assumed } => now[usize::from(assumed)] += 1,
                Connectivity::Blocked {
                    ingress_by,
                    egress_by,
                } => {
                    now[match (ingress_by.is_empty(), egress_by.is_empty()) {
                        (false, true) => 2,
                        (true, _) => 3,
                        (false, false) => 4,
                    }] += 1;
                }
            }
            counts.set(now);
            Ok(())
        })
        .unwrap();
    assert!(counts.get().iter().all(|n| *n > 50), "{counts:?}");
}
