//! The crash driver: clients work, processes die, the service comes back, and its books must be right.
//!
//! It stops at the first check that finds something. Each block of cycles has books of its own, so that a check costs
//! what its block did; all earlier books are checked again at the end.

use crate::acklog::AckLog;
use crate::books::Book;
use crate::clients::{CLIENT_PATIENCE, Client, Mix, Shared};
use crate::faults::Fault;
use crate::findings::Findings;
use crate::product::{Product, Site};
use crate::report::{Report, Violation};
use crate::support::{Address, Doing, Line, Rng};
use crate::{checks, media_checks};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// After the last fault every client has its answer within this.
const CLIENTS_FINISH: Duration = Duration::from_secs(10);
/// After the last fault every file is scored and delivered within this.
const TASKS_FINISH: Duration = Duration::from_secs(15);
/// A check on a server that nobody troubles gives up on a request after this.
const CHECK_PATIENCE: Duration = Duration::from_secs(10);
/// All checks of a block.
const CHECKS_LIMIT: Duration = Duration::from_secs(1_800);
/// The book of each client, eight in all: one hot book, one with two writers, two quiet ones and a lean one.
const BOOK_OF_CLIENT: [usize; 8] = [0, 0, 0, 1, 1, 2, 3, 4];
const BOOKS: usize = 5;
const LEAN_BOOK: usize = 4;

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How many faults.
    pub(crate) cycles: u64,
    /// After how many of them everything is checked.
    pub(crate) check_every: u64,
    /// Decides the faults, their times and what each client does; not how the machine interleaves them.
    pub(crate) seed: u64,
    /// The product.
    pub(crate) binary: PathBuf,
    /// The bug that is built into the product, if one is.
    pub(crate) canary: Option<&'static str>,
}

/// A check's name, and what it found.
type Stop = (&'static str, Findings);

struct Driver {
    plan: Plan,
    site: Site,
    log: Arc<AckLog>,
    chance: Rng,
    at: watch::Sender<Option<Address>>,
    checker: Line,
    books: Vec<Arc<Book>>,
    clients: u64,
    report: Report,
}

/// The clients of a block.
struct Crew {
    tasks: JoinSet<Result<(), String>>,
    doing: Vec<Doing>,
    stop: watch::Sender<bool>,
}

/// Runs a plan. An error means that the harness itself could not work; what the product did is in the report.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    anyhow::ensure!(
        plan.cycles > 0 && plan.check_every > 0,
        "a plan without cycles checks nothing"
    );
    let env: Vec<(&str, &str)> =
        plan.canary.iter().map(|canary| ("FIRSTHAND_CANARY", *canary)).collect();
    let site = Site::new(&plan.binary, &env)?;
    let log = Arc::new(AckLog::create(&site.root().join("acks.ndjson"))?);
    let (at, whereabouts) = watch::channel(None);
    let mut driver = Driver {
        plan: plan.clone(),
        site,
        log,
        chance: Rng::lane(plan.seed, 1),
        at,
        checker: Line::new(&whereabouts, CHECK_PATIENCE),
        books: Vec::new(),
        clients: 0,
        report: Report { seed: plan.seed, ..Report::default() },
    };
    let began = Instant::now();
    let outcome = driver.all().await;
    let mut report = driver.report;
    report.wall = began.elapsed();
    (report.acked, report.in_doubt) = driver.log.counts();
    report.files = driver.log.files_sent();
    if let Err((check, findings)) = outcome {
        driver.site.keep();
        let (site, server_log) = (driver.site.root().to_path_buf(), driver.site.log_tail());
        report.violation =
            Some(Violation { cycle: report.cycles, check, findings, site, server_log });
    }
    Ok(report)
}

impl Driver {
    async fn all(&mut self) -> Result<(), Stop> {
        let mut product = self.up("first start").await?;
        while self.report.cycles < self.plan.cycles {
            product = self.block(product).await?;
        }
        let latest = self.books.len() - BOOKS;
        let earlier: Vec<_> = self.books.drain(..latest).collect();
        self.checked(&earlier).await?;
        self.verified(product).await
    }

    /// Some cycles and all checks; returns with a server that was stopped and started again.
    async fn block(&mut self, mut product: Product) -> Result<Product, Stop> {
        let books = self.open_books().await.map_err(|why| one("new books", why))?;
        let mut crew = self.crew(&books);
        let last = self.plan.cycles.min(self.report.cycles + self.plan.check_every);
        let mut struck = Instant::now();
        while self.report.cycles < last {
            (product, struck) = self.cycle(product).await?;
            crew.well()?;
        }
        crew.finish(struck + CLIENTS_FINISH).await?;
        let undone =
            media_checks::settled(&self.checker, &self.log, &books, struck + TASKS_FINISH).await;
        clean("every file is scored and delivered", undone)?;
        self.verified(product).await?;
        let product = self.up("start after a stop").await?;
        self.checked(&books).await?;
        Ok(product)
    }

