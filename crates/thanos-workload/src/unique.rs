//! Lists that the Kubernetes API treats as maps. A server-side apply with a duplicate key fails with an
//! internal error; this check names the field.

use std::collections::BTreeSet;

use crate::FieldError;

/// Appends `more` to `list`.
///
/// # Errors
/// A duplicate key of `more`, at `field[i].key_field`.
pub(crate) fn append<T: Clone>(
    list: &mut Vec<T>,
    more: Option<&[T]>,
    field: &str,
    key_field: &str,
    key: impl Fn(&T) -> String,
) -> Result<(), FieldError> {
    let mut taken: BTreeSet<String> = list.iter().map(&key).collect();
    for (i, item) in more.unwrap_or_default().iter().enumerate() {
        let key = key(item);
        if !taken.insert(key.clone()) {
            return Err(FieldError::new(
                format!("{field}[{i}].{key_field}"),
                format!(
                    "`{key}` is already used by the operator or by an earlier item; choose another"
                ),
            ));
        }
        list.push(item.clone());
    }
    Ok(())
}
