//! Invariants of pod templates.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Given, kind, list, map, selects, text};
use crate::reloader;

pub(super) fn check(
    object: &Value,
    template: &Value,
    objects: &[Value],
    given: &Given,
    problems: &mut Vec<String>,
) {
    let labels = map(template, "/metadata/labels");
    let mut wrong = |ok: bool, problem: &str| {
        if !ok {
            problems.push(problem.to_owned());
        }
    };
    wrong(
        selects(map(object, "/spec/selector/matchLabels"), labels),
        "the selector does not match the labels of the pod",
    );
    for other in objects {
        let same_kind = text(other, "/kind") == text(object, "/kind");
        let same_name = text(other, "/metadata/name") == text(object, "/metadata/name");
        if same_kind && !same_name {
            wrong(
                !selects(map(other, "/spec/selector/matchLabels"), labels),
                "another workload selects its pods",
            );
        }
    }
    let account = text(template, "/spec/serviceAccountName");
    wrong(
        kind(objects, "ServiceAccount").any(|o| text(o, "/metadata/name") == account),
        "its ServiceAccount is not planned",
    );
    let automount = template.pointer("/spec/automountServiceAccountToken");
    wrong(
        automount == Some(&json!(false)) || given.token && automount == Some(&json!(true)),
        "automountServiceAccountToken is not false",
    );
    if !given.own_affinity {
        let affinity = "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm/labelSelector/matchLabels";
        wrong(
            selects(map(template, affinity), labels),
            "the anti-affinity does not match the pod's labels",
        );
    }
    if !given.own_security {
        for (pointer, value) in [
            ("runAsNonRoot", json!(true)),
            ("runAsUser", json!(1001)),
            ("fsGroup", json!(1001)),
            ("seccompProfile", json!({"type": "RuntimeDefault"})),
        ] {
            wrong(
                template.pointer(&format!("/spec/securityContext/{pointer}")) == Some(&value),
                &format!("{pointer} violates Pod Security \"restricted\""),
            );
        }
    }
    containers(object, template, problems);
}

fn containers(object: &Value, template: &Value, problems: &mut Vec<String>) {
    let volumes = list(template, "/spec/volumes").iter();
    let pvcs = list(object, "/spec/volumeClaimTemplates").iter();
    let volumes: BTreeSet<&str> = volumes
        .map(|v| text(v, "/name"))
        .chain(pvcs.map(|pvc| text(pvc, "/metadata/name")))
        .collect();
    for (i, container) in list(template, "/spec/containers").iter().enumerate() {
        for mount in list(container, "/volumeMounts") {
            if !volumes.contains(text(mount, "/name")) {
                problems.push(format!("the mount {mount} has no volume"));
            }
            let ours = text(mount, "/mountPath").starts_with("/etc/thanos/");
            if mount.get("subPath").is_some() && ours {
                problems.push("a file mounted by subPath is never refreshed".to_owned());
            }
        }
        // Other containers are additions of the spec.
        if i > 0 && text(container, "/name") != reloader::CONTAINER {
            continue;
        }
        for (pointer, value) in [
            ("/securityContext/allowPrivilegeEscalation", json!(false)),
            ("/securityContext/readOnlyRootFilesystem", json!(true)),
            ("/securityContext/capabilities/drop", json!(["ALL"])),
        ] {
            if container.pointer(pointer) != Some(&value) {
                problems.push(format!("{pointer} is not {value}"));
            }
        }
        if i > 0 {
            continue;
        }
        for probe in ["readinessProbe", "livenessProbe"] {
            let port = text(container, &format!("/{probe}/httpGet/port"));
            if !port_exists(container, port) {
                problems.push(format!("the {probe} uses a port that does not exist"));
            }
        }
        let limited = container.pointer("/resources/limits/memory").is_some();
        let is_set = list(container, "/args").contains(&json!("--enable-auto-gomemlimit"));
        if limited != is_set {
            problems.push("--enable-auto-gomemlimit does not go with the memory limit".to_owned());
        }
    }
}

/// Whether a container has a port of this name.
pub(super) fn port_exists(container: &Value, name: &str) -> bool {
    list(container, "/ports")
        .iter()
        .any(|port| text(port, "/name") == name)
}
