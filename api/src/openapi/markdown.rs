//! The document as text, for people and agents that read rather than click.

use super::complete::{INTRODUCTION, operations};
use super::error_pages;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::slice;

/// Where pages are.
pub(super) const BASE: &str = "https://api.firsthandapi.com";

/// What agents read first: what this is, how to begin, and where to read on.
const QUICK_START: &str = include_str!("quick_start.md");

/// The operations of a tag, in the order of the document.
fn of_tag<'a>(document: &'a Value, tag: &str) -> Vec<(String, String, &'a Value)> {
    operations(document)
        .into_iter()
        .map(|(path, method)| {
            let operation = &document["paths"][&path][&method];
            (method.to_uppercase(), path, operation)
        })
        .filter(|(_, _, operation)| operation["tags"][0] == tag)
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Name and description of every tag.
fn tags(document: &Value) -> impl Iterator<Item = (&str, &str)> {
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    tags.iter().map(|tag| (text(&tag["name"]), text(&tag["description"])))
}

/// `llms.txt`: an index.
pub(super) fn index(document: &Value) -> String {
    let mut page = format!(
        "# {}\n\n> {}\n\n{QUICK_START}\n## Conventions\n\n{INTRODUCTION}",
        text(&document["info"]["title"]),
        text(&document["info"]["summary"]),
    );
    for (tag, description) in tags(document) {
        _ = write!(page, "\n## {tag}\n\n[{tag}]({BASE}/docs/{tag}.md): {description}\n\n");
        for (method, path, operation) in of_tag(document, tag) {
            _ = writeln!(page, "- `{method} {path}`: {}", text(&operation["summary"]));
        }
        if tag == "webhooks" {
            page.push_str("\nTypes of events:\n\n");
            for (name, what) in webhooks(document) {
                _ = writeln!(page, "- `{name}`: {what}");
            }
        }
    }
    _ = write!(page, "\n## errors\n\n[errors]({BASE}/docs/errors.md): every code.\n\n");
    for code in error_pages::codes() {
        _ = writeln!(page, "- [{code}]({BASE}/docs/errors/{code}.md)");
    }
    _ = write!(
        page,
        "\n## Full documentation\n\n- [Everything on one page]({BASE}/llms-full.txt)\n\
         - [OpenAPI document]({BASE}/openapi.json)\n- [Interactive reference]({BASE}/docs)\n"
    );
    page
}

fn webhooks(document: &Value) -> Vec<(&String, &str)> {
    let Some(webhooks) = document["webhooks"].as_object() else { return Vec::new() };
    webhooks.iter().map(|(name, item)| (name, text(&item["post"]["summary"]))).collect()
}

/// Everything on one page.
pub(super) fn everything(document: &Value) -> String {
    let mut page = format!(
        "# {}\n\n> {}\n\n{QUICK_START}\n## Conventions\n\n{INTRODUCTION}",
        text(&document["info"]["title"]),
        text(&document["info"]["summary"]),
    );
    for (tag, _) in tags(document) {
        page.push('\n');
        page.push_str(&self::page(document, tag));
    }
    page.push_str("\n# errors\n\nA page of each is at its `doc_url`.\n");
    page.push_str(&error_pages::sections());
    page
}

/// The page of a tag.
pub(super) fn page(document: &Value, tag: &str) -> String {
    let description = tags(document).find(|(name, _)| *name == tag).map_or("", |(_, words)| words);
    let mut page = format!("# {tag}\n\n{description}\n");
    for (method, path, operation) in of_tag(document, tag) {
        _ = write!(page, "\n## {}\n\n`{method} {path}`", text(&operation["summary"]));
        _ = write!(page, " · operation `{}`", text(&operation["operationId"]));
        page.push_str(&opened_by(operation));
        _ = write!(page, "\n\n{}\n", text(&operation["description"]));
        parameters(document, operation, &mut page);
        body(document, operation, &mut page);
        answers(operation, &mut page);
    }
    if tag == "webhooks" {
        page.push_str("\n## Events that are sent\n");
        for (name, what) in webhooks(document) {
            let content = &document["webhooks"][name]["post"]["requestBody"]["content"];
            _ = write!(page, "\n### `{name}`\n\n{what}.\n");
            code(&content["application/json"]["example"], &mut page);
        }
    }
    page
}

/// Says what opens an operation.
fn opened_by(operation: &Value) -> String {
    let choices = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> = choices
        .iter()
        .filter_map(Value::as_object)
        .map(|choice| {
            choice.keys().next().map_or("nothing".to_owned(), |key| key.replace('_', " "))
        })
        .collect();
    if named.is_empty() { String::new() } else { format!(" · needs {}", named.join(" or ")) }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')).unwrap_or(value),
        None => value,
    }
}

