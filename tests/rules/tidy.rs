//! How code must look, beyond what clippy knows.

use crate::{files, read, root};

/// No file may be longer.
const LONGEST: usize = 600;

#[test]
fn no_file_is_too_long() {
    for path in files(&root(), "rs") {
        let lines = read(&path).lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    // Spelled in two parts, so that this file does not find itself.
    let marks = [["todo", "!("], ["unimple", "mented!("], ["#[ig", "nore"], ["FIX", "ME"]];
    for path in files(&root(), "rs") {
        let text = read(&path);
        for mark in &marks {
            let mark = mark.concat();
            assert!(!text.contains(&mark), "{} holds {mark}", path.display());
        }
    }
}

/// Row level security shows a statement the book that it sets itself (ADR 0018): first, and over which nothing is
/// pulled.
#[test]
fn every_statement_of_a_tenant_names_its_book() {
    let mut statements = 0;
    for path in files(&root().join("projections"), "rs") {
        let text = read(&path);
        let asked = text.matches(".tenants()").count();
        let named: Vec<_> = text.split("set_config('firsthand.book', ").skip(1).collect();
        assert_eq!(asked, named.len(), "{}: a statement names no book", path.display());
        for rest in named {
            let end = rest.find("offset 0) as r\"").unwrap_or_else(|| {
                panic!("{}: a statement does not end with `offset 0) as r`", path.display())
            });
            let statement = &rest[..end];
            let form = statement.contains("cross join lateral (")
                && statement.contains("book = tenant.book")
                && !statement.contains("book = $");
            assert!(form, "{}: {statement}", path.display());
        }
        statements += asked;
    }
    assert!(statements > 20, "only {statements} statements were found");
}

#[test]
fn every_module_says_what_it_does() {
    for path in files(&root(), "rs") {
        if path.components().any(|part| part.as_os_str() == "src") {
            let text = read(&path);
            assert!(text.starts_with("//!"), "{} says nothing", path.display());
        }
    }
}

#[test]
fn documents_name_no_machine() {
    let marks = [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"]];
    for extension in ["rs", "md", "toml", "sql"] {
        for path in files(&root(), extension) {
            let text = read(&path);
            for mark in &marks {
                let mark = mark.concat();
                assert!(!text.contains(&mark), "{} holds {mark}", path.display());
            }
        }
    }
}
