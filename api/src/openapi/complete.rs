//! What all operations share is put into the document here: information, security, errors,
//! headers, examples.

use super::components::{drop_unused, modernize, rename_lists, require_what_answers_hold, schemas};
use super::headers::Facts;
use super::{errors, examples, headers, webhooks};
use crate::limits::is_open;
use crate::shaping::single;
use firsthand_domain::api_keys::{Scope, Scopes};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Names of the methods that operations have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Completes what the annotations say.
pub(super) fn document(annotated: Value) -> Value {
    let mut document = rename_lists(annotated);
    document["openapi"] = json!("3.1.0");
    document["info"] = info();
    document["servers"] = servers();
    document["tags"] = tags();
    document["webhooks"] = webhooks::operations();
    let catalogue = errors::catalogue();
    let mut schemas = schemas(&mut document);
    schemas.insert("Error".to_owned(), errors::schema(&catalogue));
    schemas.insert("Problem".to_owned(), errors::problem_schema());
    document["components"] = json!({
        "schemas": schemas,
        "examples": errors::examples(&catalogue),
        "headers": headers::components(),
        "parameters": parameters(),
        "securitySchemes": security(),
    });
    for (path, method) in operations(&document) {
        let mut operation = document["paths"][&path][&method].take();
        if path.starts_with("/v1/jobs/{id}/")
            && let Some(Value::Array(parameters)) = operation.get_mut("parameters")
        {
            // The job is that of the path.
            parameters.retain(|parameter| parameter["name"] != "job_id");
        }
        let tagged = matches!(method.as_str(), "get" | "patch") && single(&path).is_some();
        if tagged && method == "get" {
            take_tags(&mut operation);
        }
        let open = is_open(&path);
        complete(&mut operation, &schemas, &catalogue, (tagged, open));
        document["paths"][&path][&method] = operation;
    }
    link(&mut document);
    require_what_answers_hold(&mut document);
    drop_unused(&mut document);
    document
}

/// An answer with an entity tag is not sent again to who has it.
fn take_tags(operation: &mut Value) {
    let parameter = json!({
        "name": "If-None-Match", "in": "header", "required": false,
        "description": "The `ETag` of an answer that the client has: 304 if it is still right.",
        "schema": {"type": "string"},
    });
    match operation.get_mut("parameters") {
        Some(Value::Array(parameters)) => parameters.push(parameter),
        _ => operation["parameters"] = json!([parameter]),
    }
    operation["responses"]["304"] = json!({"description": "What the client has is still right."});
}

/// Path and method of every operation.
pub(super) fn operations(document: &Value) -> Vec<(String, String)> {
    let Some(paths) = document["paths"].as_object() else { return Vec::new() };
    let mut found = Vec::new();
    for (path, item) in paths {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            found.push((path.clone(), (*method).to_owned()));
        }
    }
    found
}

fn info() -> Value {
    json!({
        "title": "FirstHandAPI",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Original photos, sounds and films from real people, by API.",
        "description": INTRODUCTION,
        "contact": {"name": "FirstHandAPI", "url": "https://docs.firsthandapi.com"},
        "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
    })
}

/// What a reader must know before any operation.
pub(super) const INTRODUCTION: &str = include_str!("introduction.md");

pub(super) fn servers() -> Value {
    json!([
        {"url": "https://api.firsthandapi.com", "description": "Production and sandbox"},
        {"url": "/", "description": "Where this document comes from"},
    ])
}

fn tags() -> Value {
    let tag = |name: &str, description: &str| json!({"name": name, "description": description});
    json!([
        tag(
            "auth",
            "Sign up, verify a phone number for the free credits, and see whose key it is."
        ),
        tag("jobs", "Ask for files: create, follow, cancel and rate jobs."),
        tag("files", "Download what was approved, by signed links."),
        tag("submissions", "Everything that workers uploaded, with scores and reasoning."),
        tag("audit", "Every event of the organization, chained by hashes."),
        tag("billing", "Balances, and every movement of credits."),
        tag("webhooks", "Endpoints that events are sent to, and the attempts to deliver."),
        tag("events", "The events themselves: list, replay, pull, stream."),
        tag("organization", "Defaults and top-up."),
        tag("sandbox", "The sandbox's own clock."),
        tag("api_keys", "Keys: create, rotate, revoke."),
        tag("workers", "What the workers' app uses."),
        tag("operator", "What the operator of the service uses."),
        tag("hooks", "What the payment provider tells us."),
        tag("health", "For load balancers and monitors."),
    ])
}

