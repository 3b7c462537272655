//! Everything that is derived, derived anew: not a byte may differ.

use crate::run::Run;
use firsthand_projections::{FEED_CURSOR, rebuild, rebuildable};
use futures_util::StreamExt;
use std::pin::pin;

const KEY: &str = "select string_agg(quote_ident(column_name), ', ' order by ordinal_position)
    from information_schema.key_column_usage
    where table_schema = 'public' and constraint_name = $1 || '_pkey'";

/// What is derived from workers' own books, which this test leaves alone.
const OF_WORKERS: [&str; 2] = ["worker_earnings", "batch_payouts"];

impl Run {
    /// Every row of a table in text, in the order of the primary key.
    async fn dump(&self, table: &str) -> Vec<u8> {
        let key = self.world.client.query_one(KEY, &[&table]).await.expect("a key");
        let key: String = key.get(0);
        let copy = format!("copy (select * from public.{table} order by {key}) to stdout");
        let mut rows = pin!(self.world.client.copy_out(&copy).await.expect("rows"));
        let mut dump = Vec::new();
        while let Some(chunk) = rows.next().await {
            dump.extend_from_slice(&chunk.expect("a chunk"));
        }
        dump
    }

    /// Rebuilds every read model, and compares its rows before and after.
    pub async fn rebuild_everything(&mut self) {
        let (store, url) = (self.world.ledger.store(), &self.world.owner_url);
        for (cursor, projector) in rebuildable() {
            for (part, (position, _)) in &self.seen {
                if cursor == FEED_CURSOR {
                    self.world.catch_up(&self.world.feed, *part, *position).await;
                } else {
                    self.world.reach(*part, *position).await;
                }
            }
            let before = self.dump(projector.table).await;
            let rebuilt = rebuild::rebuild(store, url, (cursor, projector), true).await;
            let differing = rebuilt.expect("a rebuild").differing_rows;
            assert_eq!(differing, 0, "seed {}: rows of {}", self.seed, projector.table);
            let after = self.dump(projector.table).await;
            let written = !before.is_empty() || OF_WORKERS.contains(&projector.table);
            assert!(written, "{} has no rows", projector.table);
            assert!(before == after, "seed {}: {} is another", self.seed, projector.table);
        }
    }
}
