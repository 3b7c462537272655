//! How PostgreSQL finds what the writer looks up, in a database where it knows nothing of the tables yet.

use crate::finance_common::sql;
use firsthand_tests::{Buyer, Options, Server};

/// PostgreSQL keeps a plan from the sixth run on, so these are enough for both kinds.
const SIGN_UPS: usize = 8;

/// Has each statement of later connections written to the server's log with its plan.
const EXPLAIN: &str = "
    load 'auto_explain';
    do $$ begin
      execute format('alter database %I set session_preload_libraries = auto_explain', current_database());
      execute format('alter database %I set auto_explain.log_min_duration = 0', current_database());
    end $$";

#[tokio::test]
async fn states_are_looked_up_by_the_primary_key_however_little_is_known_of_the_table() {
    let options = Options::ephemeral();
    let host = Server::start(options.clone()).await;
    sql(&host, EXPLAIN).await;
    // An empty table is as cheap to scan as to look up, and every index as good as another.
    sql(&host, "vacuum analyze").await;
    let server = Server::start(options.env("DATABASE_URL", &host.database_url)).await;
    for _ in 0..SIGN_UPS {
        Buyer::unverified(&server).await;
    }

    let log = host.data_dir.join("postgres").join("server.log");
    let log = std::fs::read_to_string(log).expect("the database's log");
    let plans: Vec<&str> = log
        .split("LOG:  duration:")
        .filter(|entry| entry.contains("as wanted(stream)") && entry.contains("from streams"))
        .filter(|entry| entry.contains("sequence, frontier, state"))
        .collect();
    assert!(plans.len() >= SIGN_UPS, "{} look-ups in the log", plans.len());
    for plan in plans {
        assert!(plan.contains("Index Scan using streams_pkey"), "{plan}");
    }
    server.stop().await;
    host.verify().await;
    host.stop().await;
}
