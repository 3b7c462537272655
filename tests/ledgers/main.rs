//! Foreign programs keep our books: `cargo xtask ledgers`.
//!
//! A book goes through many movements; hledger and beancount read its exports, find nothing wrong, and
//! arrive at the balances that the service states, of every account at three past instants.
//! `FIRSTHAND_PROPERTY_SEED` repeats a run's movements.

mod tools;
mod year;

use firsthand_tests::purchase::{bought, disputed, refunded};
use firsthand_tests::shape::{int, text};
use firsthand_tests::{Api, Balance, Buyer, Options, Server, Worker, media};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tools::{AFTERWARDS, Tools, with_balances};

/// Cents on each account, a debit positive.
type Balances = BTreeMap<String, i64>;

/// Words that would break a format which took them as they are.
const WORDS: [&str; 5] = [
    "thanks",
    "=1+1; account Assets:Ours",
    "a \"quoted\" \\ text\r\n2026-01-01 * \"forged\"\n  Assets:Ours  1.00 USD",
    "(code) ! * tag:value, date:2020-01-01 [2020-01-01]",
    "\u{fc}ml\u{e4}ut \u{1f4b8} | note ^link #tag",
];

struct Book {
    server: Server,
    buyer: Buyer,
    operator: Api,
    worker: Worker,
    random: StdRng,
    open: Vec<String>,
}

impl Book {
    async fn new(seed: u64) -> Book {
        let server = Server::start(Options::ephemeral()).await;
        let buyer = Buyer::with_balance(&server, 5_000).await;
        let operator = Api::anonymous(&server.base_url).with_token(&server.operator_token);
        let worker = Worker::new(&server).await;
        let random = StdRng::seed_from_u64(seed);
        Book { server, buyer, operator, worker, random, open: Vec::new() }
    }

    /// One movement or several of a random kind.
    async fn step(&mut self) {
        match self.random.random_range(0..10) {
            0 => {
                let words = WORDS[self.random.random_range(0..WORDS.len())];
                let body = json!({
                    "organization_id": self.buyer.organization_id,
                    "amount_cents": self.random.random_range(1..=999),
                    "reason": words,
                });
                self.operator.post("/internal/operator/grants", &body).await.ok(201);
            }
            1..=4 => {
                let (files, price) =
                    (self.random.random_range(1..=3), self.random.random_range(10..=99));
                let body = firsthand_tests::job::photos(files, price);
                let reply = self.buyer.try_create(&body).await;
                if reply.status == 201 {
                    self.open.push(text(&reply.json(), "id").to_owned());
                }
            }
            5 | 6 if !self.open.is_empty() => {
                let index = self.random.random_range(0..self.open.len());
                let job = self.open.swap_remove(index);
                self.buyer.cancel(&job).await.ok(200);
            }
            _ if !self.open.is_empty() => {
                let index = self.random.random_range(0..self.open.len());
                let job = self.open[index].clone();
                self.worker.deliver_approved(&job, &media::sharp(media::seed())).await;
                // A worker takes a job once: the next one is somebody else.
                self.worker = Worker::new(&self.server).await;
                if self.buyer.job(&job).await["status"] == "completed" {
                    self.open.swap_remove(index);
                }
            }
            _ => (),
        }
    }

    /// A purchase that is refunded while a job holds it, so that something is owed, until the job gives it back;
    /// and one whose dispute is won.
    async fn money_goes_and_comes_back(&mut self) {
        let (api, server) = (&self.buyer.api, &self.server);
        let refund = bought(api, 2_500).await;
        let held = self.buyer.photo_job(1, self.buyer.balance().await.available).await;
        refunded(api, server, &refund, None, 2_500).await;
        assert_eq!(self.buyer.get("/v1/billing/credits").await.ok(200)["balance_cents"], -2_625);
        self.buyer.cancel(&held).await.ok(200);
        let dispute = bought(api, 2_500).await;
        let name = disputed((api, server), &dispute, None, 2_500).await;
        disputed((api, server), &dispute, Some(&name), 0).await;
        assert_eq!(self.buyer.balance().await, Balance { available: 7_625, held: 0 });
    }

    async fn export(&self, format: &str, range: &str) -> String {
        let reply = self.buyer.get(&format!("/v1/billing/export?format={format}{range}")).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.text()
    }

