//! Endpoints, as their owners register and judge them.

use std::net::SocketAddr;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::product::{Book, Product};

const ENDPOINTS: &str = "/v1/webhook_endpoints";
/// The one type of event that the source makes.
const EVENT_TYPE: &str = "job.cancelled";

/// A registered endpoint.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    book: Book,
    path: String,
    failures_known: u64,
}

/// Registers `count` endpoints of a receiver, the books in turn, and tells it their secrets.
pub(super) async fn open(
    product: &Product,
    books: &[Book],
    receiver: &Receiver,
    address: SocketAddr,
    count: usize,
) -> anyhow::Result<Vec<Endpoint>> {
    let mut endpoints = Vec::with_capacity(count);
    for (number, book) in books.iter().cycle().take(count).enumerate() {
        let body = json!({"url": format!("http://{address}/{number}"), "events": [EVENT_TYPE]});
        let created = product.call(book, ("POST", ENDPOINTS), &body.to_string(), 201).await?;
        let field = |name: &str| {
            let text = created.get(name).and_then(Value::as_str).map(str::to_owned);
            text.with_context(|| format!("an endpoint without {name}"))
        };
        if address == receiver.address {
            receiver.knows(number, field("secret")?);
        }
        let path = format!("{ENDPOINTS}/{}", field("id")?);
        endpoints.push(Endpoint { book: book.clone(), path, failures_known: 0 });
    }
    Ok(endpoints)
}

/// Returns how many attempts to some endpoints have failed since this was last asked.
pub(super) async fn failures(product: &Product, endpoints: &mut [Endpoint]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for endpoint in endpoints {
        let failures = endpoint.failures(product).await?;
        sum += failures.saturating_sub(endpoint.failures_known);
        endpoint.failures_known = failures;
    }
    Ok(sum)
}

/// Deletes endpoints, and with them what they are owed.
pub(super) async fn delete(product: &Product, endpoints: Vec<Endpoint>) -> anyhow::Result<()> {
    for Endpoint { book, path, .. } in endpoints {
        product.call(&book, ("DELETE", &path), "", 204).await?;
    }
    Ok(())
}

impl Endpoint {
    /// Counts the failed attempts that the product has on record.
    async fn failures(&self, product: &Product) -> anyhow::Result<u64> {
        let first = format!("{}/attempts?status=failed&limit=100", self.path);
        let (mut sum, mut path) = (0, first.clone());
        loop {
            let page = product.call(&self.book, ("GET", &path), "", 200).await?;
            let data = page.get("data").and_then(Value::as_array).context("a list without data")?;
            sum += u64::try_from(data.len())?;
            let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else {
                return Ok(sum);
            };
            path = format!("{first}&cursor={cursor}");
        }
    }
}
