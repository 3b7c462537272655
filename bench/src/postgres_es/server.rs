//! The rival's service: axum in front of postgres-es, in its own process like the product.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use clap::Args;
use cqrs_es::persist::GenericQuery;
use cqrs_es::{Aggregate, AggregateError, Query, View};
use postgres_es::{PostgresCqrs, PostgresViewRepository, postgres_cqrs};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::domain::{Credits, CreditsCommand, Job, JobCommand, JobDetails, Refusal};
use super::{GRANT_CENTS, account_id};

/// As many as pgbench has clients: measured faster than the ten of postgres-es' own helper, and
/// than a hundred.
const POOL_CONNECTIONS: u32 = 32;
/// A command that meets so many conflicts in a row is given up.
const ATTEMPTS_MAX: u32 = 1_000;
/// A retry waits for a random time below this, doubled with each conflict up to the maximum.
const RETRY_PAUSE_US: u64 = 2_000;
const RETRY_PAUSE_US_MAX: u64 = 512_000;

/// The tables as postgres-es' `db/init.sql` has them, and one view table per aggregate.
const SCHEMA: &str = "
    create table events (
        aggregate_type text not null,
        aggregate_id text not null,
        sequence bigint check (sequence >= 0) not null,
        event_type text not null,
        event_version text not null,
        payload json not null,
        metadata json not null,
        primary key (aggregate_type, aggregate_id, sequence)
    );
    create table job_view (
        view_id text not null,
        version bigint check (version >= 0) not null,
        payload json not null,
        primary key (view_id)
    );
    create table credits_view (
        view_id text not null,
        version bigint check (version >= 0) not null,
        payload json not null,
        primary key (view_id)
    );";

/// What the rival is started with.
#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// An empty database.
    #[arg(long)]
    database_url: String,
    /// How many accounts to open and fund before it is ready.
    #[arg(long)]
    accounts: usize,
    /// Keep a view of each job and account, as the guide of cqrs-es teaches, so that they can be
    /// read.
    #[arg(long)]
    views: bool,
}

/// What a handler needs.
struct Rival {
    jobs: PostgresCqrs<Job>,
    credits: PostgresCqrs<Credits>,
    conflicts: AtomicU64,
}

/// Runs the rival until it is killed.
pub(crate) fn serve(options: &ServerOptions) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(options))
}

async fn run(options: &ServerOptions) -> anyhow::Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(POOL_CONNECTIONS)
        .connect(&options.database_url)
        .await
        .context("the rival's database")?;
    sqlx::raw_sql(SCHEMA).execute(&pool).await.context("the rival's tables")?;
    let jobs = views::<Job>(options, "job_view", &pool);
    let credits = views::<Credits>(options, "credits_view", &pool);
    let rival = Arc::new(Rival {
        jobs: postgres_cqrs(pool.clone(), jobs, ()),
        credits: postgres_cqrs(pool, credits, ()),
        conflicts: AtomicU64::new(0),
    });
    fund(&rival, options.accounts).await?;
    let router = Router::new()
        .route("/v1/jobs", post(create_job))
        .route("/conflicts", get(conflicts))
        .with_state(rival);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"base_url": format!("http://{}", listener.local_addr()?)}));
    let listener = listener.tap_io(|stream| {
        // Without it the rival would wait for acknowledgements; best effort, as the default is.
        drop(stream.set_nodelay(true));
    });
    axum::serve(listener, router).await.context("the rival's listener")
}

/// Returns the queries of one aggregate: its own view in its own table, or none.
fn views<A>(options: &ServerOptions, table: &str, pool: &PgPool) -> Vec<Box<dyn Query<A>>>
where
    A: Aggregate + View<A> + 'static,
{
    if !options.views {
        return Vec::new();
    }
    let repository = PostgresViewRepository::<A, A>::new(table, pool.clone());
    vec![Box::new(GenericQuery::new(Arc::new(repository)))]
}

/// Opens the accounts; each has its own stream, so the order does not matter.
async fn fund(rival: &Arc<Rival>, accounts: usize) -> anyhow::Result<()> {
    let mut funding = JoinSet::new();
    for index in 0..accounts {
        let rival = Arc::clone(rival);
        funding.spawn(async move {
            let grant = CreditsCommand::Grant { amount_cents: GRANT_CENTS };
            rival.credits.execute(&account_id(index), grant).await
        });
        if funding.len() >= 64 {
            funding.join_next().await.transpose()?.transpose().context("a grant")?;
        }
    }
    while let Some(funded) = funding.join_next().await {
        funded?.context("a grant")?;
    }
    Ok(())
}

/// Creates a job and holds its price. Two commands, because a command of cqrs-es has one
/// aggregate: a crash between them leaves a job without its escrow.
async fn create_job(
    State(rival): State<Arc<Rival>>,
    headers: HeaderMap,
    Json(details): Json<JobDetails>,
) -> Response {
    let account_id = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let Some(account_id) = account_id.map(str::to_owned) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match rival.create(account_id, details).await {
        Ok(job) => (StatusCode::CREATED, Json(job)).into_response(),
        Err(AggregateError::UserError(Refusal::InsufficientCredits)) => {
            StatusCode::PAYMENT_REQUIRED.into_response()
        }
        Err(AggregateError::UserError(refusal)) => {
            (StatusCode::BAD_REQUEST, refusal.to_string()).into_response()
        }
        Err(AggregateError::AggregateConflict) => StatusCode::CONFLICT.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn conflicts(State(rival): State<Arc<Rival>>) -> Json<Value> {
    Json(json!({"conflicts": rival.conflicts.load(Ordering::Relaxed)}))
}

impl Rival {
    async fn create(
        &self,
        account_id: String,
        details: JobDetails,
    ) -> Result<Value, AggregateError<Refusal>> {
        let id = format!("job_{:032x}", rand::random::<u128>());
        let amount_cents = details.total_cents();
        let answer = json!({
            "object": "job",
            "id": id,
            "status": "open",
            "total_cost_cents": amount_cents,
            "details": details,
        });
        // A new job's stream is nobody else's: no conflict is possible.
        let create = JobCommand::Create { id: id.clone(), account_id: account_id.clone(), details };
        self.jobs.execute(&id, create).await?;
        let mut pause_below_us = RETRY_PAUSE_US;
        for _ in 0..ATTEMPTS_MAX {
            let hold = CreditsCommand::Hold { job_id: id.clone(), amount_cents };
            match self.credits.execute(&account_id, hold).await {
                Ok(()) => return Ok(answer),
                Err(AggregateError::AggregateConflict) => {
                    self.conflicts.fetch_add(1, Ordering::Relaxed);
                    let pause = rand::random::<u64>() % pause_below_us;
                    tokio::time::sleep(Duration::from_micros(pause)).await;
                    pause_below_us = RETRY_PAUSE_US_MAX.min(pause_below_us * 2);
                }
                Err(error) => return Err(error),
            }
        }
        Err(AggregateError::AggregateConflict)
    }
}
