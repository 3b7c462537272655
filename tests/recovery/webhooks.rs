//! Webhooks under kills: events to endpoints while the server and its database die, again and again.
//!
//! Clients make events, receivers in this process take them, and at random points of the delivery processes are killed.
//! When all has settled, what the receivers saw, what the product tells and what the clients know must agree.

use crate::books::Book;
use crate::clients::CLIENT_PATIENCE;
use crate::faults::Fault;
use crate::findings::{Findings, by};
use crate::product::{Product, Site};
use crate::support::{Address, Ask, Line, Rng, alone, crowd, number, say, text};
use crate::webhooks_checks::{self as checks, Evidence, Repeated};
use crate::webhooks_evidence::{self as evidence, Endpoint, Entry};
use crate::webhooks_order::{Ordered, order};
use crate::webhooks_receivers::Receivers;
use crate::webhooks_records::{MOST_ENDPOINTS, Progress};
use crate::webhooks_report::{Report, Stop, clean, one};
use crate::webhooks_writers::{Writers, Written, plan};
use crate::{webhooks_log, webhooks_records::Records};
use firsthand_tests::binary;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// The seed of a run that names none. Its first four kills are of all three kinds, from beginning to end.
const SEED: u64 = 0x3EB_4045;
/// The waits of the product's six attempts.
const RETRY_MS: &str = "0,200,400,800,1600,3200";
/// Requests that an endpoint takes at a time.
const MAX_IN_FLIGHT: u64 = 8;
/// No delivery for so long means that none comes any more. Longer than any lease, and than the probation of an endpoint.
const STALL: Duration = Duration::from_secs(90);
/// What follows the deliveries at a distance must have caught up with them within this.
const CATCH_UP: Duration = Duration::from_secs(15);
/// Between two looks at what is pending.
const LOOK: Duration = Duration::from_millis(250);
/// Endpoints whose logs are read at the same time.
const WIDTH: usize = 8;
/// Events whose own list of attempts is compared with the endpoints' lists.
const SAMPLE: usize = 25;

/// What to run.
#[derive(Debug, Clone, Copy)]
struct Plan {
    events: u64,
    endpoints: usize,
    kills: u64,
    seed: u64,
}

struct Driver {
    plan: Plan,
    site: Site,
    chance: Rng,
    at: watch::Sender<Option<Address>>,
    line: Line,
    receivers: Receivers,
    report: Report,
}

/// `FIRSTHAND_WEBHOOK_EVENTS` (400), `FIRSTHAND_WEBHOOK_ENDPOINTS` (20), `FIRSTHAND_WEBHOOK_KILLS` (4),
/// `FIRSTHAND_WEBHOOK_SEED`. A full run has 20,000 events and 10 kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_comes_to_every_endpoint_whatever_is_killed() {
    let _alone = alone();
    let endpoints = number("FIRSTHAND_WEBHOOK_ENDPOINTS", 20);
    let plan = Plan {
        events: number("FIRSTHAND_WEBHOOK_EVENTS", 400),
        endpoints: usize::try_from(endpoints).expect("a small number"),
        kills: number("FIRSTHAND_WEBHOOK_KILLS", 4),
        seed: number("FIRSTHAND_WEBHOOK_SEED", SEED),
    };
    assert!(plan.events > 0 && (1..=MOST_ENDPOINTS).contains(&plan.endpoints), "{plan:?}");
    say(&format!("webhooks: begins, {plan:?}"));
    let report = run(plan).await.expect("the harness works");
    say(&format!("webhooks: {report}"));
    assert!(report.violation.is_none(), "{report}");
    // A run that put nothing at risk proves nothing.
    assert_eq!(report.kills.iter().sum::<u64>(), plan.kills);
    if report.deliveries > 1_000 {
        assert!(plan.kills == 0 || report.repeated.unknown > 0, "no kill met a request: {report}");
        assert!(report.failures > 0 && report.hung_up > 0, "no receiver failed: {report}");
    }
}

/// Runs a plan. An error means that the harness itself could not work; what the product did is in the report.
async fn run(plan: Plan) -> anyhow::Result<Report> {
    let site = Site::new(&binary::path(), &[("FIRSTHAND_WEBHOOK_RETRY_MS", RETRY_MS)])?;
    let (at, whereabouts) = watch::channel(None);
    let report = Report { seed: plan.seed, endpoints: plan.endpoints, ..Report::default() };
    let mut driver = Driver {
        plan,
        site,
        chance: Rng::lane(plan.seed, 1),
        at,
        line: Line::new(&whereabouts, CLIENT_PATIENCE),
        receivers: Receivers::open(plan.endpoints, plan.seed).await?,
        report,
    };
    let began = Instant::now();
    let outcome = driver.all().await;
    driver.report.wall = began.elapsed();
    driver.report.saw(&driver.receivers.records());
    if let Err(stop) = outcome {
        driver.site.keep();
        driver.report.violation = Some(stop);
        driver.report.left =
            format!("{}\n{}", driver.site.root().display(), driver.site.log_tail());
    }
    Ok(driver.report)
}

