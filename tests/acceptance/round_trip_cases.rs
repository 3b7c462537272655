//! Every operation as it is asked when its round trips are counted: what it takes is made anew before each
//! request where one request uses it up.

use crate::appeals::strike;
use crate::clock_common::{CLOCK, arrived};
use crate::common::delivered_by;
use crate::finance_common::sql;
use crate::operations::Operation;
use crate::payout_common::{GOOD, earner, payout, signed};
use crate::webhook_common::{ENDPOINTS, Endpoint, nowhere, rows_once};
use firsthand_tests::job::photos;
use firsthand_tests::purchase::bought;
use firsthand_tests::shape::text;
use firsthand_tests::worker::form;
use firsthand_tests::{Api, Buyer, Call, Receiver, Server, Worker, clock, media, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Operations that ask more of the database if they are asked so; docs/http.md names them like this.
pub const VARIANTS: [(&str, &str); 12] = [
    ("create_job", "dry_run"),
    ("list_events", "after"),
    ("list_audit_events", "after"),
    ("list_job_files", "empty"),
    ("list_job_submissions", "empty"),
    ("list_endpoint_attempts", "empty"),
    ("purchase_credits", "again"),
    ("create_payout_batch", "again"),
    ("cancel_replay", "running"),
    ("list_account_balances", "as_of"),
    ("get_credits", "as_of"),
    ("update_webhook_endpoint", "headers"),
];

/// In the names of what an earner asks.
const EARNER_S: [&str; 4] = ["payout", "earning", "appeal", "strike"];

type Ids = BTreeMap<&'static str, String>;

/// One of each resource, and who asks.
pub struct Fixture<'s> {
    server: &'s Server,
    buyer: Buyer,
    worker: Worker,
    /// Has earned and been struck, in books of all parts.
    earner: Worker,
    test: Api,
    operator: Api,
    ids: Ids,
    _receiver: Receiver,
}

fn id(value: &Value) -> String {
    text(value, "id").to_owned()
}

