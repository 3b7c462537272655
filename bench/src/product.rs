//! The product, as a buyer and an operator see it: its binary, its ready line, its HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::http::{Connection, Request};
use crate::load::{Dice, Template};
use crate::service::{Service, mortal};

/// Where jobs are created.
pub(crate) const JOBS: &str = "/v1/jobs";
/// The job that every contestant creates.
pub(crate) const JOB: &str = r#"{"type":"data_collection","description":"Photos of street signs in daylight","files_needed":1,"accepted_formats":["image/jpeg"],"price_per_file_cents":10}"#;
/// What it holds of the book's credits.
pub(crate) const JOB_CENTS: u64 = 10;
/// What each book gets: more than any run spends, and it lifts the free tier's limit of one job.
const GRANT_CENTS: u64 = 1_000_000_000;
/// How many books are opened at once.
const OPENING_CONNECTIONS: usize = 256;

/// Builds the product in release mode and returns its binary, or takes the one that is given.
pub(crate) async fn binary(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(binary) = given {
        ensure!(binary.is_file(), "{} is no file", binary.display());
        return Ok(binary.canonicalize()?);
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "-p", "firsthand-server"])
        .current_dir(workspace)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .context("could not run cargo")?;
    ensure!(status.success(), "the product does not build");
    let bench = std::env::current_exe()?;
    let target = bench.parent().and_then(Path::parent).context("no target directory")?;
    let binary = target.join("release/firsthand");
    ensure!(binary.is_file(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// Where the product keeps what is not in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'a> {
    /// Nowhere for long: `--ephemeral`.
    Ephemeral,
    /// In this directory, so that it can be started again.
    Kept(&'a Path),
}

/// A running product.
#[derive(Debug)]
pub(crate) struct Product {
    service: Service,
    address: SocketAddr,
    operator_token: String,
}

/// A funded live book and the key to it.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    api_key: String,
}

impl Product {
    /// Starts the binary on a database, unlimited, on a free port.
    pub(crate) async fn start(
        binary: &Path,
        database_url: &str,
        data: Data<'_>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = mortal(binary.as_os_str(), "TERM", &[]);
        command.args(["dev", "--listen", "127.0.0.1:0", "--json"]);
        match data {
            Data::Ephemeral => command.arg("--ephemeral"),
            Data::Kept(folder) => command.arg("--data").arg(folder),
        };
        command.env("DATABASE_URL", database_url).env("FIRSTHAND_RATE_LIMITS", "off");
        if let Some(folder) = log.parent() {
            command.current_dir(folder);
        }
        let service = Service::start(command, log).await.context("firsthand dev")?;
        let address = service.address()?;
        let operator_token = service.announced("operator_token")?.to_owned();
        Ok(Self { service, address, operator_token })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        self.service.stop();
    }

    /// Signs up `count` organizations named after `name` and grants each its credits.
    pub(crate) async fn open_books(&self, name: &str, count: usize) -> anyhow::Result<Vec<Book>> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut openers = JoinSet::new();
        for _ in 0..OPENING_CONNECTIONS.min(count) {
            let next = Arc::clone(&next);
            let (address, name) = (self.address, name.to_owned());
            let operator_token = self.operator_token.clone();
            openers.spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut books = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return anyhow::Ok(books);
                    }
                    let holder = format!("{name}-{index}");
                    books.push(open(&mut connection, address, &operator_token, &holder).await?);
                }
            });
        }
        let mut books = Vec::with_capacity(count);
        while let Some(opened) = openers.join_next().await {
            books.extend(opened??);
        }
        Ok(books)
    }

    /// Renders the creation of a job in each of `books`.
    pub(crate) fn templates(&self, books: &[Book]) -> anyhow::Result<Arc<[Template]>> {
        books.iter().map(|book| self.template(book)).collect()
    }

    /// Renders the creation of a job in one book.
    pub(crate) fn template(&self, book: &Book) -> anyhow::Result<Template> {
        Template::post(self.address, JOBS, &book.api_key, JOB)
    }

    /// Makes one call with a book's key, outside a measurement, and returns its JSON body.
    pub(crate) async fn call(
        &self,
        book: &Book,
        (method, path): (&'static str, &str),
        body: &str,
        expected: u16,
    ) -> anyhow::Result<Value> {
        let mut connection = Connection::open(self.address).await?;
        let key = (method != "GET").then(|| Dice::new().key());
        let bearer = Some(book.api_key());
        let request = Request { method, path, bearer, idempotency_key: key.as_deref(), body };
        connection.call(self.address, request, expected).await
    }

    /// Returns a book's spendable balance.
    pub(crate) async fn available_cents(&self, book: &Book) -> anyhow::Result<u64> {
        let balance = self.call(book, ("GET", "/v1/billing/credits"), "", 200).await?;
        let available = balance.get("available_cents").and_then(Value::as_u64);
        available.with_context(|| format!("a balance without available_cents: {balance}"))
    }
}

impl Book {
    /// Returns the key to it.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }
}

/// Signs one organization up and funds it.
async fn open(
    connection: &mut Connection,
    address: SocketAddr,
    operator_token: &str,
    holder: &str,
) -> anyhow::Result<Book> {
    let sign_up = json!({"name": holder, "email": format!("{holder}@example.com")}).to_string();
    let request = Request {
        method: "POST",
        path: "/v1/auth/signup",
        bearer: None,
        idempotency_key: None,
        body: &sign_up,
    };
    let signed_up = connection.call(address, request, 200).await?;
    let field = |name: &str| {
        let text = signed_up.get(name).and_then(Value::as_str).map(str::to_owned);
        text.with_context(|| format!("a sign-up without {name}"))
    };
    let (organization_id, api_key) = (field("organization_id")?, field("api_key")?);
    let grant = json!({
        "organization_id": organization_id,
        "environment": "live",
        "amount_cents": GRANT_CENTS,
        "reason": "bench",
    });
    let request = Request {
        method: "POST",
        path: "/internal/operator/grants",
        bearer: Some(operator_token),
        idempotency_key: Some(&Dice::new().key()),
        body: &grant.to_string(),
    };
    connection.call(address, request, 201).await?;
    Ok(Book { api_key })
}
