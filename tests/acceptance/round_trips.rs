//! How often a request waits for the database on its own account: counted on the wire, between the process and
//! PostgreSQL, for every operation of the service's own document, and compared with what docs/http.md says.
//!
//! What the writer appends for all requests of a moment together is not any request's own, nor is what the
//! process does besides: that has connections of its own.

use crate::finance_common::sql;
use crate::operations::operations;
use crate::round_trip_cases::{Fixture, VARIANTS};
use crate::wire_tap::Tap;
use firsthand_tests::{Options, Server};
use std::collections::{BTreeMap, BTreeSet};

/// The connections of requests.
const OWN: [&str; 3] = ["firsthand", "firsthand-single", "firsthand-tenants"];
/// Those of the writer, of what goes on besides, and of migrations and this test.
const OTHERS: [&str; 5] = [
    "firsthand-append",
    "firsthand-background",
    "firsthand-background-single",
    "firsthand-background-tenants",
    "",
];

/// A reader whose rows are not there yet looks at the cursor now and then: how often is a matter of time.
const WAITING: &str =
    "firsthand-single: select position from cursors where part = $1 and projector = $2";

/// What the embedded payment gateway tells when it pleases is a request of its own, which alone asks this.
const TOLD: (&str, &str) =
    ("receive_stripe_event", "firsthand-single: with new as ( insert into payment_events ");

/// Operations that have no number.
const UNCOUNTED: [(&str, &str); 1] =
    [("stream_events", "its answer does not end, and reads on for as long as it lasts")];

/// Requests that are counted, after one that brings states to memory; all must make the same number.
const TIMES: usize = 2;

const DOCUMENT: &str = include_str!("../../docs/http.md");

/// Returns how many round trips the document names for which operations.
fn documented() -> BTreeMap<String, u64> {
    let (_, section) = DOCUMENT.split_once("## Round trips\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let mut named = BTreeMap::new();
    for row in section.lines() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, trips, names, _why, _] = cells.as_slice() else { continue };
        let Ok(trips) = trips.parse() else { continue };
        for name in names.split('`').skip(1).step_by(2) {
            assert_eq!(named.insert(name.to_owned(), trips), None, "{name} is named twice");
        }
    }
    assert!(!named.is_empty(), "no table");
    named
}

/// The statements that each of some requests has waited for.
type Seen = Vec<BTreeMap<String, u64>>;

fn trips(seen: &Seen) -> Vec<u64> {
    seen.iter().map(|statements| statements.values().sum()).collect()
}

/// Returns what a request of this operation has waited for since the tap was reset.
fn own(tap: &Tap, operation: &str) -> BTreeMap<String, u64> {
    let mut own = BTreeMap::new();
    for ((pool, statement), times) in tap.counts() {
        assert!(
            OWN.contains(&pool.as_str()) || OTHERS.contains(&pool.as_str()),
            "whose is {pool}? It asked {statement}"
        );
        let named = format!("{pool}: {statement}");
        let told = operation != TOLD.0 && named.starts_with(TOLD.1);
        if OWN.contains(&pool.as_str()) && named != WAITING && !told {
            own.insert(named, times);
        }
    }
    own
}

#[tokio::test]
async fn every_operation_makes_as_many_round_trips_as_the_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    // A process with a database; the one that is counted has another there, so that it is alone with it.
    let host = Server::start(Options::ephemeral()).await;
    sql(&host, "create database tapped").await;
    let (tap, url) = Tap::open(folder.path(), &host.database_url, "tapped");
    let options = Options::ephemeral().env("FIRSTHAND_EARNINGS_HOLD_SECONDS", "0");
    let server = Server::start(options.env("DATABASE_URL", &url)).await;
    let document = firsthand_tests::Api::anonymous(&server.base_url).get("/openapi.json").await;
    let operations = operations(&document.ok(200));
    let known: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    for (name, why) in VARIANTS.iter().chain(&UNCOUNTED) {
        assert!(known.contains(name), "there is no {name} ({why})");
    }
    let fixture = Fixture::new(&server).await;
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for operation in &operations {
        if UNCOUNTED.iter().any(|(name, _)| *name == operation.id) {
            continue;
        }
        let variants = VARIANTS.iter().filter(|(name, _)| *name == operation.id);
        for variant in [""].into_iter().chain(variants.map(|(_, variant)| *variant)) {
            let mark = if variant.is_empty() { "" } else { "?" };
            let mut of_each = Seen::new();
            for _ in 0..=TIMES {
                let call = fixture.ready(operation, variant).await;
                tap.reset();
                let reply = call.send().await;
                assert!(reply.status < 300, "{reply}");
                of_each.push(own(&tap, &operation.id));
            }
            of_each.remove(0);
            let name = format!("{}{mark}{variant}", operation.id);
            println!("{:?} {name}", trips(&of_each));
            seen.insert(name, of_each);
        }
    }
    server.stop().await;
    host.stop().await;
    let named = documented();
    let mut wrong: Vec<_> = named
        .keys()
        .filter(|name| !seen.contains_key(*name))
        .map(|name| format!("docs/http.md names {name}, which was not asked"))
        .collect();
    for (name, seen) in &seen {
        let said = named.get(name).copied().unwrap_or(1);
        if trips(seen) != [said; TIMES] {
            wrong.push(format!("{name}: {said} by docs/http.md, and found {seen:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
