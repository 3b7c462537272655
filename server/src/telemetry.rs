//! Logs: to standard error, warnings and errors unless more is asked for.

use tracing_subscriber::EnvFilter;

/// Starts logging. `FIRSTHAND_LOG` sets a filter; else `-v` and `-vv` say how much.
pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    // s3s logs each refused request as an error, a missing object included.
    let default = format!("{level},s3s=off,aws_smithy_runtime=error,sqlx=warn");
    let filter = std::env::var("FIRSTHAND_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // Only a second call fails, and there is none.
    drop(tracing::subscriber::set_global_default(subscriber));
}
