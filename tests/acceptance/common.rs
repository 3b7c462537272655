//! What most tests begin with.

use firsthand_tests::{Api, Buyer, Media, Server, Worker, media};
use serde_json::Value;

/// A well-formed id that nothing has: a ULID of the year 2023.
pub const NOBODY: &str = "01GXYZ5J8K9M2N3P4Q5R6S7T8V";

pub fn server() -> &'static Server {
    Server::shared()
}

pub fn anonymous() -> Api {
    Api::anonymous(&server().base_url)
}

pub async fn buyer() -> Buyer {
    Buyer::new(server()).await
}

pub async fn worker() -> Worker {
    Worker::new(server()).await
}

/// A job of one file, delivered and approved.
pub struct Delivered {
    pub job_id: String,
    pub submission: Value,
    pub media: Media,
}

impl Delivered {
    pub fn submission_id(&self) -> &str {
        self.submission["id"].as_str().expect("a submission has an id")
    }
}

/// Has a worker deliver the only file of a new job.
pub async fn delivered(buyer: &Buyer, price_cents: i64) -> Delivered {
    delivered_by(&worker().await, buyer, price_cents).await
}

/// The same by this worker, who may be of another server.
pub async fn delivered_by(worker: &Worker, buyer: &Buyer, price_cents: i64) -> Delivered {
    let job_id = buyer.photo_job(1, price_cents).await;
    let media = media::sharp(media::seed());
    let submission = worker.deliver_approved(&job_id, &media).await;
    buyer.job_once(&job_id, "completed").await;
    Delivered { job_id, submission, media }
}
