//! The story: one buyer, five workers, two jobs.

use super::receiver::{Delivery, Receiver};
use super::teller::Teller;
use crate::client::{Client, Upload};
use anyhow::{Context, Result, bail};
use firsthand_adapters::generate;
use firsthand_adapters::signature::explain;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a score may take.
const SCORE: Duration = Duration::from_secs(30);
/// How long webhooks may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the story is told with.
struct Story<'a> {
    teller: &'a mut Teller,
    anonymous: Client,
    operator: Client,
    buyer: Client,
    nonce: u32,
    uploaded: BTreeMap<String, Vec<u8>>,
    receiver: Receiver,
    /// The secret of the buyer's webhook endpoint.
    secret: String,
}

fn text<'v>(value: &'v Value, field: &str) -> Result<&'v str> {
    value[field].as_str().with_context(|| format!("no {field} in {value}"))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Tells the whole story.
pub(super) async fn tell(teller: &mut Teller, base: &str, operator_token: &str) -> Result<()> {
    let anonymous = Client::new(base, None)?;
    let mut story = Story {
        teller,
        operator: anonymous.with_token(operator_token),
        buyer: anonymous.clone(),
        anonymous,
        nonce: rand::random(),
        uploaded: BTreeMap::new(),
        receiver: Receiver::start().await?,
        secret: String::new(),
    };
    story.sign_up().await?;
    story.webhook_endpoint().await?;
    let job = story.post_job().await?;
    story.workers(&job).await?;
    story.completion(&job).await?;
    story.files(&job).await?;
    let cancelled = story.second_job().await?;
    story.webhooks(&job, &cancelled).await?;
    story.books(&job).await
}