fn parameters(document: &Value, operation: &Value, page: &mut String) {
    let Some(parameters) = operation["parameters"].as_array().filter(|all| !all.is_empty()) else {
        return;
    };
    page.push_str("\n| parameter | in | type | required | |\n|---|---|---|---|---|\n");
    for parameter in parameters {
        let parameter = resolve(document, parameter);
        row(
            page,
            &[
                &format!("`{}`", text(&parameter["name"])),
                text(&parameter["in"]),
                &kind(document, &parameter["schema"]),
                if parameter["required"] == true { "yes" } else { "no" },
                text(&parameter["description"]),
            ],
        );
    }
}

fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<_> =
        cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn body(document: &Value, operation: &Value, page: &mut String) {
    let Some(content) = operation["requestBody"]["content"].as_object() else { return };
    for (content_type, media) in content {
        let schema = resolve(document, &media["schema"]);
        let parts = schema["allOf"].as_array().map_or(slice::from_ref(schema), Vec::as_slice);
        let (mut required, mut properties) = (BTreeSet::new(), BTreeMap::new());
        for part in parts.iter().map(|part| resolve(document, part)) {
            required.extend(part["required"].as_array().into_iter().flatten().map(text));
            properties.extend(part["properties"].as_object().into_iter().flatten());
        }
        _ = write!(page, "\nBody, `{content_type}`:\n\n");
        page.push_str("| field | type | required | |\n|---|---|---|---|\n");
        for (name, property) in properties {
            let needed = required.contains(name.as_str());
            let words = match text(&property["description"]) {
                "" => text(&resolve(document, not_null(property))["description"]),
                words => words,
            };
            row(
                page,
                &[
                    &format!("`{name}`"),
                    &kind(document, property),
                    if needed { "yes" } else { "no" },
                    words,
                ],
            );
        }
        code(&media["example"], page);
    }
}

/// The schema of what is not null.
fn not_null(schema: &Value) -> &Value {
    let choices = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    choices.iter().find(|choice| choice["type"] != "null").unwrap_or(schema)
}

/// Type and bounds of a schema in words.
fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, not_null(schema));
    if let Some(names) = schema["enum"].as_array() {
        let names: Vec<_> =
            names.iter().map(|name| format!("`{}`", name.to_string().replace('"', ""))).collect();
        return names.join(", ");
    }
    let mut words = match &schema["type"] {
        Value::String(kind) if kind == "array" => {
            format!("list of {}", kind_of_items(document, schema))
        }
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "object".to_owned(),
    };
    let bounds = [
        ("minimum", "≥"),
        ("maximum", "≤"),
        ("minItems", "items ≥"),
        ("maxItems", "items ≤"),
        ("minLength", "characters ≥"),
        ("maxLength", "characters ≤"),
    ];
    for (keyword, sign) in bounds {
        if let Some(bound) = schema.get(keyword) {
            _ = write!(words, ", {sign} {bound}");
        }
    }
    for keyword in ["format", "pattern"] {
        if let Some(what) = schema[keyword].as_str().filter(|what| !what.starts_with("int")) {
            _ = write!(words, ", {what}");
        }
    }
    words
}

fn kind_of_items(document: &Value, schema: &Value) -> String {
    kind(document, &schema["items"])
}

fn code(example: &Value, page: &mut String) {
    if let Ok(json) = serde_json::to_string_pretty(example) {
        _ = write!(page, "\n```json\n{json}\n```\n");
    }
}

fn answers(operation: &Value, page: &mut String) {
    let Some(responses) = operation["responses"].as_object() else { return };
    for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('2')) {
        _ = write!(page, "\nAnswer {status}: {}.\n", text(&response["description"]));
        match response["content"].get("application/json") {
            Some(media) => code(&media["example"], page),
            None => page.push('\n'),
        }
    }
    let errors: Vec<_> = responses
        .iter()
        .filter_map(|(status, response)| {
            let named = response["content"]["application/json"]["examples"].as_object()?;
            let codes: Vec<_> = named.keys().map(|code| format!("`{code}`")).collect();
            Some(format!("{status} {}", codes.join(", ")))
        })
        .collect();
    if !errors.is_empty() {
        _ = write!(page, "\nErrors: {}.\n", errors.join("; "));
    }
}
