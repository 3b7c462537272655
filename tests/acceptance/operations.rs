//! The operations of the service's own document: what a test asks of all of them, it asks of a route that is
//! added too.

use firsthand_tests::shape::text;
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Parameters of paths that name nothing that belongs to anybody.
const NO_IDS: [&str; 1] = ["Month"];

/// An operation of the document.
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    /// The names of its path's parameters and their schemas' names.
    pub parameters: Vec<(String, String)>,
    /// Who it is for: `buyer_key`, `worker_token`, `operator_token`; empty if it is open.
    pub opened_by: BTreeSet<String>,
    /// Any one of these opens it.
    pub scopes: Vec<String>,
    /// The content type and the example of its body.
    pub body: Option<(String, Value)>,
}

pub fn strings(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|one| one.as_str().expect("a string").to_owned()).collect()
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value) -> Operation {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters =
            parameters.filter(|parameter| parameter["in"] == "path").map(|parameter| {
                let place = text(&parameter["schema"], "$ref");
                let schema = place.rsplit('/').next().expect("a schema's name");
                (text(parameter, "name").to_owned(), schema.to_owned())
            });
        let choices = operation["security"].as_array().expect("every operation says its security");
        let choices: Vec<_> =
            choices.iter().map(|choice| choice.as_object().expect("a choice")).collect();
        // One choice that demands nothing opens it to everybody.
        let open = choices.iter().any(|choice| choice.is_empty());
        let named = choices.iter().flat_map(|choice| choice.keys().cloned());
        let opened_by = if open { BTreeSet::new() } else { named.collect() };
        let content = operation["requestBody"]["content"].as_object();
        let body = content.map(|content| {
            let (kind, media) = content.iter().next().expect("a content type");
            (kind.clone(), media["example"].clone())
        });
        let parameters: Vec<_> = parameters.collect();
        assert_eq!(path.matches('{').count(), parameters.len(), "{path}: {parameters:?}");
        Operation {
            id: text(operation, "operationId").to_owned(),
            method: method.to_uppercase().parse().expect("a method"),
            path: path.to_owned(),
            parameters,
            opened_by,
            scopes: strings(&operation["x-required-scopes"]),
            body,
        }
    }

    pub fn is_for(&self, scheme: &str) -> bool {
        self.opened_by.contains(scheme)
    }

    pub fn takes_an_id(&self) -> bool {
        self.parameters.iter().any(|(_, schema)| !NO_IDS.contains(&schema.as_str()))
    }

    /// Returns its path with these ids, which are named by their schemas.
    pub fn place(&self, ids: &BTreeMap<&str, String>) -> String {
        self.parameters.iter().fold(self.path.clone(), |path, (name, schema)| {
            let id = ids.get(schema.as_str());
            let id = id.unwrap_or_else(|| panic!("{}: no fixture makes a {schema}", self.id));
            path.replace(&format!("{{{name}}}"), id)
        })
    }
}

/// Returns every operation of the document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            all.push(Operation::read(path, method, operation));
        }
    }
    assert!(all.len() > 50, "only {} operations", all.len());
    all
}
