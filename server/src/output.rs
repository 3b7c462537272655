//! Standard output. Whoever reads it may have seen enough and gone, as `head` does: that is no failure.

use anyhow::Result;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Writes a text as it is.
pub(crate) fn text(text: impl Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line.
pub(crate) fn line(line: impl Display) -> Result<()> {
    text(format_args!("{line}\n"))
}
