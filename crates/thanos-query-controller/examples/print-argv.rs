//! Prints the command line and files of every Thanos container of every test case, as JSON objects,
//! one per line, to run the real programs with them.

#[allow(dead_code, clippy::unwrap_used, clippy::panic)]
#[path = "../tests/plan/case.rs"]
mod case;

use plan_testing::Case as _;
use serde_json::{Value, json};

fn main() {
    for (name, case) in case::Case::all() {
        let plan = match case.plan() {
            Ok(plan) => plan,
            Err(invalid) => {
                eprintln!("{name}: {invalid}");
                std::process::exit(1);
            }
        };
        for workload in plan.objects().iter().filter(|o| o.key.kind == "Deployment") {
            let pod = &workload.body["spec"]["template"]["spec"];
            let container = &pod["containers"][0];
            let files: Vec<Value> = list(&container["volumeMounts"])
                .iter()
                .filter_map(|mount| {
                    let volumes = list(&pod["volumes"]);
                    let volume = volumes.iter().find(|v| v["name"] == mount["name"])?;
                    let config_map = volume["configMap"]["name"].as_str()?;
                    let data = &plan.find("ConfigMap", config_map)?.body["data"];
                    Some(json!({"folder": mount["mountPath"], "files": data}))
                })
                .collect();
            println!(
                "{}",
                json!({
                    "case": name,
                    "workload": workload.key.name,
                    "args": container["args"],
                    "files": files,
                })
            );
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
