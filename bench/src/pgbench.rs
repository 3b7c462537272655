//! `pgbench -N`: what the same cluster does for a plain, well-prepared client; the yardstick.

use anyhow::Context as _;
use serde::Serialize;

use crate::cluster::Cluster;
use crate::numbers::rounded;

/// The database that pgbench fills.
const DATABASE: &str = "pgbench";
/// `pgbench -i` scale: 1,000,000 accounts.
const SCALE: &str = "10";
/// Clients at once.
const CLIENTS: &str = "32";

/// The yardstick, ready to be applied.
#[derive(Debug)]
pub(crate) struct Pgbench<'a> {
    cluster: &'a Cluster,
}

/// Both applications of the yardstick in one run, in transactions a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Yardstick {
    /// Before anything else ran.
    pub(crate) before: f64,
    /// After the product ran.
    pub(crate) after: f64,
    /// Their mean.
    pub(crate) mean: f64,
}

impl Yardstick {
    /// Combines the two.
    pub(crate) fn of(before: f64, after: f64) -> Self {
        Self { before, after, mean: rounded(f64::midpoint(before, after), 1) }
    }
}

impl<'a> Pgbench<'a> {
    /// Fills pgbench's tables.
    pub(crate) async fn prepare(cluster: &'a Cluster) -> anyhow::Result<Self> {
        cluster.create_database(DATABASE).await?;
        cluster
            .run_client("pgbench", &["-i", "-q", "-s", SCALE, DATABASE])
            .await
            .context("pgbench -i failed")?;
        Ok(Self { cluster })
    }

    /// Runs `pgbench -N` for so long and returns its transactions a second.
    pub(crate) async fn run(&self, seconds: u64) -> anyhow::Result<f64> {
        self.cluster.checkpoint().await?;
        let seconds = seconds.to_string();
        let arguments =
            ["-N", "-M", "prepared", "-c", CLIENTS, "-j", "2", "-T", &seconds, DATABASE];
        let output = self.cluster.run_client("pgbench", &arguments).await?;
        self.cluster.sweep(DATABASE).await?;
        transactions_per_second(&output)
            .with_context(|| format!("pgbench printed no tps:\n{output}"))
    }
}

/// Reads `tps = 5871.123 (without initial connection time)`.
fn transactions_per_second(output: &str) -> Option<f64> {
    let line = output.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_ascii_whitespace().next()?.parse().ok().map(|tps| rounded(tps, 1))
}

#[cfg(test)]
mod tests {
    use super::transactions_per_second;

    #[test]
    fn the_rate_is_read_from_its_line() {
        let output =
            "latency average = 5.4 ms\ntps = 5871.1234 (without initial connection time)\n";
        assert_eq!(transactions_per_second(output), Some(5_871.1));
        assert_eq!(transactions_per_second("pgbench: error"), None);
    }
}