    /// A while of work, a fault, a restart. Returns when the fault struck, too.
    async fn cycle(&mut self, product: Product) -> Result<(Product, Instant), Stop> {
        sleep(Duration::from_millis(self.chance.between(150, 900))).await;
        let fault = Fault::drawn(&mut self.chance);
        let data = self.site.data();
        let hit = fault.strike(product, &data, &mut self.chance).await;
        self.at.send_replace(None);
        hit.map_err(|why| one("the fault", format!("{fault:?}: {why}")))?;
        let struck = Instant::now();
        let product = self.up("restart").await?;
        self.report.survived(fault, product.took);
        Ok((product, struck))
    }

    async fn up(&mut self, what: &'static str) -> Result<Product, Stop> {
        let product = self.site.start().await.map_err(|why| one(what, why))?;
        self.at.send_replace(Some(product.address.clone()));
        Ok(product)
    }

    /// Stops the server and has the product re-derive everything.
    async fn verified(&mut self, product: Product) -> Result<(), Stop> {
        self.at.send_replace(None);
        product.stop().await.map_err(|why| one("SIGTERM", why))?;
        self.site.verify().await.map_err(|why| one("verify", why))
    }

    async fn checked(&mut self, books: &[Arc<Book>]) -> Result<(), Stop> {
        let checking = checks::books(&self.checker, &self.log, books);
        let findings = timeout(CHECKS_LIMIT, checking).await;
        clean(
            "the books",
            findings
                .map_err(|_| one("the books", format!("not checked within {CHECKS_LIMIT:?}")))?,
        )
    }

    async fn open_books(&mut self) -> Result<Vec<Arc<Book>>, String> {
        let mut books = Vec::new();
        for number in 0..BOOKS {
            books.push(
                Book::open(&mut self.checker, self.books.len() + number, number == LEAN_BOOK)
                    .await?,
            );
        }
        self.books.extend(books.iter().cloned());
        Ok(books)
    }

    fn crew(&mut self, books: &[Arc<Book>]) -> Crew {
        let (stop, stopped) = watch::channel(false);
        let shared = Shared {
            line: Line::new(&self.at.subscribe(), CLIENT_PATIENCE),
            log: Arc::clone(&self.log),
            stop: stopped,
            seed: self.plan.seed,
            mix: Mix { approvals: 20, cancels: 18 },
        };
        let mut crew = Crew { tasks: JoinSet::new(), doing: Vec::new(), stop };
        for book in BOOK_OF_CLIENT {
            self.clients += 1;
            let client = Client::new(&shared, &books[book], self.clients);
            crew.doing.push(client.line.doing());
            crew.tasks.spawn(client.run());
        }
        crew
    }
}

impl Crew {
    /// No client has seen a wrong answer so far.
    fn well(&mut self) -> Result<(), Stop> {
        let mut findings = Findings::default();
        while let Some(ended) = self.tasks.try_join_next() {
            findings.wrong(match ended {
                Ok(Err(why)) => why,
                Ok(Ok(())) => "a client has ended without being told to".to_owned(),
                Err(failed) => format!("a client panicked: {failed}"),
            });
        }
        clean("the answers to the clients", findings)
    }

    /// Tells the clients to stop; all must have come to the end of what they were at by the deadline.
    async fn finish(mut self, deadline: Instant) -> Result<(), Stop> {
        self.stop.send_replace(true);
        let mut findings = Findings::default();
        loop {
            match timeout_at(deadline, self.tasks.join_next()).await {
                Ok(None) => break,
                Ok(Some(Ok(Ok(())))) => (),
                Ok(Some(Ok(Err(why)))) => findings.wrong(why),
                Ok(Some(Err(failed))) => findings.wrong(format!("a client panicked: {failed}")),
                Err(_) => {
                    let still = |doing: &Doing| doing.lock().expect("no panic while held").clone();
                    let stuck: Vec<String> =
                        self.doing.iter().map(still).filter(|text| !text.is_empty()).collect();
                    findings.wrong(format!(
                        "not finished {CLIENTS_FINISH:?} after the last fault: {stuck:?}"
                    ));
                    break;
                }
            }
        }
        clean("every client finishes", findings)
    }
}

fn clean(check: &'static str, findings: Findings) -> Result<(), Stop> {
    if findings.clean() { Ok(()) } else { Err((check, findings)) }
}

fn one(check: &'static str, why: String) -> Stop {
    let mut findings = Findings::default();
    findings.wrong(why);
    (check, findings)
}