    /// What the service says stood on each account at an instant.
    async fn stood(&self, as_of: &str) -> Balances {
        balances(&self.operator, &format!("{}:live", self.buyer.organization_id), as_of).await
    }
}

/// What the service says stood on each account of a book at an instant.
async fn balances(operator: &Api, book: &str, as_of: &str) -> Balances {
    let path = format!("/internal/operator/account_balances?book={book}&as_of={as_of}");
    let rows = operator.list(&path).await;
    rows.iter()
        .map(|row| (text(row, "ledger_account").to_owned(), -int(row, "balance_cents")))
        .filter(|(_, cents)| *cents != 0)
        .collect()
}

/// An instant between two movements: the first belongs to the past, the second does not.
struct Cut {
    last: String,
    next: String,
}

/// Three instants of the past, spread over the movements.
fn cuts(rows: &[Value]) -> Vec<Cut> {
    let at = |index: usize| text(&rows[index], "created_at").to_owned();
    [1, 2, 3]
        .map(|quarter| rows.len() * quarter / 4)
        .map(|index| Cut { last: at(index - 1), next: at(index) })
        .into()
}

fn seed() -> u64 {
    let given = std::env::var("FIRSTHAND_PROPERTY_SEED").ok();
    given.map_or_else(rand::random, |seed| seed.parse().expect("a seed is a number"))
}

/// Has both programs check an export and compares what they arrive at.
fn agree(tools: &Tools, hledger: &str, beancount: &str, expected: &Balances) {
    tools.hledger_accepts(hledger);
    assert_eq!(&tools.hledger_balances(hledger, AFTERWARDS), expected, "hledger's balances");
    tools.beancount_accepts(&with_balances(beancount, AFTERWARDS, expected));
}

#[tokio::test]
async fn hledger_and_beancount_arrive_at_our_balances() {
    let seed = seed();
    println!("FIRSTHAND_PROPERTY_SEED={seed}");
    let tools = Tools::find();
    let mut book = Book::new(seed).await;
    book.money_goes_and_comes_back().await;
    for _ in 0..60 {
        book.step().await;
    }
    let mut rows = book.buyer.api.list("/v1/billing/transactions").await;
    rows.reverse();
    for known in ["purchase", "chargeback", "adjustment"] {
        assert!(rows.iter().any(|row| row["type"] == known), "no {known}");
    }
    let cuts = cuts(&rows);
    let mut compared = 0;
    for cut in &cuts {
        let (expected, range) = (book.stood(&cut.last).await, format!("&to={}", cut.next));
        let (hledger, beancount) =
            (book.export("hledger", &range).await, book.export("beancount", &range).await);
        agree(&tools, &hledger, &beancount, &expected);
        compared += expected.len();
    }
    // From one instant to another, with what was there before.
    let range = format!("&from={}&to={}", cuts[0].next, cuts[2].next);
    let (hledger, beancount) =
        (book.export("hledger", &range).await, book.export("beancount", &range).await);
    agree(&tools, &hledger, &beancount, &book.stood(&cuts[2].last).await);
    println!("{} movements, {compared} balances compared at {} instants", rows.len(), cuts.len());
    assert!(rows.len() >= 30 && compared >= 15, "too little has moved");
}

#[tokio::test]
async fn one_cent_too_many_is_noticed_by_both() {
    let tools = Tools::find();
    let mut book = Book::new(1).await;
    for _ in 0..10 {
        book.step().await;
    }
    let (hledger, beancount) =
        (book.export("hledger", "").await, book.export("beancount", "").await);
    tools.hledger_accepts(&hledger);
    tools.beancount_accepts(&beancount);
    tools.hledger_refuses(&hledger.replacen(" 2.50 USD", " 2.51 USD", 1));
    tools.beancount_refuses(&beancount.replacen(" 2.50 USD", " 2.51 USD", 1));
    // A forged account is noticed too: every account is declared.
    tools.hledger_refuses(&hledger.replacen("Expenses:Promotions  ", "Expenses:Promotion  ", 1));
    let expected = BTreeMap::from([("Expenses:Promotions".to_owned(), 1)]);
    tools.beancount_refuses(&with_balances(&beancount, AFTERWARDS, &expected));
}
