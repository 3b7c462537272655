//! The master key: a database belongs to the one that it was first started with.

use crate::finance_common::sql;
use crate::serve_common::{MASTER_KEY, environment};
use firsthand_tests::binary::{self, Finished};
use firsthand_tests::{Buyer, DataDir, Options, Server};
use std::path::Path;
use std::time::Duration;

/// A key that no database of these tests belongs to.
const ANOTHER: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const LIMIT: Duration = Duration::from_secs(60);

async fn run(arguments: Vec<String>, environment: Vec<(&'static str, String)>) -> Finished {
    let running = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        binary::run(&arguments, &environment, LIMIT)
    });
    running.await.expect("the command ends")
}

/// Runs `dev` in a data directory where it is to be refused, and returns the line that says why.
async fn refused(data: &Path, environment: Vec<(&'static str, String)>) -> String {
    let path = data.to_str().expect("a printable data directory");
    let arguments = ["dev", "--listen", "127.0.0.1:0", "--data", path].map(ToOwned::to_owned);
    let finished = run(arguments.to_vec(), environment).await;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    finished.stderr
}

#[tokio::test]
async fn a_lost_master_key_is_not_made_anew() {
    let place = DataDir::new();
    let (data, key) = (place.path(), place.path().join("master.key"));
    let server = Server::start(Options::at(&data)).await;
    let buyer = Buyer::new(&server).await;
    server.stop().await;
    let kept = std::fs::read(&key).expect("the master key");
    std::fs::remove_file(&key).expect("the master key can be lost");

    let why = refused(&data, Vec::new()).await;
    assert!(why.contains("master.key is missing"), "{why}");
    assert!(why.contains("FIRSTHAND_MASTER_KEY"), "{why}");
    assert!(!key.exists(), "a new key was made");

    std::fs::write(&key, kept).expect("the master key can be put back");
    let server = Server::start(Options::at(&data)).await;
    buyer.with_base_url(&server.base_url).get("/v1/me").await.ok(200);
    server.stop().await;
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let place = DataDir::new();
    let (data, key) = (place.path(), place.path().join("master.key"));
    Server::start(Options::at(&data)).await.stop().await;
    let kept = std::fs::read(&key).expect("the master key");

    let why = refused(&data, vec![(MASTER_KEY.0, ANOTHER.to_owned())]).await;
    assert!(why.contains("another master key"), "{why}");
    std::fs::write(&key, ANOTHER).expect("the file can be written");
    let why = refused(&data, Vec::new()).await;
    assert!(why.contains("another master key") && why.contains("master.key"), "{why}");
    assert!(!why.contains(ANOTHER), "{why}");

    // The right one is the right one wherever it comes from.
    let kept = String::from_utf8(kept).expect("hexadecimal digits");
    Server::start(Options::at(&data).env(MASTER_KEY.0, kept.trim())).await.stop().await;
}

#[tokio::test]
async fn another_process_with_another_master_key_is_refused() {
    let (name, key) = MASTER_KEY;
    let host = Server::start(Options::ephemeral().env(name, key)).await;
    let mut others = environment(&host);
    others.retain(|(name, _)| *name != MASTER_KEY.0);
    others.push((name, ANOTHER.to_owned()));
    for command in ["serve", "dev"] {
        let place = DataDir::new();
        let path = place.path().to_str().expect("a printable data directory").to_owned();
        let arguments = [command, "--listen", "127.0.0.1:0", "--data", &path];
        let finished = run(arguments.map(ToOwned::to_owned).to_vec(), others.clone()).await;
        assert_eq!(finished.code, Some(1), "{command}: {finished:?}");
        assert!(finished.stderr.contains("another master key"), "{command}: {finished:?}");
        assert!(!finished.stdout.contains("serves at"), "{command}: {finished:?}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_database_that_belongs_to_no_master_key_takes_the_first() {
    let place = DataDir::new();
    let data = place.path();
    let server = Server::start(Options::at(&data)).await;
    sql(&server, "delete from master_key_check").await;
    server.stop().await;
    Server::start(Options::at(&data)).await.stop().await;
    let why = refused(&data, vec![(MASTER_KEY.0, ANOTHER.to_owned())]).await;
    assert!(why.contains("another master key"), "{why}");
    Server::start(Options::at(&data)).await.stop().await;
}

#[tokio::test]
async fn a_key_that_goes_with_its_directory_claims_no_other_database() {
    let (name, key) = MASTER_KEY;
    let host = Server::start(Options::ephemeral().env(name, key)).await;
    sql(&host, "delete from master_key_check").await;
    let theirs = Options::ephemeral().env("DATABASE_URL", &host.database_url);
    for _ in 0..2 {
        // Each makes a key of its own.
        Server::start(theirs.clone()).await.stop().await;
    }
    Server::start(theirs.env(name, key)).await.stop().await;
    let finished = run(
        ["dev", "--ephemeral", "--listen", "127.0.0.1:0"].map(ToOwned::to_owned).to_vec(),
        vec![(name, ANOTHER.to_owned()), ("DATABASE_URL", host.database_url.clone())],
    )
    .await;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    host.stop().await;
}
