//! The approval path: a job, workers who accept and upload, the wait for the score.
//!
//! Worker calls carry no idempotency key. After a call in doubt the state is read, and the path goes on from there.

use crate::acklog::{Upload, UploadedMedia};
use crate::clients::Client;
use crate::support::{Ask, Attempt, parsed, text};
use firsthand_tests::{Media, media, unique};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::time::sleep;

/// Small for speed, large enough for a scorer that measures dimensions.
const SIZE: (u32, u32) = (640, 480);
/// Between two looks at a submission that waits for its score.
const LOOK: Duration = Duration::from_millis(25);

impl Client {
    /// Creates a job for one or two files and brings files to it, each from a worker of its own. Now and then a job for
    /// two gets only one and is cancelled later.
    pub(crate) async fn approval(&mut self) -> Result<(), String> {
        let (needed, price) = (self.rng.between(1, 2), self.price());
        let Some(job) = self.create(needed, price).await? else { return Ok(()) };
        let given = if self.rng.percent(30) { 1 } else { needed };
        for _ in 0..given {
            self.deliver(&job, price).await?;
        }
        if given < needed {
            self.may_cancel(job);
        }
        Ok(())
    }

    async fn deliver(&mut self, job: &str, price: i64) -> Result<(), String> {
        let seed = self.rng.draw();
        let drawn =
            tokio::task::spawn_blocking(move || media::sharp_sized(seed, SIZE.0, SIZE.1)).await;
        let media = Arc::new(drawn.map_err(|error| format!("no photograph: {error}"))?);
        let worker = self.register().await?;
        let submission = self.accept(&worker, job).await?;
        let upload = self.log.accepted(Upload {
            book: Arc::clone(&self.book),
            job: job.to_owned(),
            submission,
            worker,
            price,
            media: UploadedMedia::of(&media),
            sent: AtomicBool::new(false),
            approved: AtomicBool::new(false),
        });
        self.upload(&upload, &media).await?;
        self.scored(&upload).await
    }

    /// A worker without a history: nothing keeps them from any job. After a call in doubt another one registers.
    async fn register(&mut self) -> Result<Arc<str>, String> {
        let mut doubted = false;
        loop {
            let person =
                json!({"name": "Robin Field", "email": unique::email("worker"), "region": "US-NY"});
            let ask = Ask::post("/internal/worker/register").json(&person);
            match self.line.once(&ask).await {
                Attempt::Answered(reply) if reply.status == 201 => {
                    self.log.count(doubted);
                    return Ok(text(&parsed(&reply)?, "token")?.into());
                }
                Attempt::Answered(reply) => return Err(reply.to_string()),
                Attempt::Unsent(_) => (),
                Attempt::InDoubt(_) => doubted = true,
            }
            self.line.pause().await;
        }
    }

    /// Takes a slot and returns the submission's id; after a call in doubt the worker's own list tells it.
    async fn accept(&mut self, worker: &Arc<str>, job: &str) -> Result<String, String> {
        let ask = Ask::post(format!("/internal/worker/jobs/{job}/accept")).by(worker);
        let mut doubted = false;
        loop {
            match self.line.once(&ask).await {
                Attempt::Answered(reply) if reply.status == 201 => {
                    self.log.count(doubted);
                    return Ok(text(&parsed(&reply)?, "id")?.to_owned());
                }
                // Taken by the call in doubt: the list may follow at a distance, so it is asked again below.
                Attempt::Answered(reply) if reply.status == 409 && doubted => (),
                Attempt::Answered(reply) => return Err(reply.to_string()),
                Attempt::Unsent(_) => (),
                Attempt::InDoubt(_) => doubted = true,
            }
            self.line.pause().await;
            if !doubted {
                continue;
            }
            if let Some(submission) = self.held(worker, job).await? {
                self.log.count(true);
                return Ok(submission);
            }
        }
    }

    /// The worker's submission to this job, if there is one.
    async fn held(&mut self, worker: &Arc<str>, job: &str) -> Result<Option<String>, String> {
        let rows = self.line.list(worker, "/internal/worker/submissions").await?;
        let mine: Vec<&Value> = rows.iter().filter(|row| row["job_id"] == job).collect();
        match mine.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(text(one, "id")?.to_owned())),
            more => Err(format!("DOUBLED one worker holds {} slots of {job}", more.len())),
        }
    }

    async fn upload(&mut self, upload: &Upload, media: &Arc<Media>) -> Result<(), String> {
        let path = format!("/internal/worker/submissions/{}/upload", upload.submission);
        let ask = Ask::post(path).by(&upload.worker).file(media);
        let mut doubted = false;
        loop {
            match self.line.once(&ask).await {
                Attempt::Answered(reply) if reply.status == 200 => break,
                // Arrived by the call in doubt; the look below must find it so.
                Attempt::Answered(reply) if reply.status == 409 && doubted => (),
                Attempt::Answered(reply) => return Err(reply.to_string()),
                Attempt::Unsent(_) => (),
                Attempt::InDoubt(_) => doubted = true,
            }
            self.line.pause().await;
            let seen = self.line.expect(200, &own_view(upload)).await?;
            if seen["status"] != "accepted" {
                break;
            }
        }
        self.log.sent(upload);
        self.log.count(doubted);
        Ok(())
    }

    /// Waits until the file is scored. The driver, not the client, counts the ones that never are.
    async fn scored(&mut self, upload: &Upload) -> Result<(), String> {
        while !self.stopping() {
            let seen = self.line.expect(200, &own_view(upload)).await?;
            match seen["status"].as_str() {
                Some("pending_score") => sleep(LOOK).await,
                Some("approved") => {
                    self.log.approved(upload);
                    return Ok(());
                }
                _ => {
                    return Err(format!(
                        "a good file, acknowledged as uploaded, was not approved: {seen}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The submission as its worker sees it.
pub(crate) fn own_view(upload: &Upload) -> Ask {
    Ask::get(&upload.worker, format!("/internal/worker/submissions/{}", upload.submission))
}
