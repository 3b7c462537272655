//! Cargo watches the migrations that were compiled in, and sees no new one.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
