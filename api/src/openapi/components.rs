//! Schemas: collected, named, made exact, and dropped where nothing refers to them.

use super::complete::operations;
use super::schema;
use crate::views::DeliveryView;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use utoipa::PartialSchema;

/// Fields of answers that are there only when a secret was made.
const NOT_ALWAYS_THERE: [(&str, &str); 2] = [("ApiKey", "secret"), ("WebhookEndpoint", "secret")];

/// A list of jobs is called `JobList`.
pub(super) fn rename_lists(document: Value) -> Value {
    let mut text = document.to_string();
    while let Some((before, rest)) = text.split_once("ListView_") {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        text = format!("{before}{name}List{after}");
    }
    serde_json::from_str(&text).unwrap_or(document)
}

/// The schemas of the annotations, and those of values.
pub(super) fn schemas(document: &mut Value) -> Map<String, Value> {
    let taken = document["components"]["schemas"].take();
    let mut schemas = match taken {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    };
    // No operation names it, but the schema of an event does.
    let delivery = serde_json::to_value(DeliveryView::schema()).unwrap_or_default();
    schemas.insert("WebhookDelivery".to_owned(), delivery);
    schemas.extend(
        schema::all()
            .into_iter()
            .chain(schema::inner())
            .map(|(name, schema)| (name.to_owned(), schema)),
    );
    complete_creation(&mut schemas);
    name_items(&mut schemas);
    for schema in schemas.values_mut() {
        modernize(schema);
    }
    for schema in schemas.values_mut() {
        let Some(object) = schema.pointer_mut("/properties/object") else { continue };
        if let Some(kind) = object["examples"].get(0).cloned() {
            *object = json!({"type": "string", "const": kind, "description": "What this is."});
        }
    }
    schemas
}

/// What can be changed can be given from the start. One schema that refers to the other would not
/// do: generators do not merge a field that may be null with one that may not.
fn complete_creation(schemas: &mut Map<String, Value>) {
    let change = schemas.get("UpdateWebhookEndpoint").map(|change| change["properties"].clone());
    let place = schemas.get_mut("CreateWebhookEndpoint");
    let (Some(Value::Object(mut fields)), Some(creation)) = (change, place) else { return };
    fields.insert("url".to_owned(), creation["properties"]["url"].take());
    creation["properties"] = Value::Object(fields);
}

/// Lists come with their items' schema in place: it is given its own name.
fn name_items(schemas: &mut Map<String, Value>) {
    let mut items = Vec::new();
    for (name, schema) in schemas.iter_mut() {
        let Some(item) = name.strip_suffix("List") else { continue };
        let Some(place) = schema.pointer_mut("/properties/data/items") else { continue };
        if place.get("$ref").is_none() {
            let named = json!({"$ref": format!("#/components/schemas/{item}")});
            items.push((item.to_owned(), std::mem::replace(place, named)));
        }
    }
    for (name, item) in items {
        schemas.entry(name).or_insert(item);
    }
}

/// JSON Schema has `examples`; `example` is of older versions.
pub(super) fn modernize(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if !fields.contains_key("examples")
                && let Some(example) = fields.remove("example")
            {
                fields.insert("examples".to_owned(), json!([example]));
            }
            let data = ["examples", "enum", "const", "default"];
            let inner = fields.iter_mut().filter(|(name, _)| !data.contains(&name.as_str()));
            inner.for_each(|(_, field)| modernize(field));
        }
        Value::Array(items) => items.iter_mut().for_each(modernize),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// Answers hold every field of their schema, null where there is nothing to say.
pub(super) fn require_what_answers_hold(document: &mut Value) {
    let asked = reachable(document, |operation| operation["requestBody"].clone());
    let answered = reachable(document, |operation| operation["responses"].clone());
    let names: Vec<_> = answered.difference(&asked).cloned().collect();
    let by_hand = schema::all().into_iter().chain(schema::inner()).map(|(name, _)| name);
    let by_hand: BTreeSet<_> = by_hand.chain(["Error"]).collect();
    for name in names {
        let place = format!("/components/schemas/{name}");
        let Some(schema) = document.pointer_mut(&place) else { continue };
        // What was written by hand says itself what is required.
        if by_hand.contains(name.as_str()) {
            continue;
        }
        let Some(properties) = schema["properties"].as_object() else { continue };
        let optional = |field: &&String| NOT_ALWAYS_THERE.contains(&(&*name, field.as_str()));
        let fields: Vec<_> = properties.keys().filter(|field| !optional(field)).cloned().collect();
        schema["required"] = json!(fields);
    }
}

/// Names of the schemas that parts of operations lead to.
fn reachable(document: &Value, part: impl Fn(&Value) -> Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Value> = operations(document)
        .iter()
        .map(|(path, method)| part(&document["paths"][path][method]))
        .collect();
    while let Some(value) = open.pop() {
        for place in references(&value) {
            let Some(name) = place.strip_prefix("#/components/schemas/") else { continue };
            if found.insert(name.to_owned()) {
                open.push(document["components"]["schemas"][name].clone());
            }
        }
    }
    found
}

/// Every place that a value refers to.
pub(super) fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match value {
        Value::Object(fields) => {
            if let Some(place) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(place.to_owned());
            }
            found.extend(fields.values().flat_map(references));
        }
        Value::Array(items) => found.extend(items.iter().flat_map(references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
    found
}

/// Components that nothing refers to say nothing.
pub(super) fn drop_unused(document: &mut Value) {
    loop {
        let used = references(document);
        let Some(components) = document["components"].as_object_mut() else { return };
        let mut dropped = false;
        for (kind, named) in components.iter_mut().filter(|(kind, _)| *kind != "securitySchemes") {
            if let Some(named) = named.as_object_mut() {
                let before = named.len();
                named.retain(|name, _| used.contains(&format!("#/components/{kind}/{name}")));
                dropped |= named.len() < before;
            }
        }
        if !dropped {
            return;
        }
    }
}
