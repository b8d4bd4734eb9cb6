use std::collections::BTreeSet;

use super::*;

#[test]
fn dashboards_differ_in_name_and_panels_in_place() {
    let mut names = BTreeSet::new();
    for dashboard in all() {
        assert!(names.insert(dashboard.name), "{}", dashboard.name);
        let model = model(&dashboard);
        let mut taken = BTreeSet::new();
        for panel in model["panels"].as_array().unwrap() {
            let of = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            assert!(of("x") + of("w") <= COLUMNS, "{panel}");
            for x in of("x")..of("x") + of("w") {
                for y in of("y")..of("y") + of("h") {
                    assert!(taken.insert((x, y)), "{}: {panel}", dashboard.name);
                }
            }
        }
    }
}

#[test]
fn every_panel_has_a_description_and_a_unit_and_every_variable_is_defined() {
    for dashboard in all() {
        for panel in dashboard.rows.iter().flat_map(|(_, panels)| panels) {
            let place = format!("{}: {}", dashboard.name, panel.title);
            assert!(panel.description.ends_with('.'), "{place}");
            assert!(
                !panel.unit.is_empty() && !panel.queries.is_empty(),
                "{place}"
            );
        }
        let text = model(&dashboard).to_string();
        for variable in text.split('$').skip(1) {
            let is_known = [
                "{datasource}",
                "namespace",
                "job",
                "__rate_interval",
                "__all",
                "1",
            ]
            .iter()
            .any(|known| variable.starts_with(known));
            assert!(is_known, "{}: ${variable:.30}", dashboard.name);
        }
    }
}
