//! `migrate`, `verify` and `rebuild` work on what is there, and make nothing.

use crate::finance_common::sql;
use firsthand_tests::binary::{self, Finished};
use firsthand_tests::{Buyer, DataDir, Options, Server};
use std::path::Path;
use std::time::Duration;

const COMMANDS: [&[&str]; 3] = [&["migrate"], &["verify"], &["rebuild", "all"]];

fn run(command: &[&str], data: &Path) -> Finished {
    let data = data.to_str().expect("a printable data directory");
    let arguments = [command, &["--data", data]].concat();
    binary::run(&arguments, &[], Duration::from_secs(120))
}

#[test]
fn where_no_database_is_none_is_made() {
    let place = DataDir::new();
    let (absent, empty) = (place.path(), place.path().with_file_name("empty"));
    std::fs::create_dir(&empty).expect("an empty directory");
    for command in COMMANDS {
        for data in [&absent, &empty] {
            let finished = run(command, data);
            assert_eq!(finished.code, Some(1), "{command:?}: {finished:?}");
            assert!(finished.stderr.contains("holds no database"), "{command:?}: {finished:?}");
            assert_eq!(finished.stderr.lines().count(), 1, "{command:?}: {finished:?}");
        }
    }
    assert!(!absent.exists());
    assert_eq!(std::fs::read_dir(&empty).expect("a directory").count(), 0);
}

#[tokio::test]
async fn no_secret_is_needed_and_none_is_made() {
    let place = DataDir::new();
    let data = place.path();
    let server = Server::start(Options::at(&data)).await;
    Buyer::new(&server).await;
    server.stop().await;
    let secrets = ["master.key", "operator.token", "s3.secret"].map(|name| data.join(name));
    for secret in &secrets {
        std::fs::remove_file(secret).expect("a secret");
    }
    let finished = tokio::task::spawn_blocking(move || COMMANDS.map(|command| run(command, &data)));
    for finished in finished.await.expect("the commands end") {
        finished.expect_clean();
    }
    assert!(secrets.iter().all(|secret| !secret.exists()));
}

#[tokio::test]
async fn an_older_schema_is_refused_and_left_as_it_is() {
    let place = DataDir::new();
    let data = place.path();
    let server = Server::start(Options::at(&data)).await;
    // As if its last migration were still to come.
    let last = "delete from _sqlx_migrations
                where version = (select max(version) from _sqlx_migrations)";
    sql(&server, last).await;
    server.stop().await;
    let finished = tokio::task::spawn_blocking(move || {
        // Twice, since the first could have migrated.
        [&["verify"][..], &["verify"], &["rebuild", "all"]].map(|command| run(command, &data))
    });
    for finished in finished.await.expect("the commands end") {
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("the schema is older"), "{finished:?}");
        assert!(finished.stderr.contains("firsthand migrate"), "{finished:?}");
    }
}
