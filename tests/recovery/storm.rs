//! The client-disconnect storm: writes whose connection is dropped at a random microsecond, beside clients that behave.
//!
//! Afterwards nothing that was acknowledged to those clients is missing, no database session is left in a transaction,
//! and the books are right.

use crate::acklog::{AckLog, Act};
use crate::books::Book;
use crate::checks;
use crate::clients::{CLIENT_PATIENCE, Client, Mix, Shared};
use crate::findings::Findings;
use crate::product::{Product, Site};
use crate::support::{Address, Ask, Line, Payload, Rng, alone, crowd, number, parsed, say, text};
use firsthand_tests::{binary, job, unique};
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const SEED: u64 = 0x5708_2157;
const THREADS: u64 = 8;
const GOOD_CLIENTS: u64 = 4;
const BOOKS: usize = 2;
/// Jobs of each book that the storm cancels and accepts.
const TARGETS: usize = 30;
const WORKERS: usize = 8;
/// Of the storm's creates, so many are asked for again, to the end, when it is over.
const ASKED_AGAIN: usize = 200;
/// After the end no session is left in a transaction within this.
const CALM: Duration = Duration::from_secs(1);

/// What the storm needs to know of the world.
#[derive(Clone)]
struct Targets {
    address: SocketAddr,
    books: Vec<Arc<Book>>,
    jobs: Vec<(Arc<Book>, String)>,
    workers: Vec<Arc<str>>,
    log: Arc<AckLog>,
}

/// What one thread of the storm did.
#[derive(Default)]
struct Blown {
    cut: u64,
    refused: u64,
    creates: Vec<(Arc<Book>, Ask)>,
}

/// `FIRSTHAND_STORM_REQUESTS` (2,000), `FIRSTHAND_STORM_SEED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_cost_the_others_nothing() {
    let _alone = alone();
    let (requests, seed) =
        (number("FIRSTHAND_STORM_REQUESTS", 2_000), number("FIRSTHAND_STORM_SEED", SEED));
    say(&format!("storm: begins, seed {seed:#x}, {requests} requests"));
    let mut site = Site::new(&binary::path(), &[]).expect("a site");
    let told = weathered(&site, requests, seed).await;
    if told.is_err() {
        site.keep();
    }
    let server_log = site.log_tail();
    let summary = told.unwrap_or_else(|why| {
        panic!("{why}\nleft for inspection: {}\n{server_log}", site.root().display())
    });
    say(&format!("storm: {summary}"));
}

async fn weathered(site: &Site, requests: u64, seed: u64) -> Result<String, String> {
    let log = Arc::new(
        AckLog::create(&site.root().join("acks.ndjson")).map_err(|error| error.to_string())?,
    );
    let product = site.start().await?;
    let (at, whereabouts) = watch::channel(Some(product.address.clone()));
    let line = Line::new(&whereabouts, CLIENT_PATIENCE);
    let (stop, stopped) = watch::channel(false);
    let shared = Shared {
        line: line.clone(),
        log: Arc::clone(&log),
        stop: stopped,
        seed,
        mix: Mix { approvals: 10, cancels: 20 },
    };
    let targets = targets(&shared, &product.address).await?;
    let mut good = JoinSet::new();
    for client in 0..GOOD_CLIENTS {
        let book = &targets.books[usize::try_from(client).expect("small") % BOOKS];
        good.spawn(Client::new(&shared, book, client + 1).run());
    }
    let began = Instant::now();
    let (cut, refused, creates) = blow(&targets, requests, seed).await?;
    let storm_took = began.elapsed();
    stop.send_replace(true);
    while let Some(ended) = good.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    calm(&product, Instant::now() + CALM).await?;
    if cut < requests {
        return Err(format!(
            "only {cut} of {requests} requests were made, {refused} connections were refused"
        ));
    }
    let (acked, in_doubt) = log.counts();
    if acked < 2 * GOOD_CLIENTS + BOOKS as u64 * TARGETS as u64 {
        return Err(format!("the clients beside the storm got only {acked} answers"));
    }
    let mut findings = asked_again(&line, &log, creates).await;
    // A request that was cut off may still be at work; after a stop none is.
    at.send_replace(None);
    product.stop().await?;
    site.verify().await?;
    let product = site.start().await?;
    at.send_replace(Some(product.address.clone()));
    findings.absorb(checks::books(&line, &log, &targets.books).await);
    let summary = format!(
        "{cut} requests cut in {} ms, acked to the others {acked} (in doubt {in_doubt}, files {}), lost {}, doubled {}",
        storm_took.as_millis(),
        log.files_sent(),
        findings.lost,
        findings.doubled,
    );
    if !findings.clean() {
        return Err(format!("{summary}\n  {}", findings.lines.join("\n  ")));
    }
    product.stop().await?;
    site.verify().await?;
    Ok(summary)
}

