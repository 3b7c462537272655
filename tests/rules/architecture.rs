//! Who may depend on whom. The layers point inward; the domain knows nobody.

use crate::root;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// A package, the packages of ours that it may use, and the outside ones that it must not.
const RULES: &[(&str, &[&str], &[&str])] = &[
    ("firsthand-domain", &[], &["tokio", "sqlx", "axum", "tracing", "rand", "reqwest"]),
    ("firsthand-eventstore", &["firsthand-domain"], &["axum", "reqwest", "aws-sdk-s3", "rand"]),
    (
        "firsthand-projections",
        &["firsthand-domain", "firsthand-eventstore"],
        &["axum", "reqwest", "aws-sdk-s3", "rand"],
    ),
    ("firsthand-adapters", &["firsthand-domain"], &["axum", "sqlx", "tokio-postgres"]),
    (
        "firsthand-api",
        &[
            "firsthand-domain",
            "firsthand-eventstore",
            "firsthand-projections",
            "firsthand-adapters",
        ],
        &["sqlx", "reqwest", "aws-sdk-s3", "tokio-postgres"],
    ),
    (
        "firsthand-workers",
        &[
            "firsthand-domain",
            "firsthand-eventstore",
            "firsthand-projections",
            "firsthand-adapters",
        ],
        &["axum", "sqlx", "reqwest", "aws-sdk-s3", "tokio-postgres"],
    ),
    ("firsthand-tests", &[], &["firsthand-server"]),
    ("firsthand-model", &[], &[]),
    ("xtask", &[], &["tokio", "serde"]),
];

/// The ordinary dependencies of every package of the workspace.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo's JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let name = package["name"].as_str().expect("a name").to_owned();
            let used = package["dependencies"].as_array().expect("dependencies");
            let used = used.iter().filter(|used| used["kind"].is_null());
            (name, used.map(|used| used["name"].as_str().expect("a name").to_owned()).collect())
        })
        .collect()
}

#[test]
fn the_layers_point_inward() {
    let packages = dependencies();
    for (name, ours, forbidden) in RULES {
        let used = packages.get(*name).unwrap_or_else(|| panic!("{name} is gone"));
        for dependency in used {
            let own = dependency.starts_with("firsthand-");
            assert!(!own || ours.contains(&dependency.as_str()), "{name} uses {dependency}");
            assert!(!forbidden.contains(&dependency.as_str()), "{name} uses {dependency}");
        }
    }
}

#[test]
fn the_model_has_nothing_but_the_standard_library() {
    // What it shared with the product, it could not contradict. Its driver's needs are for tests only.
    assert_eq!(dependencies()["firsthand-model"], Vec::<String>::new());
}

#[test]
fn only_the_append_writes_to_the_log() {
    for path in crate::files(&root(), "rs") {
        let shown = path.display().to_string();
        if shown.contains("/tests/") || shown.contains("/bench/") {
            continue;
        }
        let text = crate::read(&path).to_lowercase();
        for table in ["events", "streams", "idempotency_keys"] {
            let writes = text.contains(&format!("insert into {table} "))
                || text.contains(&format!("update {table} "))
                || text.contains(&format!("delete from {table} "));
            let allowed = shown.ends_with("eventstore/src/append.rs")
                || (table == "idempotency_keys"
                    && shown.ends_with("eventstore/src/idempotency.rs"));
            assert!(!writes || allowed, "{shown} writes to {table}");
        }
    }
}

#[test]
fn every_key_of_a_partitioned_table_begins_with_its_part() {
    // Tables that are not partitioned: unique names, and what workers see of all buyers.
    const WHOLE: &[&str] = &["claims", "available_jobs", "worker_submissions"];
    for path in crate::files(&root().join("migrations"), "sql") {
        let text = crate::read(&path);
        let sql: String =
            text.lines().filter_map(|line| line.split("--").next()).collect::<Vec<_>>().join("\n");
        for statement in sql.split(';') {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let at = |word: &str| words.iter().position(|found| *found == word);
            if let Some(on) = at("index").and_then(|_| at("on")) {
                let table = words[on + 1];
                let columns = statement.split_once('(').map_or("", |(_, rest)| rest);
                assert!(
                    WHOLE.contains(&table) || columns.trim_start().starts_with("part"),
                    "{}: an index of {table} begins elsewhere",
                    path.display()
                );
            }
            for key in statement.split("primary key (").skip(1) {
                let whole =
                    WHOLE.iter().any(|table| statement.contains(&format!("table {table} ")));
                assert!(whole || key.starts_with("part"), "{}: {key}", path.display());
            }
        }
    }
}
