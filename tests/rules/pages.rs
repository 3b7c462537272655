//! Error codes and events have their pages, and pages have their code.

use crate::{files, read, root};
use std::collections::BTreeSet;

/// Every string in a source text that stands where the error table puts a code.
fn codes() -> BTreeSet<String> {
    let text = read(&root().join("api/src/error.rs"));
    let strings: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
    let pages = pages();
    strings.into_iter().filter(|string| pages.contains(*string)).map(ToOwned::to_owned).collect()
}

fn pages() -> BTreeSet<String> {
    files(&root().join("docs/errors"), "md")
        .iter()
        .filter_map(|path| path.file_stem()?.to_str().map(ToOwned::to_owned))
        .filter(|name| name != "README")
        .collect()
}

#[test]
fn every_error_page_belongs_to_a_code() {
    let (pages, codes) = (pages(), codes());
    assert!(pages.len() > 30, "only {} pages", pages.len());
    assert_eq!(pages, codes, "a page without a code");
}

#[test]
fn every_conflict_and_row_has_a_page() {
    let text = read(&root().join("api/src/error.rs"));
    let pages = pages();
    for call in text.split("conflict(\"").skip(1) {
        let code = call.split('"').next().unwrap_or_default();
        assert!(pages.contains(code), "no page for {code}");
    }
}

#[test]
fn every_stored_event_is_described() {
    let described = read(&root().join("docs/events/README.md"));
    for path in files(&root().join("domain/src"), "rs") {
        if !path.ends_with("events.rs") {
            continue;
        }
        for line in read(&path).lines() {
            let Some((_, rest)) = line.split_once("= \"") else { continue };
            let Some((name, version)) = rest.split_once("\", ") else { continue };
            if version.trim_end_matches(';').parse::<u16>().is_ok() {
                assert!(described.contains(name), "{name} is not described");
            }
        }
    }
}
