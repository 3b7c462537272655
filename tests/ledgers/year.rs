//! A demo year: 50 sandboxes with clocks of their own live through twelve months, and foreign programs
//! keep their books.

use crate::tools::Tools;
use crate::{Balances, agree, balances};
use firsthand_tests::job::{photos, with};
use firsthand_tests::shape::{int, text};
use firsthand_tests::{Api, Buyer, Options, Server, Wait, clock, together, unique};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

const BOOKS: u64 = 50;
/// So many live through their year at a time.
const TOGETHER: u64 = 10;
const MONTHS: i64 = 12;
const DAY: i64 = 86_400;
const MONTH: i64 = 31 * DAY;
/// Days of the year, from its beginning, at whose noon all accounts are compared.
const PAST: [i64; 3] = [100, 200, 300];

/// One sandbox and its year.
struct Sandbox {
    buyer: Buyer,
    test: Api,
    operator: Api,
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
        let sandbox = Sandbox { buyer, test, operator, start, random: StdRng::seed_from_u64(seed) };
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

    /// Buys a pack on the checkout's page.
    async fn buy(&mut self) {
        let amount = [1_000, 2_500, 5_000][self.random.random_range(0..3)];
        let body = json!({"amount_cents": amount});
        let session = self.test.post("/v1/billing/credits/purchase", &body).await.ok(200);
        let url = format!("{}/pay", text(&session, "checkout_url"));
        self.test.request(reqwest::Method::POST, &url).json(&json!({})).send().await.ok(200);
        let path = format!("/v1/billing/purchases/{}", text(&session, "id"));
        let mut wait = Wait::until("the purchase is paid");
        loop {
            let seen = self.test.get(&path).await.ok(200);
            if seen["status"] == "paid" {
                return;
            }
            wait.not_yet(&seen).await;
        }
    }

    /// A month: work that is done and work that is not, a gift, a purchase, a change of mind.
    async fn month(&mut self, month: i64) {
        let begin = month * MONTH;
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

    async fn export(&self, format: &str, to: &str) -> String {
        let path = format!("/v1/billing/export?format={format}&to={to}");
        let reply = self.test.get(&path).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.text()
    }

    /// What the service says stood on each account at an instant.
    async fn stood(&self, as_of: &str) -> Balances {
        balances(&self.operator, &format!("{}:test", self.buyer.organization_id), as_of).await
    }

    /// Compares all accounts at an instant; returns how many.
    async fn compare(&self, tools: &Tools, as_of: &str) -> usize {
        let (expected, to) = (self.stood(as_of).await, after(as_of, 1));
        let (hledger, beancount) =
            (self.export("hledger", &to).await, self.export("beancount", &to).await);
        agree(tools, &hledger, &beancount, &expected);
        let view = self.test.get(&format!("/v1/billing/credits?as_of={as_of}")).await.ok(200);
        let of_lots = |branch: &str| -> i64 {
            let below = expected.iter().filter(|(account, _)| account.starts_with(branch));
            -below.map(|(_, cents)| cents).sum::<i64>()
        };
        assert_eq!(of_lots("Liabilities:Credits:Available"), int(&view, "available_cents"));
        assert_eq!(of_lots("Liabilities:Credits:Escrow"), int(&view, "held_cents"));
        expected.len()
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
    let tools = Tools::find();
    let (mut compared, mut movements) = (0, 0);
    for sandbox in &sandboxes {
        for day in PAST {
            let noon = after(&sandbox.start, day * DAY + DAY / 2);
            compared += sandbox.compare(&tools, &noon).await;
        }
        // All of it, up to where the clock stands.
        let (hledger, beancount) = (
            sandbox.test.get("/v1/billing/export?format=hledger").await.text(),
            sandbox.test.get("/v1/billing/export?format=beancount").await.text(),
        );
        tools.hledger_accepts(&hledger);
        tools.beancount_accepts(&beancount);
        movements += sandbox.test.list("/v1/billing/transactions").await.len();
    }
    println!("{movements} movements of {BOOKS} books, {compared} balances compared");
    assert!(movements >= 2_000 && compared >= 1_000, "too little has moved");
    firsthand_tests::binary::verify_database(&server.database_url);
}
