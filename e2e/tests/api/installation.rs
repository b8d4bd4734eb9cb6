//! The table of permissions in the documentation is what the manifests grant.

use std::collections::BTreeSet;

use e2e::overlay::deploy;
use serde_json::Value;

use crate::overlays::text;
use crate::permissions::CONTROLLERS;

/// Where it holds, group, resource, verb, and the names that it is limited to.
type Grant = (String, String, String, String, Vec<String>);

/// The Roles and ClusterRoles of a file, rule by rule.
fn granted(path: &str, place: &str) -> BTreeSet<Grant> {
    let text_of_file = std::fs::read_to_string(deploy().join("components").join(path)).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text_of_file).unwrap();
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(text).collect()
    };
    let mut all = BTreeSet::new();
    for rule in objects
        .iter()
        .flat_map(|o| o["rules"].as_array().cloned())
        .flatten()
    {
        let mut names = list(&rule["resourceNames"]);
        names.sort();
        for group in list(&rule["apiGroups"]) {
            for resource in list(&rule["resources"]) {
                for verb in list(&rule["verbs"]) {
                    let (place, group) = (place.to_owned(), group.clone());
                    all.insert((place, group, resource.clone(), verb, names.clone()));
                }
            }
        }
    }
    assert!(!all.is_empty(), "{path} grants nothing");
    all
}

/// The table below the heading of a controller.
fn documented(controller: &str) -> BTreeSet<Grant> {
    let page = std::fs::read_to_string(deploy().join("../docs/installation.md")).unwrap();
    let heading = format!("\n### {controller}\n");
    let (_, section) = page.split_once(&heading).unwrap();
    let section = section.split("\n#").next().unwrap_or_default();
    let code = |cell: &str| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let mut all = BTreeSet::new();
    for row in section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
    {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, place, group, resources, verbs, names, why, _] = cells[..] else {
            panic!("{row}");
        };
        assert!(!why.is_empty(), "{row}");
        let group = match group {
            "core" => String::new(),
            group => code(group).concat(),
        };
        let mut names = code(names);
        names.sort();
        for resource in code(resources) {
            for verb in code(verbs) {
                let (place, group) = (place.to_owned(), group.clone());
                all.insert((place, group, resource.clone(), verb, names.clone()));
            }
        }
    }
    all
}

#[test]
fn the_table_of_permissions_equals_the_manifests() {
    for permissions in CONTROLLERS {
        let controller = permissions.controller;
        let place = "namespace";
        let here = granted(&format!("{controller}/role/rbac.yaml"), place);
        let everywhere = granted(&format!("{controller}/rbac.yaml"), place);
        // The ClusterRole is the Role, and what a Role cannot hold.
        assert!(here.is_subset(&everywhere), "{controller}");
        let mut expected = here.clone();
        expected.extend(everywhere.difference(&here).cloned().map(|mut grant| {
            grant.0 = "cluster".to_owned();
            grant
        }));
        let lease = format!("{controller}/workload/home.yaml");
        expected.extend(granted(&lease, "own namespace"));
        for (component, joins) in [
            ("refresh-pods", permissions.refreshes()),
            ("watch-secrets", permissions.follows_secrets()),
        ] {
            let grant = granted(&format!("{component}/rbac.yaml"), component);
            let in_roles = granted(&format!("{component}/role/rbac.yaml"), component);
            assert_eq!(grant, in_roles);
            expected.extend(grant.into_iter().filter(|_| joins));
        }
        let documented = documented(controller);
        let unknown: Vec<_> = documented.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&documented).collect();
        assert!(
            unknown.is_empty(),
            "{controller}: documented, not granted: {unknown:?}"
        );
        assert!(
            missing.is_empty(),
            "{controller}: granted, not documented: {missing:?}"
        );
    }
}
