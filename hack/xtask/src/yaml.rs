//! YAML for large schemas: block style, with everything that fits on a line in flow style. That
//! takes half the bytes of plain block style, most of which would be indentation.

use serde_json::Value;

/// A value shorter than this is written on one line.
const INLINE: usize = 100;

/// The value as a YAML document.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

fn block(out: &mut String, value: &Value, indent: usize) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                out.push_str(&format!("{pad}{}:", quoted_if_needed(key)));
                child_of(out, child, indent + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&format!("{pad}-"));
                child_of(out, item, indent + 1);
            }
        }
        scalar => out.push_str(&format!("{pad}{}\n", flow(scalar))),
    }
}

fn child_of(out: &mut String, child: &Value, indent: usize) {
    let inline = flow(child);
    if inline.len() < INLINE || !(child.is_object() || child.is_array()) {
        out.push_str(&format!(" {inline}\n"));
    } else {
        out.push('\n');
        block(out, child, indent);
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{}: {}", quoted_if_needed(k), flow(v)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => quoted_if_needed(text),
        scalar => scalar.to_string(),
    }
}

/// JSON strings are YAML strings. A plain word needs no quotes, unless YAML reads it as something
/// else.
pub fn quoted_if_needed(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str())
        && text.chars().any(|c| c.is_ascii_alphabetic());
    if plain {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_back_as_it_was() {
        let value = json!({
            "a": {"type": "string", "default": "", "description": "x: y # no comment 'quoted' \"twice\""},
            "list": [[], {}, "true", "1", 1, null, "-", "@.type=='Ready'", "long ".repeat(40)],
            "nested": {"deep": [{"very": {"long": "key ".repeat(30), "n": "no"}}]},
        });
        let text = document(&value);
        assert_eq!(
            value,
            serde_saphyr::from_str::<Value>(&text).unwrap(),
            "{text}"
        );
    }
}