fn security() -> Value {
    let bearer = |format: &str, description: &str| {
        json!({
            "type": "http", "scheme": "bearer", "bearerFormat": format,
            "description": description,
        })
    };
    json!({
        "buyer_key": bearer("fh_live_… or fh_test_…", "An API key; scopes say what it may do."),
        "worker_token": bearer("fhw_…", "A worker's token."),
        "operator_token": bearer("opaque", "The operator's token."),
    })
}

fn parameters() -> Value {
    json!({
        "limit": {
            "name": "limit", "in": "query", "description": "Items on a page.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        },
        "cursor": {
            "name": "cursor", "in": "query",
            "description": "`next_cursor` of the page before, which was asked for with the same filters. Opaque and signed: a changed one, or one of another list, is a 400. Most lists take the id of one of their items too.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{24,400}$"},
        },
    })
}

type Catalogue = std::collections::BTreeMap<String, errors::Shown>;

fn complete(
    operation: &mut Value,
    schemas: &Map<String, Value>,
    catalogue: &Catalogue,
    (tagged, open): (bool, bool),
) {
    complete_parameters(operation);
    let known = facts(operation);
    let facts = Facts { tagged, limited: open || known.limited, ..known };
    let codes = codes(operation, facts);
    let success = operation["responses"].take();
    let mut responses = errors::responses(catalogue, &codes, facts);
    if let Value::Object(success) = success {
        for (status, mut response) in success {
            response["headers"] = headers::of(status.parse().unwrap_or(200), facts);
            show_examples(schemas, &mut response);
            responses.insert(status, response);
        }
    }
    if codes.is_empty() {
        responses.insert(
            "431".to_owned(),
            json!({
                "description": "The request's headers are too large. There is no body.",
            }),
        );
    }
    operation["responses"] = Value::Object(responses);
    operation["x-error-codes"] = json!(codes);
    name_scopes(operation);
    if operation.get("requestBody").is_some() {
        make_optional(operation, schemas);
        show_examples(schemas, &mut operation["requestBody"]);
    }
}

/// A body in which nothing is required may be left out: none reads as `{}`.
fn make_optional(operation: &mut Value, schemas: &Map<String, Value>) {
    let Some(Value::Object(content)) = operation.pointer_mut("/requestBody/content") else {
        return;
    };
    let mut required = false;
    for media in content.values_mut() {
        let choices = media["schema"]["oneOf"].as_array().into_iter().flatten();
        let given = choices.clone().find(|choice| choice["type"] != "null").cloned();
        if let Some(given) = given {
            media["schema"] = given;
        }
        let named = media["schema"]["$ref"].as_str().and_then(|place| place.rsplit('/').next());
        let Some(schema) = named.and_then(|name| schemas.get(name)) else { continue };
        let demands = |part: &Value| part["required"].as_array().is_some_and(|all| !all.is_empty());
        let mut parts = schema["allOf"].as_array().into_iter().flatten();
        required |= demands(schema) || parts.any(demands);
    }
    operation["requestBody"]["required"] = json!(required);
}

fn complete_parameters(operation: &mut Value) {
    let Some(Value::Array(parameters)) = operation.get_mut("parameters") else { return };
    for parameter in parameters {
        modernize(&mut parameter["schema"]);
        if let Some(example) = parameter.as_object_mut().and_then(|fields| fields.remove("example"))
        {
            parameter["schema"]["examples"] = json!([example]);
        }
        let name = parameter["name"].as_str().unwrap_or_default();
        if matches!(name, "limit" | "cursor") {
            *parameter = json!({"$ref": format!("#/components/parameters/{name}")});
        }
    }
}

/// Whether a parameter, written out or shared, has a name.
fn is_named(parameter: &Value, name: &str) -> bool {
    let shared = parameter["$ref"].as_str().and_then(|place| place.rsplit('/').next());
    parameter["name"] == name || shared == Some(name)
}

fn takes(operation: &Value, name: &str) -> bool {
    operation["parameters"]
        .as_array()
        .is_some_and(|parameters| parameters.iter().any(|parameter| is_named(parameter, name)))
}

fn opened_by<'a>(operation: &'a Value, scheme: &str) -> Option<&'a Value> {
    operation["security"].as_array()?.iter().find_map(|choice| choice.get(scheme))
}

fn facts(operation: &Value) -> Facts {
    Facts {
        buyer: opened_by(operation, "buyer_key").is_some(),
        keyed: takes(operation, "Idempotency-Key"),
        waits: takes(operation, "Prefer"),
        limited: opened_by(operation, "buyer_key").is_some()
            || opened_by(operation, "worker_token").is_some(),
        tagged: false,
        list: takes(operation, "cursor") || operation["operationId"] == "list_events",
    }
}