impl Driver {
    async fn all(&mut self) -> Result<(), Stop> {
        let mut product = self.up("first start").await?;
        let setting = self.set_the_stage().await.map_err(|why| one("the stage", why))?;
        let (book, writers, endpoints, baseline) = setting;
        let jobs = plan(self.plan.events, &mut Rng::lane(self.plan.seed, 2));
        let mut writing = tokio::spawn(writers.write(jobs));
        for threshold in self.thresholds() {
            self.delivered(threshold, &mut writing).await?;
            product = self.killed(product).await?;
        }
        let restarted = Instant::now();
        let written = written(writing).await?;
        self.settled(&book, &written).await?;
        self.report.settled = restarted.elapsed();
        self.checked(&book, endpoints, baseline.as_deref(), written).await?;
        self.at.send_replace(None);
        product.stop().await.map_err(|why| one("SIGTERM", why))?;
        let (seen, now) = (self.report.requests, self.receivers.records().progress().requests);
        if seen != now {
            let more = format!("{} requests after all was settled", now - seen);
            return Err(one("the end of the deliveries", more));
        }
        self.site.verify().await.map_err(|why| one("verify", why))
    }

    async fn up(&mut self, what: &'static str) -> Result<Product, Stop> {
        let product = self.site.start().await.map_err(|why| one(what, why))?;
        self.at.send_replace(Some(product.address.clone()));
        Ok(product)
    }

    /// A book, its writers and its endpoints, and the last event before there were any.
    async fn set_the_stage(
        &mut self,
    ) -> Result<(Arc<Book>, Writers, Vec<Endpoint>, Option<String>), String> {
        let book = Book::open(&mut self.line, 0, false).await?;
        let writers = Writers::new(&self.at.subscribe(), &book).await?;
        let before = evidence::feed(&mut self.line, &book.token, None).await?;
        let baseline = before.last().map(|event| event.id.clone());
        let mut endpoints = Vec::new();
        for (index, url) in self.receivers.urls.iter().enumerate() {
            let ordered = index % 2 == 0;
            let wanted = json!({
                "url": url,
                "events": ["*"],
                "ordering": if ordered { "per_job" } else { "none" },
                "max_in_flight": MAX_IN_FLIGHT,
            });
            let ask = Ask::post("/v1/webhook_endpoints")
                .by(&book.token)
                .keyed(&format!("endpoint-{index}"))
                .json(&wanted);
            let id = text(&self.line.expect(201, &ask).await?, "id")?.to_owned();
            endpoints.push(Endpoint { id, ordered, max_in_flight: MAX_IN_FLIGHT });
        }
        Ok((book, writers, endpoints, baseline))
    }

    /// After how many deliveries each kill comes: while much is still to be delivered.
    fn thresholds(&mut self) -> Vec<u64> {
        let all = self.plan.events * self.plan.endpoints as u64;
        let mut thresholds: Vec<u64> =
            (0..self.plan.kills).map(|_| all * self.chance.between(20, 900) / 1_000).collect();
        thresholds.sort_unstable();
        thresholds
    }

    /// Waits for so many deliveries.
    async fn delivered(
        &self,
        threshold: u64,
        writing: &mut JoinHandle<Result<Vec<Written>, String>>,
    ) -> Result<(), Stop> {
        let mut progress = self.receivers.progress();
        loop {
            let seen = *progress.borrow_and_update();
            if seen.delivered >= threshold {
                return Ok(());
            }
            if timeout(STALL, progress.changed()).await.is_err() {
                if writing.is_finished() {
                    written(writing).await?;
                }
                return Err(stalled(&format!("{threshold} deliveries"), seen));
            }
        }
    }

    /// One kill, at the moment that the drawn number of deliveries makes, and a restart.
    async fn killed(&mut self, product: Product) -> Result<Product, Stop> {
        let fault = Fault::drawn(&mut self.chance);
        let data = self.site.data();
        let hit = fault.strike(product, &data, &mut self.chance).await;
        self.at.send_replace(None);
        hit.map_err(|why| one("the fault", format!("{fault:?}: {why}")))?;
        let product = self.up("restart").await?;
        self.report.survived(fault);
        Ok(product)
    }

    /// Waits until nothing is owed any more.
    async fn settled(&mut self, book: &Book, written: &[Written]) -> Result<(), Stop> {
        let events: u64 = written.iter().map(|job| job.flags + 1).sum();
        let owed = events * self.plan.endpoints as u64;
        let mut progress = self.receivers.progress();
        let mut last = (Progress::default(), Instant::now());
        loop {
            // The list is asked for only when it may be empty: the product has enough to do.
            timeout(CATCH_UP, progress.wait_for(|seen| seen.delivered >= owed)).await.ok();
            let pending = evidence::with_status(&mut self.line, &book.token, "pending").await;
            let pending = pending.map_err(|why| one("pending events", why))?;
            let seen = *progress.borrow_and_update();
            if pending.is_empty() && seen.delivered >= owed {
                return Ok(());
            }
            if seen != last.0 {
                last = (seen, Instant::now());
            }
            match (pending.is_empty(), last.1.elapsed()) {
                // Nothing is said to be owed: the checks tell what has not come.
                (true, idle) if idle > CATCH_UP => return Ok(()),
                (false, idle) if idle > STALL => {
                    return Err(stalled(&format!("{owed} deliveries, pending {pending:?}"), seen));
                }
                _ => (),
            }
            timeout(LOOK, progress.changed()).await.ok();
        }
    }

