//! A demo year: 50 sandboxes with clocks of their own live through twelve months, and foreign programs
//! keep their books.

use crate::tools::{Tools, with_balances};
use crate::{Balances, balances};
use firsthand_tests::job::{photos, with};
use firsthand_tests::shape::{int, text};
use firsthand_tests::{Api, Buyer, Options, Server, Wait, clock, together, unique};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

const BOOKS: u64 = 50;
/// So many live through their year at a time.
const TOGETHER: u64 = 10;
const MONTHS: i64 = 12;
const DAY: i64 = 86_400;
const MONTH: i64 = 31 * DAY;
/// Days of the year, from its beginning, at whose beginning all accounts are compared; before the last one the
/// gifts of the first month have expired.
const PAST: [i64; 3] = [100, 235, 370];
/// What must have moved within the year.
const TYPES: [&str; 7] =
    ["bonus", "chargeback", "deduction", "expiration", "hold", "purchase", "refund"];

/// One sandbox and its year.
struct Sandbox {
    buyer: Buyer,
    test: Api,
    operator: Api,
    gateway: Api,
    start: String,
    random: StdRng,
}

fn after(instant: &str, seconds: i64) -> String {
    clock::rfc3339(clock::parse(instant).expect("an instant") + seconds as f64)
}

impl Sandbox {
    async fn new(server: &Server, seed: u64) -> Sandbox {
        let buyer = Buyer::new(server).await;
        let test = buyer.test_api().await;
        let operator = Api::anonymous(&server.base_url).with_token(&server.operator_token);
        let start = clock::rfc3339((clock::now() / 86_400.0).ceil() * 86_400.0);
        let (gateway, random) = (server.gateway(false), StdRng::seed_from_u64(seed));
        let sandbox = Sandbox { buyer, test, operator, gateway, start, random };
        let body = json!({"frozen_time": sandbox.start});
        sandbox.test.post("/v1/test_clock", &body).await.ok(201);
        sandbox.arrived().await;
        sandbox
    }

    async fn arrived(&self) {
        loop {
            let call = self.test.request(reqwest::Method::GET, "/v1/test_clock");
            let clock = call.header("Prefer", "wait=20").send().await.ok(200);
            if clock["status"] == "ready" {
                return;
            }
        }
    }

    async fn advance(&self, to: i64) {
        let body = json!({"to": after(&self.start, to)});
        self.test.post("/v1/test_clock/advance", &body).await.ok(202);
        self.arrived().await;
    }

    async fn job(&mut self, fields: &Value) -> String {
        let (files, price) = (self.random.random_range(1..=2), self.random.random_range(10..=999));
        let body = with(&photos(files, price), fields);
        let reply = self.test.post_keyed("/v1/jobs", &unique::key(), &body).await;
        text(&reply.ok(201), "id").to_owned()
    }

    /// A purchase once it is as wanted.
    async fn purchase(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut wait = Wait::until(what);
        loop {
            let seen = self.test.get(&format!("/v1/billing/purchases/{id}")).await.ok(200);
            if wanted(&seen) {
                return seen;
            }
            wait.not_yet(&seen).await;
        }
    }

    /// Buys a pack on the checkout's page; some have a part of the money back.
    async fn buy(&mut self) {
        let amount = [1_000, 2_500, 5_000][self.random.random_range(0..3)];
        let body = json!({"amount_cents": amount});
        let session = self.test.post("/v1/billing/credits/purchase", &body).await.ok(200);
        let url = text(&session, "checkout_url");
        let (base, page) = url.split_once("/checkout/").expect("a checkout's URL");
        let page = format!("/checkout/{page}/pay");
        Api::anonymous(base).post(&page, &json!({})).await.ok(200);
        let id = text(&session, "id");
        let paid = self.purchase(id, "the purchase is paid", |seen| seen["status"] == "paid").await;
        if self.random.random_range(0..3) == 0 {
            let back = self.random.random_range(1..=amount);
            let form = format!("payment_intent={}&amount={back}", text(&paid, "external_ref"));
            self.gateway.post_form("/v1/refunds", &form).await.ok(200);
            let booked = |seen: &Value| seen["charged_back_cents"] == back;
            self.purchase(id, "the refund is booked", booked).await;
        }
    }