/// Books, jobs to be cancelled and accepted by the storm, and workers.
async fn targets(shared: &Shared, address: &Address) -> Result<Targets, String> {
    let mut line = shared.line.clone();
    let (mut books, mut jobs, mut workers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..BOOKS {
        let book = Book::open(&mut line, number, false).await?;
        let mut client = Client::new(shared, &book, 100 + number as u64);
        for _ in 0..TARGETS {
            let id = client.create(3, 20).await?.ok_or("a rich book was refused")?;
            jobs.push((Arc::clone(&book), id));
        }
        books.push(book);
    }
    for _ in 0..WORKERS {
        let person =
            json!({"name": "Robin Field", "email": unique::email("worker"), "region": "US-NY"});
        let worker =
            line.expect(201, &Ask::post("/internal/worker/register").json(&person)).await?;
        workers.push(text(&worker, "token")?.into());
    }
    let host = address.base_url.strip_prefix("http://").unwrap_or(&address.base_url);
    let address = host.parse().map_err(|error| format!("{host}: {error}"))?;
    Ok(Targets { address, books, jobs, workers, log: Arc::clone(&shared.log) })
}

/// The storm, on threads of its own: a timer of the async runtime counts milliseconds, and this needs microseconds.
async fn blow(
    targets: &Targets,
    requests: u64,
    seed: u64,
) -> Result<(u64, u64, Vec<(Arc<Book>, Ask)>), String> {
    let mut threads = JoinSet::new();
    for thread in 0..THREADS {
        let share = requests / THREADS + u64::from(thread < requests % THREADS);
        let (targets, rng) = (targets.clone(), Rng::lane(seed, thread));
        threads.spawn_blocking(move || gusts(&targets, thread, share, rng));
    }
    let (mut cut, mut refused, mut creates) = (0, 0, Vec::new());
    while let Some(blown) = threads.join_next().await {
        let blown = blown.map_err(|error| error.to_string())?;
        cut += blown.cut;
        refused += blown.refused;
        creates.extend(blown.creates);
    }
    Ok((cut, refused, creates))
}

fn gusts(targets: &Targets, thread: u64, share: u64, mut rng: Rng) -> Blown {
    let mut blown = Blown::default();
    for number in 0..share {
        let (book, ask) = write_request(targets, &format!("s{thread}-{number}"), &mut rng);
        if ask.path == "/v1/jobs" {
            targets.log.asked(&book, &ask);
            blown.creates.push((book, ask.clone()));
        }
        let bytes = on_the_wire(&ask, targets.address);
        for _ in 0..100 {
            match cut_off(targets.address, &bytes, &mut rng) {
                Ok(()) => {
                    blown.cut += 1;
                    break;
                }
                Err(_) => blown.refused += 1,
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    blown
}

/// Sends a request, or a part of it, and hangs up some microseconds later. An error says that no connection was made.
fn cut_off(address: SocketAddr, bytes: &[u8], rng: &mut Rng) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let part = if rng.percent(10) { rng.index(bytes.len()) } else { bytes.len() };
    let sent = stream.write_all(&bytes[..part]);
    if let Err(error) = sent
        && !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
    {
        return Err(error);
    }
    let micros = match rng.between(0, 9) {
        0..5 => rng.between(0, 1_000),
        5..9 => rng.between(1_000, 5_000),
        _ => rng.between(5_000, 30_000),
    };
    std::thread::sleep(Duration::from_micros(micros));
    Ok(())
}

/// Mostly creates; the rest are the other writes that a buyer and a worker make.
fn write_request(targets: &Targets, name: &str, rng: &mut Rng) -> (Arc<Book>, Ask) {
    let (book, job) = &targets.jobs[rng.index(targets.jobs.len())];
    let worker = &targets.workers[rng.index(targets.workers.len())];
    let ask = match rng.between(0, 99) {
        0..65 => {
            let fields = json!({"metadata": {"key": name, "client": "storm"}});
            Ask::post("/v1/jobs").by(&book.token).json(&job::photos_with(1, 20, &fields))
        }
        65..77 => Ask::post(format!("/v1/jobs/{job}/cancel")).by(&book.token),
        77..85 => Ask::post(format!("/internal/worker/jobs/{job}/accept")).by(worker),
        85..92 => Ask::post("/v1/api_keys")
            .by(&book.token)
            .json(&json!({"name": name, "scopes": ["jobs:read"]})),
        92..97 => {
            let person =
                json!({"name": "Robin Field", "email": unique::email("storm"), "region": "US-NY"});
            Ask::post("/internal/worker/register").json(&person)
        }
        _ => Ask::post("/v1/auth/signup")
            .json(&json!({"name": "Storm Ltd", "email": unique::email("storm")})),
    };
    (Arc::clone(book), ask.keyed(name))
}

fn on_the_wire(ask: &Ask, host: SocketAddr) -> Vec<u8> {
    let body = match &ask.payload {
        Payload::Json(text) => text.as_str(),
        Payload::Nothing | Payload::File(_) => "",
    };
    let line = |name: &str, value: Option<&str>| {
        value.map(|v| format!("{name}: {v}\r\n")).unwrap_or_default()
    };
    let bearer = ask.token.as_ref().map(|token| format!("Bearer {token}"));
    let kind = (!body.is_empty()).then_some("application/json");
    [
        format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", ask.method, ask.path),
        line("authorization", bearer.as_deref()),
        line("idempotency-key", ask.key.as_deref()),
        line("content-type", kind),
        format!("content-length: {}\r\n\r\n{body}", body.len()),
    ]
    .concat()
    .into_bytes()
}

/// No session of the database is left in a transaction. A single look may meet a transaction of the background work
/// between two of its statements; a session that a hung-up client left behind stays.
async fn calm(product: &Product, deadline: Instant) -> Result<(), String> {
    const SESSIONS: &str = "select count(*) filter (where state like 'idle in transaction%'), \
        count(*) filter (where state is null), count(*) \
        from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
    let connected = tokio_postgres::connect(&product.database_url, tokio_postgres::NoTls).await;
    let (client, connection) =
        connected.map_err(|error| format!("{}: {error}", product.database_url))?;
    tokio::spawn(connection);
    loop {
        let row = client.query_one(SESSIONS, &[]).await.map_err(|error| error.to_string())?;
        let (idle, hidden, all): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        if hidden > 0 || all == 0 {
            return Err(format!(
                "of {all} database sessions {hidden} hide their state: this check sees nothing"
            ));
        }
        if idle == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{idle} of {all} database sessions are idle in a transaction {CALM:?} after the end"
            ));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Asks for some of the storm's creates again, with their keys, to the end: each is one job, whether the first attempt
/// had its effect or not.
async fn asked_again(
    line: &Line,
    log: &Arc<AckLog>,
    mut creates: Vec<(Arc<Book>, Ask)>,
) -> Findings {
    creates.truncate(ASKED_AGAIN);
    let (line, log) = (line.clone(), Arc::clone(log));
    let each = crowd(creates, checks::WIDTH, move |(book, ask): (Arc<Book>, Ask)| {
        let (mut line, log) = (line.clone(), Arc::clone(&log));
        async move {
            let mut findings = Findings::default();
            let asked = async {
                let answer = line.finally(&ask).await?;
                if answer.reply.status != 201 {
                    return Err(answer.reply.to_string());
                }
                let id = text(&parsed(&answer.reply)?, "id")?.to_owned();
                log.acknowledged(&book, ask, Act::Created(id), &answer);
                Ok(())
            };
            if let Err(why) = asked.await {
                findings.wrong(why);
            }
            findings
        }
    })
    .await;
    checks::gathered(each)
}
