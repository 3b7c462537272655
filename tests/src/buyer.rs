//! A buyer: an organization, its first key and what it does with them.

use crate::http::{Api, Reply};
use crate::server::Server;
use crate::shape::{int, text};
use crate::wait::Wait;
use crate::{job, unique};
use serde_json::{Value, json};

/// What a phone verification grants.
pub const FREE_GRANT: i64 = 250;

/// An organization with its sign-up key.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// Calls with the sign-up key, which holds every scope of the live environment.
    pub api: Api,
    /// `org_…`.
    pub organization_id: String,
    /// The sign-up key.
    pub key: String,
    /// The address it signed up with.
    pub email: String,
    operator: Api,
}

/// A book's balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What can be spent.
    pub available: i64,
    /// What jobs hold.
    pub held: i64,
}

impl Buyer {
    /// A buyer whose phone is verified and who has 100,000 cents.
    pub async fn new(server: &Server) -> Buyer {
        Self::with_balance(server, 100_000).await
    }

    /// A buyer with exactly this balance. From 250 cents on, the phone is verified.
    pub async fn with_balance(server: &Server, cents: i64) -> Buyer {
        let buyer = Self::unverified(server).await;
        let mut rest = cents;
        if cents >= FREE_GRANT {
            buyer.verify_phone(&unique::phone()).await;
            rest -= FREE_GRANT;
        }
        if rest > 0 {
            buyer.grant(rest).await;
        }
        assert_eq!(buyer.balance().await, Balance { available: cents, held: 0 });
        buyer
    }

    /// A buyer who has verified a phone and owns the free grant only.
    pub async fn free(server: &Server) -> Buyer {
        Self::with_balance(server, FREE_GRANT).await
    }

    /// A buyer who has signed up and nothing more: no credits.
    pub async fn unverified(server: &Server) -> Buyer {
        let anonymous = Api::anonymous(&server.base_url);
        let email = unique::email("buyer");
        let signup = anonymous
            .post("/v1/auth/signup", &json!({"name": "Shop Windows Ltd", "email": email}))
            .await
            .ok(200);
        let key = text(&signup, "api_key").to_owned();
        Buyer {
            api: anonymous.with_token(&key),
            organization_id: text(&signup, "organization_id").to_owned(),
            key,
            email,
            operator: anonymous.with_token(&server.operator_token),
        }
    }

    /// The same buyer against a server that came back elsewhere.
    pub fn with_base_url(&self, base_url: &str) -> Buyer {
        Buyer {
            api: self.api.with_base_url(base_url),
            operator: self.operator.with_base_url(base_url),
            ..self.clone()
        }
    }

    /// Has a code sent to this number and sends it back.
    pub async fn verify_phone(&self, number: &str) {
        self.api.post("/v1/auth/phone", &json!({"phone_number": number})).await.ok(202);
        self.confirm_phone(number, "000000").await.ok(200);
    }

    /// Sends a code back.
    pub async fn confirm_phone(&self, number: &str, code: &str) -> Reply {
        self.api.post("/v1/auth/phone/verify", &json!({"phone_number": number, "code": code})).await
    }

    /// Has the operator grant live promotional credits.
    pub async fn grant(&self, cents: i64) {
        self.grant_in("live", cents).await;
    }

    /// Has the operator grant promotional credits in this environment.
    pub async fn grant_in(&self, environment: &str, cents: i64) {
        let body = json!({
            "organization_id": self.organization_id,
            "environment": environment,
            "amount_cents": cents,
            "reason": "acceptance test",
        });
        self.operator.post("/internal/operator/grants", &body).await.ok(201);
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.api.get(path).await
    }

    /// POST without an idempotency key.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.api.post(path, body).await
    }

    /// POST with an idempotency key.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Reply {
        self.api.post_keyed(path, key, body).await
    }

    /// POST with neither body nor content type.
    pub async fn post_empty(&self, path: &str) -> Reply {
        self.api.post_empty(path).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.api.patch(path, body).await
    }

    /// Posts a job under a fresh idempotency key and takes whatever comes.
    pub async fn try_create(&self, body: &Value) -> Reply {
        self.api.post_keyed("/v1/jobs", &unique::key(), body).await
    }

    /// Posts a job and returns it.
    pub async fn create_job(&self, body: &Value) -> Value {
        self.try_create(body).await.ok(201)
    }

    /// Posts a plain job for photographs and returns its id.
    pub async fn photo_job(&self, files: u32, price_cents: i64) -> String {
        text(&self.create_job(&job::photos(files, price_cents)).await, "id").to_owned()
    }

    /// A job as it is now.
    pub async fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}")).await.ok(200)
    }

    /// Cancels a job as the published client does: no body, no key.
    pub async fn cancel(&self, id: &str) -> Reply {
        self.post_empty(&format!("/v1/jobs/{id}/cancel")).await
    }

    /// A job once it has this status.
    pub async fn job_once(&self, id: &str, status: &str) -> Value {
        let mut wait = Wait::until(&format!("{id} is {status}"));
        loop {
            let job = self.job(id).await;
            if job["status"] == status {
                return job;
            }
            wait.not_yet(&job).await;
        }
    }

    /// A submission as the buyer sees it.
    pub async fn submission(&self, id: &str) -> Value {
        self.get(&format!("/v1/submissions/{id}")).await.ok(200)
    }

    /// A job's files once there are so many.
    pub async fn files_once(&self, job_id: &str, count: usize) -> Vec<Value> {
        let path = format!("/v1/jobs/{job_id}/files");
        self.rows_once(&path, &format!("{job_id} has {count} files"), |rows| rows.len() == count)
            .await
    }

    /// A list's rows once they are as wanted: lists may follow the writes at a distance.
    pub async fn rows_once(
        &self,
        path: &str,
        what: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let mut wait = Wait::until(what);
        loop {
            let rows = self.api.list(path).await;
            if wanted(&rows) {
                return rows;
            }
            wait.not_yet(&Value::Array(rows)).await;
        }
    }

    /// The live book's balance.
    pub async fn balance(&self) -> Balance {
        balance(&self.api).await
    }

    /// A new key from `POST /v1/api_keys`.
    pub async fn create_key(&self, body: &Value) -> Value {
        self.post("/v1/api_keys", body).await.ok(200)
    }

    /// A caller with a live key that holds these scopes only.
    pub async fn scoped(&self, scopes: &[&str]) -> Api {
        let key = self.create_key(&json!({"name": "scoped", "scopes": scopes})).await;
        self.api.with_token(text(&key, "secret"))
    }

    /// A caller with a test key that holds every scope.
    pub async fn test_api(&self) -> Api {
        let key = self.create_key(&json!({"name": "sandbox", "environment": "test"})).await;
        self.api.with_token(text(&key, "secret"))
    }
}

/// The balance of the book that this caller's key belongs to; its fields must agree with each other.
pub async fn balance(api: &Api) -> Balance {
    let body = api.get("/v1/billing/credits").await.ok(200);
    let balance =
        Balance { available: int(&body, "available_cents"), held: int(&body, "held_cents") };
    assert_eq!(int(&body, "total_cents"), balance.available + balance.held, "{body}");
    assert_eq!(int(&body, "balance_cents"), balance.available, "{body}");
    assert!(balance.available >= 0 && balance.held >= 0, "{body}");
    balance
}
