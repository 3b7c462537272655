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
