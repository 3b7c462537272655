//! `pgbench -N`: what the same cluster does for a plain client; the yardstick.

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

/// One application of the yardstick, in transactions a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// As `pgbench` comes: every statement is sent, parsed and planned anew.
    simple: f64,
    /// With `-M prepared`: a client that prepares its statements once.
    prepared: f64,
}

/// Both applications of the yardstick in one run, in transactions a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Yardstick {
    /// Before anything else ran.
    before: f64,
    /// After the product ran.
    after: f64,
    /// Their mean: what floors are multiples of.
    mean: f64,
    /// The same mean with prepared statements, the stricter comparison.
    prepared_mean: f64,
}

impl Yardstick {
    /// Combines the two.
    pub(crate) fn of(before: Rates, after: Rates) -> Self {
        Self {
            before: before.simple,
            after: after.simple,
            mean: rounded(f64::midpoint(before.simple, after.simple), 1),
            prepared_mean: rounded(f64::midpoint(before.prepared, after.prepared), 1),
        }
    }

    /// Returns how many times the yardstick a rate is.
    pub(crate) fn ratio(&self, rate: f64) -> f64 {
        rounded(rate / self.mean, 3)
    }

    /// Like [`Self::ratio`], of the yardstick with prepared statements.
    pub(crate) fn prepared_ratio(&self, rate: f64) -> f64 {
        rounded(rate / self.prepared_mean, 3)
    }

    /// Prints one line.
    pub(crate) fn print(&self) {
        let Self { before, after, mean, prepared_mean } = self;
        println!(
            "pgbench -N, 32 clients: {before}/s before, {after}/s after, mean {mean}/s; \
             with -M prepared mean {prepared_mean}/s"
        );
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

    /// Runs `pgbench -N` for so long with each of the two protocols.
    pub(crate) async fn run(&self, seconds: u64) -> anyhow::Result<Rates> {
        let simple = self.run_with("simple", seconds).await?;
        let prepared = self.run_with("prepared", seconds).await?;
        Ok(Rates { simple, prepared })
    }

    async fn run_with(&self, protocol: &str, seconds: u64) -> anyhow::Result<f64> {
        self.cluster.checkpoint().await?;
        let seconds = seconds.to_string();
        let arguments = ["-N", "-M", protocol, "-c", CLIENTS, "-j", "2", "-T", &seconds, DATABASE];
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
