//! The Grafana dashboards, as JSON. No IO.

mod operator;
mod query;
mod receive;
mod ruler;
mod store;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::alerts::expand;

/// A dashboard.
pub struct Dashboard {
    /// Name of the file, and UID in Grafana, which links of users contain.
    pub name: &'static str,
    pub title: &'static str,
    /// Matchers of the jobs to choose from, with the words of [`expand`].
    pub jobs: &'static str,
    pub rows: Vec<(&'static str, Vec<Panel>)>,
}

/// A panel.
pub struct Panel {
    pub title: &'static str,
    pub description: &'static str,
    /// Unit of Grafana.
    pub unit: &'static str,
    pub show: Show,
    /// PromQL and legend of each query. `$selector` is replaced by the matchers of the chosen namespaces and
    /// jobs, and the words of [`expand`] as in alerts.
    pub queries: &'static [(&'static str, &'static str)],
}

/// How a panel shows its queries.
#[derive(Clone, Copy, PartialEq)]
pub enum Show {
    Graph,
    /// One current number.
    Number,
    /// One row for each current series, with its labels as columns.
    Table,
}

impl Show {
    /// Type in Grafana, width of 24 columns, and height.
    fn shape(self) -> (&'static str, u64, u64) {
        match self {
            Self::Graph => ("timeseries", 8, 8),
            Self::Number => ("stat", 4, 4),
            Self::Table => ("table", 12, 9),
        }
    }
}

const COLUMNS: u64 = 24;

/// All dashboards.
fn all() -> [Dashboard; 5] {
    [
        operator::dashboard(),
        query::dashboard(),
        receive::dashboard(),
        ruler::dashboard(),
        store::dashboard(),
    ]
}

/// Path and content of each file.
pub fn files() -> Vec<(String, String)> {
    let file = |dashboard: &Dashboard| {
        let path = format!("deploy/components/dashboards/{}.json", dashboard.name);
        (path, format!("{:#}\n", model(dashboard)))
    };
    all().iter().map(file).collect()
}

/// The expression that Grafana evaluates, after it has replaced its variables.
fn expression(expr: &str) -> String {
    expand(&expr.replace("$selector", "namespace=~\"$namespace\",job=~\"$job\""))
}

fn model(dashboard: &Dashboard) -> Value {
    let mut panels = Vec::new();
    let mut y = 0;
    for (title, row) in &dashboard.rows {
        panels.push(json!({
            "id": panels.len() + 1, "type": "row", "title": title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }));
        y += 1;
        let (mut x, mut line) = (0, 0);
        for panel in row {
            let (_, w, h) = panel.show.shape();
            if x + w > COLUMNS {
                (x, y, line) = (0, y + line, 0);
            }
            panels.push(panel_model(panel, panels.len() + 1, x, y));
            (x, line) = (x + w, line.max(h));
        }
        y += line;
    }
    json!({
        "uid": dashboard.name,
        "title": dashboard.title,
        "tags": ["thanos"],
        "schemaVersion": 39,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-3h", "to": "now"},
        "links": [{
            "type": "dashboards", "title": "Thanos", "tags": ["thanos"], "asDropdown": true,
            "includeVars": false, "keepTime": true,
        }],
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
            variable("namespace", "Namespace", &format!("label_values(up{{{}}}, namespace)", expand(dashboard.jobs))),
            variable("job", "Job", &format!("label_values(up{{namespace=~\"$namespace\",{}}}, job)", expand(dashboard.jobs))),
        ]},
        "panels": panels,
    })
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "type": "query", "name": name, "label": label, "query": query, "definition": query,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "refresh": 2, "sort": 1, "multi": true, "includeAll": true,
        "current": {"text": ["All"], "value": ["$__all"]},
    })
}

