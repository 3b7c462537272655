//! A client: fresh idempotency key for each operation, the same key again until the answer is final.

use crate::acklog::{AckLog, Act};
use crate::books::Book;
use crate::support::{Ask, Final, Line, Rng, parsed, text};
use firsthand_tests::job;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A client gives up on an operation after this; the driver's own limit is shorter once the faults are over.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(60);

/// How often a client does what, in a hundred; the rest are plain creates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    pub(crate) approvals: u64,
    pub(crate) cancels: u64,
}

/// One client. It ends when it is told to stop, after the operation in hand, or with the first wrong answer.
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) book: Arc<Book>,
    pub(crate) line: Line,
    pub(crate) rng: Rng,
    pub(crate) log: Arc<AckLog>,
    pub(crate) stop: watch::Receiver<bool>,
    mix: Mix,
    made: u64,
    cancellable: Vec<String>,
    broke: bool,
}

/// What all clients of a run share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) line: Line,
    pub(crate) log: Arc<AckLog>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) seed: u64,
    pub(crate) mix: Mix,
}

impl Client {
    /// A client on this book; its name is the beginning of its keys and the number of its chances.
    pub(crate) fn new(shared: &Shared, book: &Arc<Book>, number: u64) -> Client {
        let name = format!("c{number}");
        Client {
            name,
            book: Arc::clone(book),
            line: shared.line.own(),
            rng: Rng::lane(shared.seed, 1_000 + number),
            log: Arc::clone(&shared.log),
            stop: shared.stop.clone(),
            mix: shared.mix,
            made: 0,
            cancellable: Vec::new(),
            broke: false,
        }
    }

    /// Works until told to stop. An error is a wrong answer: something that no crash may cause.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let worked = self.work().await;
        self.line.note(String::new());
        worked.map_err(|why| format!("{} on book {}: {why}", self.name, self.book.index))
    }

    async fn work(&mut self) -> Result<(), String> {
        while !self.stopping() {
            let roll = self.rng.between(0, 99);
            let cancels = if self.broke { 100 } else { self.mix.cancels };
            if roll < self.mix.approvals {
                self.approval().await?;
            } else if roll < self.mix.approvals + cancels && !self.cancellable.is_empty() {
                let job = self.cancellable.swap_remove(self.rng.index(self.cancellable.len()));
                self.cancel(&job).await?;
            } else {
                let (files, price) = (self.rng.between(1, 3), self.price());
                if let Some(job) = self.create(files, price).await? {
                    self.cancellable.push(job);
                }
            }
        }
        Ok(())
    }

    /// Says whether the operation in hand is the last.
    pub(crate) fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Lets a later step cancel this job.
    pub(crate) fn may_cancel(&mut self, job: String) {
        self.cancellable.push(job);
    }

    pub(crate) fn price(&mut self) -> i64 {
        i64::try_from(self.rng.between(15, 90)).expect("a small number")
    }

    /// Creates a job; `None` if a lean book could not pay for it.
    pub(crate) async fn create(
        &mut self,
        files: u64,
        price: i64,
    ) -> Result<Option<String>, String> {
        let key = self.fresh_key();
        let files = u32::try_from(files).expect("a small number");
        let named =
            json!({"title": format!("Job {key}"), "metadata": {"key": key, "client": self.name}});
        let ask = Ask::post("/v1/jobs")
            .by(&self.book.token)
            .keyed(&key)
            .json(&job::photos_with(files, price, &named));
        let answer = self.keyed(&ask).await?;
        match answer.reply.status {
            201 => {
                let body = parsed(&answer.reply)?;
                if body["metadata"]["key"] != key.as_str() {
                    return Err(format!(
                        "{} was answered with another request's job: {body}",
                        ask.name()
                    ));
                }
                let id = text(&body, "id")?.to_owned();
                self.log.acknowledged(&self.book, ask, Act::Created(id.clone()), &answer);
                self.broke = false;
                Ok(Some(id))
            }
            402 if self.book.lean => {
                self.log.acknowledged(&self.book, ask, Act::Refused, &answer);
                self.broke = true;
                Ok(None)
            }
            _ => Err(answer.reply.to_string()),
        }
    }

    /// Cancels one of this client's own jobs, none of which is complete.
    async fn cancel(&mut self, job: &str) -> Result<(), String> {
        let key = self.fresh_key();
        let ask = Ask::post(format!("/v1/jobs/{job}/cancel")).by(&self.book.token).keyed(&key);
        let answer = self.keyed(&ask).await?;
        let cancelled =
            answer.reply.status == 200 && parsed(&answer.reply)?["status"] == "cancelled";
        if !cancelled {
            return Err(answer.reply.to_string());
        }
        self.log.acknowledged(&self.book, ask, Act::Cancelled(job.to_owned()), &answer);
        self.broke = false;
        Ok(())
    }

    async fn keyed(&mut self, ask: &Ask) -> Result<Final, String> {
        self.log.asked(&self.book, ask);
        self.line.finally(ask).await
    }

    fn fresh_key(&mut self) -> String {
        self.made += 1;
        format!("{}-b{}-{}", self.name, self.book.index, self.made)
    }
}
