//! Options that every bench has.

use std::path::PathBuf;

use clap::Args;

/// Where a bench runs, what it measures and how it ends.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// Where the temporary directory is made; it must be on a real disk for fsync to mean something.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    pub(crate) place: PathBuf,
    /// A `firsthand` binary to measure, instead of building it.
    #[arg(long)]
    pub(crate) product: Option<PathBuf>,
    /// End with one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
