//! Security contexts that satisfy Pod Security "restricted".

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};
use thanos_api::v1alpha1::CommonFields;

/// User and group of the Thanos image.
const USER: i64 = 1001;

/// The security context of the spec, with unset fields as "restricted" requires them. "restricted" does
/// not require a user ID, and a platform that assigns IDs may reject any other.
pub(crate) fn of_pod(common: &CommonFields) -> PodSecurityContext {
    let mut context = common.security_context.clone().unwrap_or_default();
    context.run_as_non_root.get_or_insert(true);
    if common.omit_user_ids != Some(true) {
        context.run_as_user.get_or_insert(USER);
        context.run_as_group.get_or_insert(USER);
        context.fs_group.get_or_insert(USER);
    }
    context
        .fs_group_change_policy
        .get_or_insert_with(|| "OnRootMismatch".to_owned());
    context
        .seccomp_profile
        .get_or_insert_with(|| SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..Default::default()
        });
    context
}

/// User IDs and seccomp are not set here: they would override the security context of the pod, which the
/// spec can set.
pub(crate) fn of_container() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Default::default()
        }),
        ..Default::default()
    }
}
