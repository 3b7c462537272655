//! The migrations are compiled in, and cargo sees no file that only a macro reads.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