    /// All checks, repeated while what is told may still follow what happened.
    async fn checked(
        &mut self,
        book: &Book,
        endpoints: Vec<Endpoint>,
        baseline: Option<&str>,
        written: Vec<Written>,
    ) -> Result<(), Stop> {
        let deadline = Instant::now() + CATCH_UP;
        let kills = self.report.processes_killed();
        let mut told = Evidence { endpoints, written, kills, ..Evidence::default() };
        let findings = by(deadline, async || {
            told.feed = evidence::feed(&mut self.line, &book.token, baseline).await?;
            told.log = self.logs(book, &told.endpoints).await?;
            let mut findings = self.unsettled(book).await?;
            findings.absorb(self.judged(&told));
            findings.absorb(self.sampled(book, &told).await?);
            Ok(findings)
        });
        let findings = findings.await;
        clean("what was delivered", findings)
    }

    /// The attempt logs of all endpoints.
    async fn logs(&self, book: &Book, endpoints: &[Endpoint]) -> Result<Vec<Entry>, String> {
        let places = Arc::new(places(endpoints));
        let paths =
            endpoints.iter().map(|one| format!("/v1/webhook_endpoints/{}/attempts", one.id));
        let (line, token) = (self.line.clone(), Arc::clone(&book.token));
        let each = crowd(paths.collect(), WIDTH, move |path: String| {
            let (mut line, token, places) = (line.own(), Arc::clone(&token), Arc::clone(&places));
            async move { evidence::attempts(&mut line, &token, &path, &places).await }
        });
        let logs: Result<Vec<_>, String> = each.await.into_iter().collect();
        Ok(logs?.into_iter().flatten().collect())
    }

    /// Nothing failed for good and nothing was skipped.
    async fn unsettled(&mut self, book: &Book) -> Result<Findings, String> {
        let mut findings = Findings::default();
        for status in ["pending", "failed", "skipped"] {
            for event in evidence::with_status(&mut self.line, &book.token, status).await? {
                findings.undone(format!("an event's delivery is {status}: {event}"));
            }
        }
        Ok(findings)
    }

    fn judged(&mut self, told: &Evidence) -> Findings {
        let records = self.receivers.records();
        let (repeated, ordered, findings) = judge(told, &records);
        self.report.requests = records.progress().requests;
        drop(records);
        self.report.told(told, repeated, ordered);
        findings
    }

    /// Some events' own lists of attempts.
    async fn sampled(&mut self, book: &Book, told: &Evidence) -> Result<Findings, String> {
        let mut findings = Findings::default();
        let places = places(&told.endpoints);
        for _ in 0..SAMPLE.min(told.feed.len()) {
            let event = &told.feed[self.chance.index(told.feed.len())].id;
            let path = format!("/v1/webhook_events/{event}/attempts");
            let own = evidence::attempts(&mut self.line, &book.token, &path, &places).await?;
            findings.absorb(webhooks_log::same_of_event(told, event, &own));
        }
        Ok(findings)
    }
}

/// All judgements on what was seen and what is told.
fn judge(told: &Evidence, records: &Records) -> (Repeated, Ordered, Findings) {
    let mut findings = checks::feed(told);
    findings.absorb(checks::deliveries(told, records));
    findings.absorb(checks::bodies(told, records));
    let (repeated, found) = checks::repetitions(told, records);
    findings.absorb(found);
    let (ordered, found) = order(told, records);
    findings.absorb(found);
    findings.absorb(webhooks_log::same(told, records));
    (repeated, ordered, findings)
}

fn places(endpoints: &[Endpoint]) -> BTreeMap<String, usize> {
    endpoints.iter().enumerate().map(|(place, one)| (one.id.clone(), place)).collect()
}

async fn written(
    writing: impl Future<Output = Result<Result<Vec<Written>, String>, tokio::task::JoinError>>,
) -> Result<Vec<Written>, Stop> {
    let ended = writing.await.map_err(|failed| one("the writers", failed.to_string()))?;
    ended.map_err(|why| one("the answers to the writers", why))
}

fn stalled(wanted: &str, seen: Progress) -> Stop {
    let mut findings = Findings::default();
    findings.undone(format!("nothing new for {STALL:?}; wanted {wanted}, have {seen:?}"));
    Stop { check: "the deliveries go on", findings }
}
