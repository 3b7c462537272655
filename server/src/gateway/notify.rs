//! Send owed events to the service, one after the other, until each is taken.

use super::{Gateway, now};
use crate::client::Client;
use bytes::Bytes;
use firsthand_adapters::payments::signature::sign;
use std::time::Duration;

/// The pause after an event was not taken.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs for ever.
pub(super) async fn run(gateway: &Gateway, client: &Client) {
    loop {
        match round(gateway, client).await {
            Ok(true) => gateway.waiting.notified().await,
            Ok(false) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(error = %error, "an event of the embedded gateway waits");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Sends everything that is owed; returns whether all of it was taken.
async fn round(gateway: &Gateway, client: &Client) -> anyhow::Result<bool> {
    let mut all = true;
    for name in gateway.shelf.names("events")? {
        let Some(event) = gateway.shelf.get("events", &name)? else { continue };
        let secret = &gateway.keys(event["livemode"] == true).webhook_secret;
        let body = event.to_string();
        let signature = sign(secret, body.as_bytes(), now());
        let headers =
            [("content-type", "application/json"), ("stripe-signature", signature.as_str())];
        let url = format!("{}/hooks/stripe", gateway.base_url);
        let reply = client.post_raw(&url, &headers, Bytes::from(body)).await?;
        if (200..300).contains(&reply.status) {
            gateway.shelf.remove("events", &name)?;
        } else {
            all = false;
        }
    }
    Ok(all)
}
