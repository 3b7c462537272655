//! How PostgreSQL finds and keeps what the writer reads and writes: by which index, on which page.

use crate::finance_common::sql;
use crate::serve_common::MASTER_KEY;
use firsthand_tests::wait::Wait;
use firsthand_tests::{Buyer, Options, Server, Worker, media, together};
use serde_json::Value;
use std::collections::BTreeMap;

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
    let (name, key) = MASTER_KEY;
    let options = Options::ephemeral().env(name, key);
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

#[tokio::test]
async fn a_movement_of_a_rare_type_is_found_among_many_others() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::with_balance(&server, 1_000).await;
    buyer.photo_job(1, 75).await;
    // As many holds as a busy book has, above all else in the list.
    let copies = "
        insert into credit_transactions
        select t.part, t.book, 1000000 + n, t.type, t.amount_cents, t.available_delta_cents,
               t.held_delta_cents, t.balance_after_cents, t.held_after_cents, t.description, t.lot_id,
               'job_' || n, t.submission_id, t.expires_at, t.created_at, t.external_ref
        from credit_transactions t, generate_series(1, 30000) as n
        where t.type = 'hold';
        analyze credit_transactions;";
    sql(&server, copies).await;
    let read = "select idx_tup_read from pg_stat_user_indexes
                where indexrelname = 'credit_transactions_rare_idx'";
    for (kind, few) in [("free_tier", 1), ("bonus", 1), ("purchase", 0)] {
        let list = buyer.get(&format!("/v1/billing/transactions?type={kind}")).await.page();
        assert_eq!(list.ids().len(), few, "{kind}");
    }
    let mut wait = Wait::until("the index of rare movements was read");
    let database = database(&server).await;
    loop {
        let count: i64 = database.query_one(read, &[]).await.expect("a count").get(0);
        if count > 0 {
            break;
        }
        wait.not_yet(&Value::from(count)).await;
    }
    server.stop().await;
}

/// More submissions than would fit on a page if each brought only what it is when it is accepted.
const SUBMISSIONS: u32 = 24;

#[tokio::test]
async fn a_submission_grows_on_the_page_that_it_was_written_to() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::with_balance(&server, 10_000).await;
    let job = buyer.photo_job(SUBMISSIONS, 10).await;
    let mut workers = Vec::new();
    for _ in 0..SUBMISSIONS {
        let worker = Worker::new(&server).await;
        workers.push((worker.accept(&job).await, worker));
    }
    let before = pages_of_submissions(&server).await;
    assert_eq!(before.len(), SUBMISSIONS as usize, "{before:?}");

    together(workers.into_iter().map(|(submission, worker)| async move {
        worker.upload(&submission, &media::sharp(media::seed())).await.ok(200);
        worker.scored(&submission).await
    }))
    .await;

    let mut after = pages_of_submissions(&server).await;
    after.retain(|submission, page| before.get(submission) != Some(page));
    // A snapshot that somebody holds for long keeps old versions on a page; without room most would move.
    assert!(after.len() <= SUBMISSIONS as usize / 4, "moved: {after:?} from {before:?}");
    server.stop().await;
}

/// On which page the row of each submission stands.
async fn pages_of_submissions(server: &Server) -> BTreeMap<String, i32> {
    let rows = "select stream, (ctid::text::point)[0]::int from streams where kind = 'submission'";
    let rows = database(server).await.query(rows, &[]).await.expect("the rows of submissions");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A connection of the database's owner.
async fn database(server: &Server) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&server.database_url, tokio_postgres::NoTls)
        .await
        .expect("a database");
    tokio::spawn(connection);
    client
}