impl<'s> Fixture<'s> {
    pub async fn new(server: &'s Server) -> Fixture<'s> {
        let (buyer, worker) = (Buyer::new(server).await, Worker::new(server).await);
        let operator = Api::anonymous(&server.base_url).with_token(&server.operator_token);
        let receiver = Receiver::start();
        let endpoint = Endpoint::at(&buyer.api, &receiver).await;
        let event = id(&endpoint.test(&json!({})).await);
        let done = delivered_by(&worker, &buyer, 75).await;
        let file = buyer.files_once(&done.job_id, 1).await.remove(0);
        let posted = buyer.try_create(&photos(1, 75)).await;
        let range = json!({"since": "2026-01-01T00:00:00Z"});
        let replay = buyer.post(&format!("{}/replays", endpoint.path()), &range).await.ok(202);
        let purchase = json!({"amount_cents": 2_500});
        let purchase = buyer.post("/v1/billing/credits/purchase", &purchase).await.ok(200);
        let earner = earner(server, &[10_000], GOOD).await;
        let payout = payout(&earner, Some(500), "paid").await;
        let batch = json!({"name": "first"});
        let batch = operator.post("/internal/operator/payout_batches", &batch).await.ok(202);
        let batch = id(&batch);
        let opened = format!("/internal/operator/payout_batches/{batch}/payouts");
        rows_once(&operator, &opened, "a payout of the run", |rows| !rows.is_empty()).await;
        bought(&buyer.api, 2_500).await;
        let gateway = server.gateway(true);
        let bank = gateway.post_form("/v1/test_helpers/payouts", "").await.ok(200);
        let key = buyer.create_key(&json!({"name": "mine"})).await;
        let test = buyer.test_api().await;
        test.post(CLOCK, &json!({})).await.ok(201);
        endpoint.attempts_once("an attempt", |attempts| !attempts.is_empty()).await;
        let ids = Ids::from([
            ("JobId", done.job_id.clone()),
            ("SubmissionId", done.submission_id().to_owned()),
            ("FileId", id(&file)),
            ("ApiKeyId", id(&key)),
            ("WebhookEndpointId", endpoint.id),
            ("EventId", event),
            ("ReplayId", id(&replay)),
            ("PurchaseId", id(&purchase)),
            ("RequestId", posted.header("x-request-id").expect("a request's id").to_owned()),
            ("Month", clock::rfc3339(clock::now())[..7].to_owned()),
            ("PayoutId", id(&payout)),
            ("PayoutBatchId", batch),
            ("BankPayoutId", id(&bank)),
            ("AppealId", appeal(server, &earner).await),
        ]);
        Fixture { server, buyer, worker, earner, test, operator, ids, _receiver: receiver }
    }

    /// Returns a request for this operation, in this variant, that will succeed.
    pub async fn ready(&self, operation: &Operation, variant: &str) -> Call {
        let name = operation.id.as_str();
        let mut asked =
            Asked { api: self.caller(operation), ids: self.ids.clone(), body: self.body(name) };
        self.renew(name, variant, &mut asked).await;
        let path = format!("{}{}", operation.place(&asked.ids), self.query(name, variant));
        let mut call = asked.api.request(operation.method.clone(), &path);
        if variant != "again" {
            call = call.key(&unique::key());
        }
        if name == "receive_stripe_event" {
            let (signature, body) = signed(self.server, "live", "customer.created", &json!({}));
            return call.header("stripe-signature", &signature).bytes("application/json", body);
        }
        match &operation.body {
            None => call,
            Some((kind, _)) if kind == "application/json" => call.json(&asked.body),
            Some(_) => call.multipart(form(&[media::sharp(media::seed())])),
        }
    }

    fn caller(&self, operation: &Operation) -> Api {
        match operation.id.as_str() {
            clock if clock.ends_with("test_clock") => self.test.clone(),
            name if EARNER_S.iter().any(|part| name.contains(part))
                && operation.is_for("worker_token") =>
            {
                self.earner.api.clone()
            }
            _ if operation.is_for("buyer_key") => self.buyer.api.clone(),
            _ if operation.is_for("worker_token") => self.worker.api.clone(),
            _ if operation.is_for("operator_token") => self.operator.clone(),
            _ => self.operator.without_token(),
        }
    }

    fn body(&self, operation: &str) -> Value {
        let name = format!("{:x}", unique::number());
        match operation {
            "sign_up" => json!({"name": "Ada", "email": unique::email("buyer")}),
            "register_worker" => json!({"name": "Grace", "email": unique::email("worker")}),
            "send_phone_code" => json!({"phone_number": unique::phone()}),
            "create_job" => photos(1, 10),
            "rate_job" => json!({"rating": 5}),
            "create_api_key" | "create_payout_batch" => json!({"name": name}),
            "purchase_credits" | "purchase" => json!({"amount_cents": 5_000}),
            "update_settings" => json!({"default_price_per_file_cents": 60}),
            "advance_test_clock" => json!({"by_seconds": 1}),
            "create_webhook_endpoint" => {
                json!({"url": "https://hooks.example.com/", "headers": {"X-Mine": "yes"}})
            }
            "update_webhook_endpoint" => json!({"description": name}),
            "rotate_webhook_secret" => json!({"overlap_seconds": 0}),
            "create_replay" => json!({"since": "2026-01-01T00:00:00Z"}),
            "grant_credits" => json!({
                "organization_id": self.buyer.organization_id, "environment": "live",
                "amount_cents": 10, "reason": "a round trip",
            }),
            "decide_appeal" => json!({"decision": "uphold"}),
            "flag_job" => json!({"reason": "It can't be done."}),
            "set_payout_account" => json!({"account_id": GOOD}),
            "request_payout" => json!({"amount_cents": 500}),
            _ => json!({}),
        }
    }

    fn query(&self, operation: &str, variant: &str) -> String {
        match (operation, variant) {
            (_, "dry_run") => "?dry_run=true".to_owned(),
            ("list_audit_events", "after") => "?created_after=2026-01-01T00:00:00Z".to_owned(),
            (_, "after") => format!("?after={}", self.ids["EventId"]),
            ("get_credits", "as_of") => "?as_of=2026-01-01T00:00:00Z".to_owned(),
            ("list_account_balances", variant) => {
                let then = if variant == "as_of" { "&as_of=2026-01-01T00:00:00Z" } else { "" };
                format!("?book={}:live{then}", self.buyer.organization_id)
            }
            _ => String::new(),
        }
    }

    /// Makes what the request uses up.
    async fn renew(&self, operation: &str, variant: &str, asked: &mut Asked) {
        let (kind, fresh) = match (operation, variant) {
            ("cancel_job" | "accept_job" | "flag_job", _)
            | ("list_job_files" | "list_job_submissions", "empty") => ("JobId", self.job().await),
            ("rate_job", _) => ("JobId", delivered_by(&self.worker, &self.buyer, 75).await.job_id),
            ("withdraw_from_job", _) => {
                let job = self.job().await;
                self.worker.accept(&job).await;
                ("JobId", job)
            }
            ("upload_submission" | "withdraw_submission", _) => {
                ("SubmissionId", self.worker.accept(&self.job().await).await)
            }
            ("retry_submission", _) => {
                let fog = media::blurred(media::seed(), 5);
                let submission = self.worker.deliver(&self.job().await, &fog).await;
                assert_eq!(submission["status"], "retry_pending", "{submission}");
                ("SubmissionId", id(&submission))
            }
            ("make_appeal", _) => {
                let worker = Worker::new(self.server).await;
                let struck = strike(self.server, &worker, 1).await.remove(0);
                asked.api = worker.api;
                asked.body = json!({"submission_id": struck, "reason": "It is all there."});
                return;
            }
            ("decide_appeal", _) => {
                ("AppealId", appeal(self.server, &Worker::new(self.server).await).await)
            }
            ("revoke_api_key" | "delete_api_key", _) => {
                ("ApiKeyId", id(&self.buyer.create_key(&json!({"name": "short-lived"})).await))
            }
            ("delete_webhook_endpoint", _) | ("list_endpoint_attempts", "empty") => {
                let endpoint = self.buyer.post(ENDPOINTS, &nowhere()).await.ok(201);
                ("WebhookEndpointId", id(&endpoint))
            }
            ("update_webhook_endpoint", "headers") => {
                asked.body = json!({"headers": {"X-Mine": unique::key()}});
                return;
            }
            ("request_payout", _) => {
                asked.api = earner(self.server, &[1_000], GOOD).await.api;
                return;
            }
            ("create_payout_batch", "again") => {
                asked.body = json!({"name": "first"});
                return;
            }
            ("cancel_replay", "running") => {
                let id = &asked.ids["ReplayId"];
                let again = "update webhook_replays set status = 'running', finished_at = null";
                sql(self.server, &format!("{again} where replay_id = '{id}'")).await;
                return;
            }
            ("advance_test_clock", _) => {
                arrived(&self.test).await;
                return;
            }
            ("create_test_clock", _) => {
                asked.api = Buyer::unverified(self.server).await.test_api().await;
                return;
            }
            ("verify_phone", _) => {
                let (buyer, number) = (Buyer::unverified(self.server).await, unique::phone());
                buyer.post("/v1/auth/phone", &json!({"phone_number": number})).await.ok(202);
                asked.api = buyer.api;
                asked.body = json!({"phone_number": number, "code": "000000"});
                return;
            }
            _ => return,
        };
        asked.ids.insert(kind, fresh);
    }

    /// A job that nobody works on.
    async fn job(&self) -> String {
        self.buyer.photo_job(1, 10).await
    }
}

/// A request as it will be made.
struct Asked {
    api: Api,
    ids: Ids,
    body: Value,
}

/// Has a worker appeal against a new strike.
async fn appeal(server: &Server, worker: &Worker) -> String {
    let struck = strike(server, worker, 1).await.remove(0);
    let body = json!({"submission_id": struck, "reason": "It is all there."});
    id(&worker.api.post("/internal/worker/appeals", &body).await.ok(201))
}