impl Story<'_> {
    async fn sign_up(&mut self) -> Result<()> {
        self.teller.step("sign-up", "A buyer signs up and verifies a phone number")?;
        let body = json!({"name": "Street Signs Ltd", "email": format!("buyer-{}@example.com", self.nonce)});
        let signup = self.anonymous.post("/v1/auth/signup", &body, None).await?.expect(200)?;
        self.buyer = self.anonymous.with_token(text(&signup, "api_key")?);
        self.teller.fact("organization", text(&signup, "organization_id")?)?;
        let credits = self.balance().await?;
        self.teller.check("the balance is 0 before the phone is verified", credits == (0, 0))?;
        let number = format!("+1555{:010}", self.nonce);
        let body = json!({"phone_number": number});
        self.buyer.post("/v1/auth/phone", &body, None).await?.expect(202)?;
        let body = json!({"phone_number": number, "code": "000000"});
        self.buyer.post("/v1/auth/phone/verify", &body, None).await?.expect(200)?;
        let credits = self.balance().await?;
        self.teller.fact("available", format!("{} cents", credits.0))?;
        self.teller.check("verification grants 250 cents", credits == (250, 0))
    }

    async fn webhook_endpoint(&mut self) -> Result<()> {
        self.teller.step("webhook endpoint", "The buyer wants to be told of everything")?;
        let body = json!({"url": self.receiver.url, "ordering": "per_job"});
        let path = "/v1/webhook_endpoints";
        let endpoint = self.buyer.post(path, &body, None).await?.expect(201)?;
        text(&endpoint, "secret")?.clone_into(&mut self.secret);
        self.teller.fact("endpoint", text(&endpoint, "id")?)?;
        self.teller.check("the secret is shown once", self.secret.starts_with("whsec_"))
    }

    /// Returns what is available and what is held.
    async fn balance(&self) -> Result<(i64, i64)> {
        let balance = self.buyer.get("/v1/billing/credits").await?.expect(200)?;
        let cents = |field: &str| balance[field].as_i64().with_context(|| format!("no {field}"));
        Ok((cents("available_cents")?, cents("held_cents")?))
    }

    async fn post_job(&mut self) -> Result<String> {
        self.teller.step("job", "The buyer posts a live job: 4 files at 50 cents each")?;
        let body = json!({
            "type": "data_collection",
            "title": "Street signs",
            "description": "Photos, sounds and films of street signs in daylight",
            "files_needed": 4,
            "accepted_formats": ["image/jpeg", "image/png", "audio/wav", "video/mp4"],
            "price_per_file_cents": 50,
        });
        let key = format!("demo-{}", self.nonce);
        let first = self.buyer.post("/v1/jobs", &body, Some(&key)).await?;
        let again = self.buyer.post("/v1/jobs", &body, Some(&key)).await?;
        let same = first.body == again.body && again.headers.contains_key("idempotent-replayed");
        let job = first.expect(201)?;
        let id = text(&job, "id")?.to_owned();
        self.teller.fact("job", &id)?;
        self.teller.check("the same key answers the same bytes and posts no second job", same)?;
        let credits = self.balance().await?;
        self.teller.fact("held", format!("{} cents", credits.1))?;
        self.teller.check("200 cents moved from available to held", credits == (50, 200))?;
        Ok(id)
    }

    /// Registers a worker who accepts the job. Returns the worker and the submission.
    async fn worker(&mut self, name: &str, job: &str) -> Result<(Client, String)> {
        let body = json!({
            "name": name,
            "email": format!("{}-{}@example.com", name.to_lowercase(), self.nonce),
            "region": "US-NY",
        });
        let worker =
            self.anonymous.post("/internal/worker/register", &body, None).await?.expect(201)?;
        let client = self.anonymous.with_token(text(&worker, "token")?);
        let offers = client.get("/internal/worker/jobs/available?limit=100").await?.expect(200)?;
        let offered = offers["data"]
            .as_array()
            .is_some_and(|offers| offers.iter().any(|offer| offer["id"] == job));
        self.teller.check(&format!("{name} sees the job"), offered)?;
        let path = format!("/internal/worker/jobs/{job}/accept");
        let accepted = client.post(&path, &json!({}), None).await?.expect(201)?;
        let submission = text(&accepted, "id")?.to_owned();
        self.teller.fact(&format!("{name} accepts"), &submission)?;
        Ok((client, submission))
    }

    /// Uploads a file and waits for its score.
    async fn submit(
        &mut self,
        worker: &Client,
        submission: &str,
        step: &str,
        file: &Upload,
    ) -> Result<Value> {
        let path = format!("/internal/worker/submissions/{submission}/{step}");
        let uploaded = worker.upload(&path, file).await?.expect(200)?;
        self.teller.fact("uploads", format!("{} ({} bytes)", file.name, file.bytes.len()))?;
        if uploaded["status"] != "pending_score" {
            bail!("not pending: {uploaded}");
        }
        self.uploaded.insert(sha256(&file.bytes), file.bytes.clone());
        let path = format!("/internal/worker/submissions/{submission}");
        let until = Instant::now() + SCORE;
        loop {
            let found = worker.get(&path).await?.expect(200)?;
            if found["status"] != "pending_score" {
                let stars = &found["ai_star_rating"];
                self.teller
                    .fact("scored", format!("{stars} stars: {}", text(&found, "ai_reasoning")?))?;
                return Ok(found);
            }
            if Instant::now() > until {
                bail!("no score for {submission} in {SCORE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn workers(&mut self, job: &str) -> Result<()> {
        self.teller.step("good", "Ada uploads a sharp photo, Ben a clear recording")?;
        let seed = u64::from(self.nonce) * 16;
        let photo = Upload {
            name: "sign.jpg".to_owned(),
            mime: "image/jpeg",
            bytes: generate::jpeg(seed, 1280, 960)?,
        };
        let (ada, submission) = self.worker("Ada", job).await?;
        let scored = self.submit(&ada, &submission, "upload", &photo).await?;
        self.approved(&scored)?;
        let sound = Upload {
            name: "street.wav".to_owned(),
            mime: "audio/wav",
            bytes: generate::wav(seed + 1, 2_000),
        };
        let (ben, submission) = self.worker("Ben", job).await?;
        let scored = self.submit(&ben, &submission, "upload", &sound).await?;
        self.approved(&scored)?;
        self.poor_and_retried(job, seed).await?;
        self.corrupt(job, seed).await
    }

    fn approved(&mut self, scored: &Value) -> Result<()> {
        let paid = scored["status"] == "approved" && scored["pay_cents"] == 40;
        self.teller.check("it is approved and earns 40 of 50 cents", paid)
    }

    async fn poor_and_retried(&mut self, job: &str, seed: u64) -> Result<()> {
        self.teller.step("poor", "Cem uploads a blurred photo, and tries once more")?;
        let blurred = Upload {
            name: "blurred.jpg".to_owned(),
            mime: "image/jpeg",
            bytes: generate::blurred_jpeg(seed + 2)?,
        };
        let (cem, submission) = self.worker("Cem", job).await?;
        let scored = self.submit(&cem, &submission, "upload", &blurred).await?;
        let retry = scored["status"] == "retry_pending" && scored["pay_cents"] == 0;
        self.teller.check("it earns nothing and may be retried", retry)?;
        let better = Upload {
            name: "better.png".to_owned(),
            mime: "image/png",
            bytes: generate::png(seed + 3, 960, 720)?,
        };
        let scored = self.submit(&cem, &submission, "retry", &better).await?;
        self.approved(&scored)
    }

    async fn corrupt(&mut self, job: &str, seed: u64) -> Result<()> {
        self.teller.step("corrupt", "Dana uploads what is no photo, then half a photo")?;
        let (dana, submission) = self.worker("Dana", job).await?;
        let path = format!("/internal/worker/submissions/{submission}/upload");
        let mislabelled = Upload {
            name: "sound.jpg".to_owned(),
            mime: "image/jpeg",
            bytes: generate::wav(seed + 4, 500),
        };
        let refused = dana.upload(&path, &mislabelled).await?;
        self.teller.check("a sound named photo is refused with 415", refused.status == 415)?;
        let half = Upload {
            name: "half.jpg".to_owned(),
            mime: "image/jpeg",
            bytes: generate::truncated_jpeg(seed + 5)?,
        };
        let scored = self.submit(&dana, &submission, "upload", &half).await?;
        let rejected = scored["status"] == "rejected" && scored["rejection_code"] == "undecodable";
        self.teller.check("half a photo is rejected, unpaid and without a strike", rejected)?;
        self.teller.step("last", "Eli takes the slot that is free again and uploads a film")?;
        let film = Upload {
            name: "street.mp4".to_owned(),
            mime: "video/mp4",
            bytes: generate::mp4(seed + 6, 2_000)?,
        };
        let (eli, submission) = self.worker("Eli", job).await?;
        let scored = self.submit(&eli, &submission, "upload", &film).await?;
        self.approved(&scored)
    }

    async fn completion(&mut self, job: &str) -> Result<()> {
        self.teller.step("complete", "The job is complete; the buyer rates it")?;
        let found = self.buyer.get(&format!("/v1/jobs/{job}")).await?.expect(200)?;
        let complete = found["status"] == "completed" && found["files_approved"] == 4;
        self.teller.check("4 of 4 files are approved", complete)?;
        let credits = self.balance().await?;
        self.teller.check("50 cents are left and none are held", credits == (50, 0))?;
        let body = json!({"rating": 5, "feedback": "Every sign is readable."});
        let key = format!("rate-{}", self.nonce);
        let path = format!("/v1/jobs/{job}/rate");
        let rated = self.buyer.post(&path, &body, Some(&key)).await?.expect(200)?;
        self.teller.check("the rating is recorded", rated["buyer_rating"] == 5)
    }

    async fn files(&mut self, job: &str) -> Result<()> {
        self.teller.step("download", "The buyer downloads every file through its signed link")?;
        let files = self.buyer.get(&format!("/v1/jobs/{job}/files")).await?.expect(200)?;
        let files = files["data"].as_array().context("no files")?.clone();
        self.teller.check("4 files are listed", files.len() == 4)?;
        for file in files {
            let got = self.anonymous.fetch(text(&file, "download_url")?).await?;
            let hash = sha256(&got.body);
            let sent = self.uploaded.get(&hash);
            let same = sent.is_some_and(|sent| got.body == sent.as_slice())
                && file["content_hash"] == hash.as_str();
            self.teller.fact(text(&file, "original_filename")?, &hash)?;
            self.teller.check("it is byte for byte what was uploaded", same)?;
        }
        Ok(())
    }

    /// Returns the job that is cancelled.
    async fn second_job(&mut self) -> Result<String> {
        self.teller.step("cancel", "A second job is one cent too dear; a third is cancelled")?;
        let job = |price: i64| {
            json!({
                "type": "data_collection",
                "description": "One more photo of a street sign",
                "files_needed": 1,
                "accepted_formats": ["image/jpeg"],
                "price_per_file_cents": price,
            })
        };
        let key = format!("dear-{}", self.nonce);
        let refused = self.buyer.post("/v1/jobs", &job(51), Some(&key)).await?;
        let error = refused.expect(402)?;
        let short = error["error"]["shortfall_cents"] == 1;
        self.teller.check("51 cents are refused: one cent short", short)?;
        let key = format!("cancelled-{}", self.nonce);
        let posted = self.buyer.post("/v1/jobs", &job(50), Some(&key)).await?.expect(201)?;
        let held = self.balance().await? == (0, 50);
        self.teller.check("50 cents are held", held)?;
        let path = format!("/v1/jobs/{}/cancel", text(&posted, "id")?);
        let cancelled = self.buyer.post(&path, &json!({}), None).await?.expect(200)?;
        let refunded = cancelled["status"] == "cancelled"
            && cancelled["escrow"]["refunded_cents"] == 50
            && self.balance().await? == (50, 0);
        self.teller.check("cancelling gives all 50 cents back", refunded)?;
        Ok(text(&posted, "id")?.to_owned())
    }

    /// Says whether every signature of a delivery verifies.
    fn is_signed(&self, delivery: &Delivery) -> bool {
        let now = firsthand_adapters::clock::system().unix_seconds();
        let findings = explain(&delivery.headers, &delivery.body, &self.secret, now, 300);
        findings.len() == 4 && findings.iter().all(|finding| finding.outcome.is_ok())
    }

    async fn webhooks(&mut self, job: &str, cancelled: &str) -> Result<()> {
        self.teller.step("webhooks", "The buyer's receiver was told of it all, signed")?;
        // Events of a job come in order, so its last one tells that all are there.
        let told = |all: &[Delivery], kind: &str, job: &str| {
            all.iter().any(|delivery| {
                serde_json::from_slice::<Value>(&delivery.body)
                    .is_ok_and(|event| event["type"] == kind && event["data"]["job_id"] == job)
            })
        };
        let enough = |all: &[Delivery]| {
            told(all, "job.completed", job) && told(all, "job.cancelled", cancelled)
        };
        let deliveries = self.receiver.deliveries(PATIENCE, enough).await;
        let signed = deliveries.iter().all(|delivery| self.is_signed(delivery));
        let mut of_job = BTreeMap::new();
        let mut last = 0;
        let mut ordered = true;
        for delivery in &deliveries {
            let event: Value = serde_json::from_slice(&delivery.body)?;
            if event["data"]["job_id"] == job {
                *of_job.entry(text(&event, "type")?.to_owned()).or_insert(0) += 1;
                let sequence = event["sequence"].as_i64().context("no sequence")?;
                ordered &= sequence == last + 1;
                last = sequence;
            }
        }
        for (name, count) in &of_job {
            self.teller.fact(name, count)?;
        }
        let of = |name: &str| of_job.get(name).copied().unwrap_or(0);
        let whole = of("submission.approved") == 4
            && of("submission.rejected") == 1
            && of("job.completed") == 1;
        self.teller.check("every approval, the rejection and the completion came", whole)?;
        self.teller.check("they came in the order in which they happened", ordered)?;
        let cancellation = told(&deliveries, "job.cancelled", cancelled);
        self.teller.check("the cancellation came", cancellation)?;
        self.teller.check("every signature verifies", signed && !deliveries.is_empty())
    }

    async fn books(&mut self, job: &str) -> Result<()> {
        self.teller.step("books", "The auditor reads the trail, finance the books")?;
        let path = format!("/v1/audit-events?job_id={job}&limit=100");
        let trail = self.buyer.get(&path).await?.expect(200)?;
        let trail = trail["data"].as_array().context("no trail")?.clone();
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for event in &trail {
            *counts.entry(text(event, "event_type")?).or_default() += 1;
        }
        for (name, count) in &counts {
            self.teller.fact(name, count)?;
        }
        let of = |name: &str| counts.get(name).copied().unwrap_or(0);
        let complete = of("job.created") == 1
            && of("submission.approved") == 4
            && of("credits.captured") == 4
            && of("submission.rejected") == 1
            && of("job.completed") == 1;
        self.teller.check("the trail tells the whole job", complete)?;
        let rows = self.buyer.get("/v1/billing/transactions?limit=100").await?.expect(200)?;
        let rows = rows["data"].as_array().context("no transactions")?;
        let sum = |field: &str| rows.iter().filter_map(|row| row[field].as_i64()).sum::<i64>();
        let (available, held) = self.balance().await?;
        let equal = sum("available_delta_cents") == available && sum("held_delta_cents") == held;
        self.teller.check("the transactions add up to the balance", equal)?;
        let balance = self.operator.get("/internal/operator/trial_balance").await?.expect(200)?;
        for account in balance["accounts"].as_array().context("no accounts")? {
            self.teller.fact(text(account, "account")?, &account["balance_cents"])?;
        }
        let zero = balance["sum_cents"] == 0;
        self.teller.check("the trial balance is zero", zero)
    }
}
