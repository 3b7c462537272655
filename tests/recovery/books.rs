//! The buyers whose books the clients fill. They sign up while nothing is broken.

use crate::support::{Ask, Line, int, text};
use firsthand_tests::unique;
use serde_json::json;
use std::sync::Arc;

/// A buyer's live book.
#[derive(Debug)]
pub(crate) struct Book {
    /// Its number among all books of the run.
    pub(crate) index: usize,
    /// The sign-up key.
    pub(crate) token: Arc<str>,
    /// What it was given before the clients began.
    pub(crate) granted: i64,
    /// It was given so little that jobs are refused for want of credits.
    pub(crate) lean: bool,
}

/// Enough for anything that a block of cycles can spend.
const RICH: i64 = 20_000_000;
/// A few dozen jobs.
const LEAN: i64 = 3_000;

impl Book {
    /// Signs up, verifies a phone and takes a grant from the operator.
    pub(crate) async fn open(
        line: &mut Line,
        index: usize,
        lean: bool,
    ) -> Result<Arc<Book>, String> {
        let person = json!({"name": format!("Book {index} Ltd"), "email": unique::email("book")});
        let signup = line.expect(200, &Ask::post("/v1/auth/signup").json(&person)).await?;
        let token: Arc<str> = text(&signup, "api_key")?.into();
        let phone = unique::phone();
        line.expect(
            202,
            &Ask::post("/v1/auth/phone").by(&token).json(&json!({"phone_number": phone})),
        )
        .await?;
        let code = json!({"phone_number": phone, "code": "000000"});
        line.expect(200, &Ask::post("/v1/auth/phone/verify").by(&token).json(&code)).await?;
        let operator: Arc<str> = line.address().await?.operator_token.into();
        let grant = json!({
            "organization_id": text(&signup, "organization_id")?,
            "environment": "live",
            "amount_cents": if lean { LEAN } else { RICH },
            "reason": "crash harness",
        });
        let granting =
            Ask::post("/internal/operator/grants").by(&operator).keyed(&unique::key()).json(&grant);
        line.expect(201, &granting).await?;
        let credits = line.expect(200, &Ask::get(&token, "/v1/billing/credits")).await?;
        let granted = int(&credits, "total_cents")?;
        if granted < int(&grant, "amount_cents")? || int(&credits, "held_cents")? != 0 {
            return Err(format!("a new book's credits are {credits}"));
        }
        Ok(Arc::new(Book { index, token, granted, lean }))
    }
}