/// The scopes of which any one grants what is wanted: some have two names.
fn grant(wanted: &str) -> impl Iterator<Item = &'static str> {
    let wanted = Scope::ALL.iter().find(|scope| scope.as_str() == wanted);
    let holds = move |scope: &&Scope| {
        wanted.is_some_and(|wanted| [**scope].into_iter().collect::<Scopes>().grants(*wanted))
    };
    Scope::ALL.iter().filter(holds).map(|scope| scope.as_str())
}

/// Linters allow scopes of OAuth alone where security is said: ours get a field of their own. One
/// of them is enough.
fn name_scopes(operation: &mut Value) {
    let Some(Value::Array(choices)) = operation.get_mut("security") else { return };
    let mut scopes = BTreeSet::new();
    for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
        for named in choice.values_mut() {
            for wanted in named.as_array().into_iter().flatten().filter_map(Value::as_str) {
                scopes.extend(grant(wanted));
            }
            *named = json!([]);
        }
    }
    choices.dedup();
    // Nothing is needed: that is said by no choice at all.
    if choices.iter().all(|choice| choice.as_object().is_some_and(Map::is_empty)) {
        choices.clear();
    }
    if !scopes.is_empty() {
        let words: Vec<_> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
        let description = operation["description"].as_str().unwrap_or_default();
        let description = format!("{description}\n\nNeeds the scope {}.", words.join(" or "));
        operation["description"] = json!(description);
        operation["x-required-scopes"] = json!(scopes);
    }
}

/// The codes that an operation names itself, and those that follow from what it takes.
fn codes(operation: &Value, facts: Facts) -> BTreeSet<String> {
    let mut codes: BTreeSet<String> = operation["x-error-codes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|code| code.as_str().map(ToOwned::to_owned))
        .collect();
    if operation["tags"][0] == "health" {
        return codes;
    }
    let mut add = |more: &[&str]| codes.extend(more.iter().map(|code| (*code).to_owned()));
    add(&["internal_error", "unavailable"]);
    if facts.limited {
        add(&["rate_limit_exceeded"]);
    }
    if let Some(scopes) = opened_by(operation, "buyer_key") {
        add(&["authentication_error"]);
        if scopes.as_array().is_some_and(|scopes| !scopes.is_empty()) {
            add(&["scope_missing"]);
        }
    }
    if opened_by(operation, "worker_token").is_some() {
        add(&["authentication_error"]);
    }
    if opened_by(operation, "operator_token").is_some() {
        add(&["unauthorized"]);
    }
    let parameters = operation["parameters"].as_array();
    let stands_in = |place: &str| {
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place))
    };
    if stands_in("path") {
        add(&["not_found"]);
    }
    if stands_in("query")
        || parameters.is_some_and(|all| all.iter().any(|p| p.get("$ref").is_some()))
    {
        add(&["validation_error"]);
    }
    let hook = operation["tags"][0] == "hooks";
    if !hook && operation["requestBody"]["content"].get("application/json").is_some() {
        add(&["malformed_json", "validation_error", "body_too_large", "unsupported_content_type"]);
    }
    if facts.keyed {
        add(&["idempotency_key_missing", "idempotency_conflict", "overloaded"]);
    }
    codes
}

/// Gives each JSON body of a request or a response its example.
fn show_examples(schemas: &Map<String, Value>, body: &mut Value) {
    let Some(Value::Object(content)) = body.get_mut("content") else { return };
    for (kind, media) in content {
        if kind == "application/json" {
            media["example"] = examples::compose(schemas, &media["schema"]);
        } else if kind == "text/event-stream" {
            media["example"] = json!(webhooks::streamed());
        }
    }
}

/// Says of what a POST makes which operations take its id.
fn link(document: &mut Value) {
    let all = operations(document);
    for (made_at, _) in all.iter().filter(|(_, method)| method == "post") {
        let under = format!("{made_at}/{{id}}");
        let links: Map<String, Value> = all
            .iter()
            .filter(|(path, _)| path.starts_with(&under) && !path.contains("{replay_id}"))
            .filter_map(|(path, method)| {
                let id = document["paths"][path][method]["operationId"].as_str()?.to_owned();
                let link = json!({
                    "operationId": id, "parameters": {"id": "$response.body#/id"},
                });
                Some((id, link))
            })
            .collect();
        let place = format!("/paths/{}/post/responses", made_at.replace('/', "~1"));
        let Some(Value::Object(responses)) = document.pointer_mut(&place) else { continue };
        let made = responses.iter_mut().find(|(status, _)| status.starts_with('2'));
        if let Some((_, response)) = made.filter(|_| !links.is_empty()) {
            response["links"] = Value::Object(links);
        }
    }
}