    /// A month: work that is done and work that is not, a gift, a purchase, a change of mind.
    async fn month(&mut self, month: i64) {
        let begin = month * MONTH;
        if month == 0 {
            self.buyer.grant_in("test", self.random.random_range(5_000..=40_000)).await;
        }
        self.job(&json!({})).await;
        let days = self.random.random_range(1..30);
        let deadline = after(&self.start, begin + days * DAY);
        self.job(&json!({"metadata": {"sandbox": "stall"}, "deadline": deadline})).await;
        match self.random.random_range(0..4) {
            0 => self.buy().await,
            1 => self.buyer.grant_in("test", self.random.random_range(1..=999)).await,
            2 => drop(self.job(&json!({"metadata": {"sandbox": "retry"}})).await),
            _ => {
                let job = self.job(&json!({"metadata": {"sandbox": "stall"}})).await;
                self.test.post_empty(&format!("/v1/jobs/{job}/cancel")).await.ok(200);
            }
        }
        self.advance(begin + MONTH).await;
    }

    /// All of the journal, up to where the clock stands.
    async fn export(&self, format: &str) -> String {
        let reply = self.test.get(&format!("/v1/billing/export?format={format}")).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.text()
    }

    /// What the service says stood on each account when a day began.
    async fn stood(&self, day: &str) -> Balances {
        let before = format!("{}.999999Z", &after(&format!("{day}T00:00:00Z"), -1)[..19]);
        let book = format!("{}:test", self.buyer.organization_id);
        let stood = balances(&self.operator, &book, &before).await;
        let shown = self.test.get(&format!("/v1/billing/credits?as_of={before}")).await.ok(200);
        let below = |branch: &str| -> i64 {
            let below = stood.iter().filter(|(account, _)| account.starts_with(branch));
            -below.map(|(_, cents)| cents).sum::<i64>()
        };
        let available = below("Liabilities:Credits:Available") + below("Assets:Receivable");
        assert_eq!(available, int(&shown, "available_cents"), "{shown}");
        assert_eq!(below("Liabilities:Credits:Escrow"), int(&shown, "held_cents"), "{shown}");
        stood
    }

    /// Has both programs check the export and compares all accounts at the past instants; returns
    /// how many.
    async fn compare(&self, tools: &Tools) -> usize {
        let (hledger, mut beancount) =
            (self.export("hledger").await, self.export("beancount").await);
        tools.hledger_accepts(&hledger);
        let mut compared = 0;
        for day in PAST {
            let day = &after(&self.start, day * DAY)[..10];
            let expected = self.stood(day).await;
            assert_eq!(tools.hledger_balances(&hledger, day), expected, "on {day}");
            beancount = with_balances(&beancount, day, &expected);
            compared += expected.len();
        }
        tools.beancount_accepts(&beancount);
        compared
    }
}

#[tokio::test]
async fn the_books_of_a_demo_year_are_kept_alike() {
    let seed = crate::seed();
    println!("FIRSTHAND_PROPERTY_SEED={seed}");
    let server = Arc::new(Server::start(Options::ephemeral()).await);
    let began = Instant::now();
    let mut sandboxes = Vec::new();
    for first in (0..BOOKS).step_by(TOGETHER as usize) {
        let years = (first..first + TOGETHER).map(|number| {
            let server = Arc::clone(&server);
            async move {
                let mut sandbox = Sandbox::new(&server, seed.wrapping_add(number)).await;
                for month in 0..MONTHS {
                    sandbox.month(month).await;
                }
                sandbox
            }
        });
        sandboxes.extend(together(years).await);
    }
    println!("{BOOKS} books lived through a year in {:.1} s", began.elapsed().as_secs_f64());
    let (began, tools) = (Instant::now(), Tools::find());
    let (mut compared, mut movements, mut types) = (0, 0, BTreeSet::new());
    for sandbox in &sandboxes {
        compared += sandbox.compare(&tools).await;
        let rows = sandbox.test.list("/v1/billing/transactions").await;
        movements += rows.len();
        types.extend(rows.iter().map(|row| text(row, "type").to_owned()));
    }
    println!(
        "{movements} movements of {BOOKS} books, {compared} balances compared at {} instants in {:.1} s",
        PAST.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(movements >= 3_000 && compared >= 1_200, "too little has moved");
    assert!(TYPES.iter().all(|kind| types.contains(*kind)), "only {types:?} have moved");
    firsthand_tests::binary::verify_database(&server.database_url);
}
