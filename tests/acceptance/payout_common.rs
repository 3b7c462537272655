//! What the tests of payouts begin with: a server on which earnings can be paid out at once, workers who
//! have earned, and what the payment provider says.

use firsthand_tests::shape::{int, text};
use firsthand_tests::signature::mac;
use firsthand_tests::{Api, Buyer, Options, Reply, Server, Wait, Worker, clock, media, unique};
use serde_json::{Value, json};
use std::sync::OnceLock;

pub const EARNINGS: &str = "/internal/worker/earnings";
pub const PAYOUTS: &str = "/internal/worker/payouts";
pub const ACCOUNT: &str = "/internal/worker/payout_account";
/// Accounts by what the embedded gateway does with them.
pub const GOOD: &str = "acct_1NvGoodAccount";
pub const CLOSED: &str = "acct_1NvAccountClosed";
pub const NO_FUNDS: &str = "acct_1NvAccountNoFunds";
pub const LOST: &str = "acct_1NvAccountLost";

static PAYING: OnceLock<Server> = OnceLock::new();

/// Earnings that can be paid out after so many seconds.
pub fn after(seconds: u32) -> Options {
    Options::ephemeral().env("FIRSTHAND_EARNINGS_HOLD_SECONDS", &seconds.to_string())
}

/// A server on which earnings can be paid out at once, shared by these tests.
pub fn paying() -> &'static Server {
    PAYING.get_or_init(|| Server::start_blocking(&after(0)))
}

/// Has a worker earn 80 % of a price, and waits until the worker's book knows.
pub async fn earn(server: &Server, worker: &Worker, price: i64) -> Value {
    let buyer = Buyer::with_balance(server, price).await;
    let job = buyer.photo_job(1, price).await;
    let before = int(&totals(worker).await, "earned_cents");
    let submission = worker.deliver_approved(&job, &media::sharp(media::seed())).await;
    let mut wait = Wait::until("the approval is told");
    loop {
        let totals = totals(worker).await;
        if int(&totals, "earned_cents") == before + price * 4 / 5 {
            return submission;
        }
        wait.not_yet(&totals).await;
    }
}

/// A worker who has earned 80 % of these prices and has an account.
pub async fn earner(server: &Server, prices: &[i64], account: &str) -> Worker {
    let worker = Worker::new(server).await;
    for price in prices {
        earn(server, &worker, *price).await;
    }
    set_account(&worker, account).await;
    worker
}

pub async fn set_account(worker: &Worker, account: &str) {
    worker.api.post(ACCOUNT, &json!({"account_id": account})).await.ok(200);
}

/// Where the worker's money is.
pub async fn totals(worker: &Worker) -> Value {
    worker.api.get(EARNINGS).await.ok(200)["totals"].clone()
}

/// Pending, available, in transit, paid.
pub async fn sums(worker: &Worker) -> [i64; 4] {
    let totals = totals(worker).await;
    let sums = ["pending_cents", "available_cents", "in_transit_cents", "paid_cents"]
        .map(|field| int(&totals, field));
    assert_eq!(sums.iter().sum::<i64>(), int(&totals, "earned_cents"), "{totals}");
    sums
}

/// Asks for a payout of all that is available, or of so much.
pub async fn ask(worker: &Worker, cents: Option<i64>) -> Reply {
    match cents {
        None => worker.api.post_empty(PAYOUTS).await,
        Some(cents) => worker.api.post(PAYOUTS, &json!({"amount_cents": cents})).await,
    }
}

/// A payout once it has that status.
pub async fn once(worker: &Worker, id: &str, status: &str) -> Value {
    let mut wait = Wait::until(&format!("{id} is {status}"));
    loop {
        let seen = worker.api.get(&format!("{PAYOUTS}/{id}")).await.ok(200);
        if seen["status"] == status {
            return seen;
        }
        wait.not_yet(&seen).await;
    }
}

/// Asks for a payout and waits for its outcome.
pub async fn payout(worker: &Worker, cents: Option<i64>, status: &str) -> Value {
    let asked = ask(worker, cents).await.ok(201);
    assert_eq!(asked["status"], "in_transit", "{asked}");
    once(worker, text(&asked, "id"), status).await
}

/// The transfers that the gateway made for a payout.
pub async fn transfers(server: &Server, payout: &str) -> Vec<Value> {
    let path = format!("/v1/transfers?transfer_group={payout}");
    let list = server.gateway(true).get(&path).await.ok(200);
    list["data"].as_array().expect("a list").clone()
}

/// An event as Stripe would tell it: its signature, with the account's secret, and its bytes.
pub fn signed(server: &Server, environment: &str, kind: &str, object: &Value) -> (String, String) {
    let body = json!({
        "id": format!("evt_{}", unique::number()), "object": "event", "type": kind,
        "data": {"object": object},
    });
    sign(server, environment, &body)
}

/// A body with its signature in front, with the account's secret.
pub fn sign(server: &Server, environment: &str, body: &Value) -> (String, String) {
    let path = server.data_dir.join(format!("payments.{environment}.webhook"));
    let secret = std::fs::read_to_string(path).expect("the gateway's secret");
    let (at, body) = (clock::now() as i64, body.to_string());
    let signature =
        mac(format!("whsec_{}", secret.trim()).as_bytes(), format!("{at}.{body}").as_bytes());
    (format!("t={at},v1={}", hex::encode(signature)), body)
}

/// Tells the service an event.
pub async fn tell(server: &Server, environment: &str, kind: &str, object: &Value) -> Reply {
    let (signature, body) = signed(server, environment, kind, object);
    Api::anonymous(&server.base_url).post_signed("/hooks/stripe", &signature, &body).await
}
