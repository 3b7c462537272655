//! A worker: what the iOS app does, over the worker API.

use crate::http::{Api, Reply};
use crate::media::Media;
use crate::server::Server;
use crate::shape::{assert_id, text};
use crate::unique;
use crate::wait::Wait;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A registered worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Calls with the worker's token.
    pub api: Api,
    /// `wkr_…`.
    pub id: String,
    /// `fhw_…`.
    pub token: String,
    /// The address it registered with.
    pub email: String,
}

impl Worker {
    /// Registers one.
    pub async fn new(server: &Server) -> Worker {
        let anonymous = Api::anonymous(&server.base_url);
        let email = unique::email("worker");
        let body = json!({"name": "Robin Field", "email": email, "region": "US-NY"});
        let worker = anonymous.post("/internal/worker/register", &body).await.ok(201);
        let token = text(&worker, "token").to_owned();
        Worker {
            api: anonymous.with_token(&token),
            id: text(&worker, "id").to_owned(),
            token,
            email,
        }
    }

    /// The same worker against a server that came back elsewhere.
    pub fn with_base_url(&self, base_url: &str) -> Worker {
        Worker { api: self.api.with_base_url(base_url), ..self.clone() }
    }

    /// Every job that is offered to this worker.
    pub async fn available(&self) -> Vec<Value> {
        self.api.list("/internal/worker/jobs/available").await
    }

    /// A job once it is offered.
    pub async fn offered(&self, job_id: &str) -> Value {
        let mut wait = Wait::until(&format!("{job_id} is offered"));
        loop {
            let offers = self.available().await;
            let count = offers.len();
            if let Some(offer) = offers.into_iter().find(|offer| offer["id"] == job_id) {
                return offer;
            }
            wait.not_yet(&json!(format!("{count} other offers"))).await;
        }
    }

    /// Asks for a slot of a job.
    pub async fn try_accept(&self, job_id: &str) -> Reply {
        self.api.post_empty(&format!("/internal/worker/jobs/{job_id}/accept")).await
    }

    /// Takes a slot of a job once it is offered, and returns the submission's id.
    pub async fn accept(&self, job_id: &str) -> String {
        self.offered(job_id).await;
        let submission = self.try_accept(job_id).await.ok(201);
        assert_id(&submission["id"], "sub");
        text(&submission, "id").to_owned()
    }

    /// Sends a file for an accepted slot.
    pub async fn upload(&self, submission_id: &str, media: &Media) -> Reply {
        self.upload_all(submission_id, std::slice::from_ref(media)).await
    }

    /// Sends several files for an accepted slot.
    pub async fn upload_all(&self, submission_id: &str, media: &[Media]) -> Reply {
        self.send_form(&format!("/internal/worker/submissions/{submission_id}/upload"), form(media))
            .await
    }

    /// Sends a better file after a first one fell below the threshold.
    pub async fn retry(&self, submission_id: &str, media: &Media) -> Reply {
        let path = format!("/internal/worker/submissions/{submission_id}/retry");
        self.send_form(&path, form(std::slice::from_ref(media))).await
    }

    /// Posts any multipart form.
    pub async fn send_form(&self, path: &str, form: Form) -> Reply {
        self.api.request(Method::POST, path).multipart(form).send().await
    }

    /// Gives a slot back.
    pub async fn withdraw(&self, job_id: &str) -> Reply {
        self.api.post_empty(&format!("/internal/worker/jobs/{job_id}/withdraw")).await
    }

    /// Reports a job.
    pub async fn flag(&self, job_id: &str, body: &Value) -> Reply {
        self.api.post(&format!("/internal/worker/jobs/{job_id}/flag"), body).await
    }

    /// A submission as its worker sees it.
    pub async fn submission(&self, id: &str) -> Value {
        self.api.get(&format!("/internal/worker/submissions/{id}")).await.ok(200)
    }

    /// A submission once its score has decided: approved, rejected or to be retried.
    pub async fn scored(&self, id: &str) -> Value {
        let mut wait = Wait::until(&format!("{id} is scored"));
        loop {
            let submission = self.submission(id).await;
            if matches!(
                submission["status"].as_str(),
                Some("approved" | "rejected" | "retry_pending")
            ) {
                return submission;
            }
            wait.not_yet(&submission).await;
        }
    }

    /// Takes a slot, sends a file and waits for the score.
    pub async fn deliver(&self, job_id: &str, media: &Media) -> Value {
        let submission = self.accept(job_id).await;
        self.upload(&submission, media).await.ok(200);
        self.scored(&submission).await
    }

    /// [`Worker::deliver`], which must end in an approval.
    pub async fn deliver_approved(&self, job_id: &str, media: &Media) -> Value {
        let submission = self.deliver(job_id, media).await;
        assert_eq!(submission["status"], "approved", "{submission}");
        submission
    }
}

/// What a worker has earned with a submission, as the worker's own view of it says.
#[track_caller]
pub fn pay_cents(submission: &Value) -> i64 {
    submission["pay_cents"].as_i64().unwrap_or_else(|| panic!("no pay_cents in {submission}"))
}

/// A multipart form with each of these as a field `file`.
pub fn form(media: &[Media]) -> Form {
    media.iter().fold(Form::new(), |form, one| {
        let part = Part::bytes(one.bytes.clone())
            .file_name(one.file_name.clone())
            .mime_str(&one.content_type)
            .expect("a content type");
        form.part("file", part)
    })
}
