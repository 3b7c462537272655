//! Examples of bodies, composed of the examples of their schemas' fields.

use serde_json::{Map, Value, json};

/// Composes an example that fits a schema of the document.
pub(super) fn compose(schemas: &Map<String, Value>, schema: &Value) -> Value {
    if let Some(example) = schema["examples"].get(0).or_else(|| schema.get("example")) {
        return example.clone();
    }
    if let Some(constant) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return constant.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return schemas.get(name).map_or(Value::Null, |schema| compose(schemas, schema));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts.iter().chain([&without(schema, "allOf")]) {
            if let Value::Object(fields) = compose(schemas, part) {
                whole.extend(fields);
            }
        }
        return Value::Object(whole);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let nothing = |choice: &&Value| choice["type"] == "null";
            // What may be null is shown so.
            return match choices.iter().find(nothing) {
                Some(_) => Value::Null,
                None => choices.first().map_or(Value::Null, |first| compose(schemas, first)),
            };
        }
    }
    of_type(schemas, schema)
}

fn without(schema: &Value, keyword: &str) -> Value {
    let mut rest = schema.clone();
    if let Some(rest) = rest.as_object_mut() {
        rest.remove(keyword);
    }
    rest
}

fn of_type(schemas: &Map<String, Value>, schema: &Value) -> Value {
    let kind = &schema["type"];
    if kind.as_array().is_some_and(|kinds| kinds.contains(&json!("null"))) {
        return Value::Null;
    }
    match kind.as_str() {
        Some("array") => json!([compose(schemas, &schema["items"])]),
        Some("string") => json!("text"),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(true),
        _ => Value::Object(match schema["properties"].as_object() {
            Some(properties) => properties
                .iter()
                .map(|(name, property)| (name.clone(), compose(schemas, property)))
                .collect(),
            None => Map::new(),
        }),
    }
}
