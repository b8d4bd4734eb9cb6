//! Tenancy flags of routers, merged from the router section and the hashrings. Pure, no IO.

use thanos_api::v1alpha1::{RouterTenancyConfig, ThanosReceiveSpec};
use thanos_workload::FieldError;

use crate::desired::hashrings;
use crate::tenants::path;

/// Defaults of Thanos, which the Go operator writes into every hashring.
const DEFAULTS: [(&str, &str); 2] = [
    ("tenantHeader", "THANOS-TENANT"),
    ("defaultTenantID", "default-tenant"),
];

/// Tenancy of the routers: the router section, then the hashrings.
///
/// # Errors
/// Hashrings with different values, since routers serve all of them.
pub fn tenancy(spec: &ThanosReceiveSpec) -> Result<RouterTenancyConfig, FieldError> {
    let mut all = spec.router_spec.tenancy_config.clone().unwrap_or_default();
    let explicit = all.clone();
    for (i, ring) in hashrings(spec).iter().enumerate() {
        let Some(tenancy) = &ring.tenancy_config else {
            continue;
        };
        let of_ring = tenancy.router.clone();
        let field = |name: &'static str| (format!("{}.tenancyConfig.{name}", path(i)), name);
        take(
            &mut all.tenant_header,
            explicit.tenant_header.is_some(),
            of_ring.tenant_header,
            field("tenantHeader"),
        )?;
        take(
            &mut all.default_tenant_id,
            explicit.default_tenant_id.is_some(),
            of_ring.default_tenant_id,
            field("defaultTenantID"),
        )?;
        take(
            &mut all.split_tenant_label_name,
            explicit.split_tenant_label_name.is_some(),
            of_ring.split_tenant_label_name,
            field("splitTenantLabelName"),
        )?;
        let certificate = of_ring.tenant_certificate_field;
        match (all.tenant_certificate_field, certificate) {
            (None, Some(_)) => all.tenant_certificate_field = certificate,
            (Some(one), Some(other))
                if one != other && explicit.tenant_certificate_field.is_none() =>
            {
                let (field, name) = field("tenantCertificateField");
                return Err(differs(field, name, other.as_str(), one.as_str()));
            }
            _ => {}
        }
    }
    Ok(all)
}

fn take(
    one: &mut Option<String>,
    is_explicit: bool,
    other: Option<String>,
    (field, name): (String, &'static str),
) -> Result<(), FieldError> {
    let is_default = |value: &str| DEFAULTS.contains(&(name, value)) || value.is_empty();
    let Some(other) = other.filter(|o| !is_explicit && !is_default(o)) else {
        return Ok(());
    };
    match one {
        Some(one) if *one != other => Err(differs(field, name, &other, one)),
        _ => {
            *one = Some(other);
            Ok(())
        }
    }
}

fn differs(field: String, name: &str, this: &str, other: &str) -> FieldError {
    let message = format!(
        "is `{this}`, and `{other}` in another hashring, but routers serve all hashrings; set \
         spec.routerSpec.tenancyConfig.{name} instead"
    );
    FieldError::new(field, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(router: Value, rings: &[Value]) -> Result<RouterTenancyConfig, FieldError> {
        let rings = rings
            .iter()
            .enumerate()
            .map(|(i, tenancy)| json!({"name": format!("r{i}"), "tenancyConfig": tenancy}));
        let rings: Vec<Value> = rings.collect();
        let spec = json!({
            "routerSpec": {"tenancyConfig": router}, "ingesterSpec": {"hashrings": rings},
        });
        tenancy(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn tenancy_of_one_hashring_applies_to_all() {
        let default = json!({"tenantHeader": "THANOS-TENANT", "defaultTenantID": "default-tenant"});
        let custom = json!({"tenantHeader": "X-Team", "splitTenantLabelName": "team"});
        let tenancy = of(json!({}), &[default, custom]).unwrap();
        assert_eq!(tenancy.tenant_header.as_deref(), Some("X-Team"));
        assert_eq!(tenancy.split_tenant_label_name.as_deref(), Some("team"));
        assert_eq!(tenancy.default_tenant_id, None);
    }

    #[test]
    fn conflicting_tenancy_is_rejected_unless_the_router_section_decides() {
        let rings = [json!({"tenantHeader": "A"}), json!({"tenantHeader": "B"})];
        let error = of(json!({}), &rings).unwrap_err();
        assert_eq!(
            error.field,
            "spec.ingesterSpec.hashrings[1].tenancyConfig.tenantHeader"
        );
        let tenancy = of(json!({"tenantHeader": "C"}), &rings).unwrap();
        assert_eq!(tenancy.tenant_header.as_deref(), Some("C"));
        let fields = [
            json!({"tenantCertificateField": "organization"}),
            json!({"tenantCertificateField": "commonName"}),
        ];
        assert!(of(json!({}), &fields).is_err());
    }
}