fn panel_model(panel: &Panel, id: usize, x: u64, y: u64) -> Value {
    let (kind, w, h) = panel.show.shape();
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    let is_current = panel.show != Show::Graph;
    let target = |(i, (expr, legend)): (usize, &(&str, &str))| {
        json!({
            // One letter for each query, as Grafana names them.
            "refId": char::from(b'A' + u8::try_from(i).unwrap_or_default()).to_string(),
            "datasource": datasource, "expr": expression(expr), "legendFormat": legend,
            "instant": is_current, "range": !is_current,
            "format": if panel.show == Show::Table { "table" } else { "time_series" },
        })
    };
    let targets: Vec<Value> = panel.queries.iter().enumerate().map(target).collect();
    let mut model = json!({
        "id": id, "type": kind, "title": panel.title, "description": panel.description,
        "datasource": datasource, "targets": targets,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
    });
    match panel.show {
        Show::Graph => {
            model["fieldConfig"]["defaults"]["min"] = json!(0);
            model["fieldConfig"]["defaults"]["custom"] =
                json!({"fillOpacity": 10, "showPoints": "never"});
            model["options"] = json!({
                "legend": {"displayMode": "list", "placement": "bottom"},
                "tooltip": {"mode": "multi", "sort": "desc"},
            });
        }
        Show::Number => {
            model["options"] =
                json!({"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"});
        }
        Show::Table => {
            // Only the labels carry information.
            model["transformations"] = json!([{
                "id": "organize", "options": {"excludeByName": {"Time": true, "Value": true}},
            }]);
        }
    }
    model
}

/// The row about the processes of the chosen jobs.
fn processes() -> (&'static str, Vec<Panel>) {
    (
        "Processes",
        vec![
            Panel {
                title: "CPU",
                description: "CPU time per second of each pod, in cores.",
                unit: "short",
                show: Show::Graph,
                queries: &[(
                    "sum by (pod) (rate(process_cpu_seconds_total{$selector}[$__rate_interval]))",
                    "{{pod}}",
                )],
            },
            Panel {
                title: "Memory",
                description: "Resident memory of each pod.",
                unit: "bytes",
                show: Show::Graph,
                queries: &[(
                    "max by (pod) (process_resident_memory_bytes{$selector})",
                    "{{pod}}",
                )],
            },
            Panel {
                title: "Targets down",
                description: "Pods that Prometheus cannot scrape.",
                unit: "short",
                show: Show::Graph,
                queries: &[("count by (job) (up{$selector} == 0)", "{{job}}")],
            },
        ],
    )
}

/// The panels about object storage.
fn object_storage() -> Vec<Panel> {
    vec![
        Panel {
            title: "Operations",
            description: "Operations on object storage per second.",
            unit: "ops",
            show: Show::Graph,
            queries: &[(
                "sum by (operation) (rate(thanos_objstore_bucket_operations_total{$selector}[$__rate_interval]))",
                "{{operation}}",
            )],
        },
        Panel {
            title: "Failures",
            description: "Share of the operations on object storage that fail.",
            unit: "percentunit",
            show: Show::Graph,
            queries: &[(
                "sum by (operation) (rate(thanos_objstore_bucket_operation_failures_total{$selector}[$__rate_interval])) / sum by (operation) (rate(thanos_objstore_bucket_operations_total{$selector}[$__rate_interval]))",
                "{{operation}}",
            )],
        },
        Panel {
            title: "Duration",
            description: "99th percentile of the duration of operations on object storage.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (operation, le) (rate(thanos_objstore_bucket_operation_duration_seconds_bucket{$selector}[$__rate_interval])))",
                "{{operation}}",
            )],
        },
    ]
}

/// The panels about blocks that are uploaded.
fn uploads() -> Vec<Panel> {
    vec![
        Panel {
            title: "Uploads",
            description: "Blocks that each pod uploaded in the last hour.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (increase(thanos_shipper_uploads_total{$selector}[1h]))",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Failed uploads",
            description: "Uploads of blocks that failed in the last hour.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (pod) (increase(thanos_shipper_upload_failures_total{$selector}[1h]))",
                    "{{pod}}: blocks",
                ),
                (
                    "sum by (pod) (increase(thanos_shipper_dir_sync_failures_total{$selector}[1h]))",
                    "{{pod}}: folders",
                ),
            ],
        },
        Panel {
            title: "Since the last upload",
            description: "Time since each pod last uploaded a file to object storage.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "time() - (max by (pod) (thanos_objstore_bucket_last_successful_upload_time{$selector}) > 0)",
                "{{pod}}",
            )],
        },
    ]
}

/// The expressions as Grafana sends them, with the places of their panels.
#[cfg(test)]
pub fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dashboard in all() {
        for panel in dashboard.rows.iter().flat_map(|(_, panels)| panels) {
            for (expr, _) in panel.queries {
                let place = format!("{}: {}", dashboard.name, panel.title);
                let expr = expression(expr).replace("$__rate_interval", "5m");
                found.push((place, expr));
            }
        }
    }
    found
}
