//! A delivery as it comes over the wire: as little of HTTP/1.1 as a sender of webhooks uses.

use anyhow::{Context as _, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

/// What every request carries, whatever the scheme of its endpoint.
const SIGNATURES: [&str; 4] = [
    "x-firsthandapi-signature",
    "x-firsthand-signature",
    "x-firsthandapi-body-signature",
    "webhook-signature",
];
/// The one of them that is verified.
const SIGNATURE: &str = "x-firsthand-signature";
const EVENT_ID: &str = "x-firsthandapi-event-id";
const ATTEMPT: &str = "x-firsthandapi-delivery-attempt";
/// A signature that is older should be refused.
const SIGNATURE_SECONDS_MAX: u64 = 300;

/// One request, borrowed from its connection's buffer.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    /// The endpoint, by its number in the path.
    pub(super) endpoint: usize,
    /// The event's id, from the header.
    pub(super) event_id: &'a str,
    /// The number of the attempt, from 1.
    pub(super) attempt: u32,
    /// Bytes of head and body.
    pub(super) length: usize,
    signature: &'a str,
    body: &'a [u8],
}

/// What is read of a body.
#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    created_at: &'a str,
}

impl<'a> Delivery<'a> {
    /// Returns the request once all of it has been received.
    pub(super) fn parse(received: &'a [u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).context("no path")?;
        let endpoint = path.trim_start_matches('/').parse().context("a path that is no number")?;
        let (mut event_id, mut attempt, mut signature) = (None, None, None);
        let (mut signatures, mut body_length) = (0, None);
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let named = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if SIGNATURES.iter().any(|wanted| named(wanted)) {
                signatures += usize::from(!value.is_empty());
                signature = if named(SIGNATURE) { Some(value) } else { signature };
            } else if named(EVENT_ID) {
                event_id = Some(value);
            } else if named(ATTEMPT) {
                attempt = value.parse().ok();
            } else if named("content-length") {
                body_length = value.parse::<usize>().ok();
            }
        }
        let length = end + 4 + body_length.context("a request without content-length")?;
        let Some(body) = received.get(end + 4..length) else { return Ok(None) };
        ensure!(signatures == SIGNATURES.len(), "a request with {signatures} signatures");
        Ok(Some(Self {
            endpoint,
            event_id: event_id.context("a request without the event's id")?,
            attempt: attempt.context("a request without the attempt's number")?,
            length,
            signature: signature.context("a request without a signature")?,
            body,
        }))
    }

    /// Returns when the event was decided, in microseconds since the epoch.
    pub(super) fn created_us(&self) -> anyhow::Result<i64> {
        let event: Event<'_> = serde_json::from_slice(self.body).context("a body without event")?;
        ensure!(event.id == self.event_id, "a body of another event than its header says");
        let created_at: jiff::Timestamp = event.created_at.parse()?;
        Ok(created_at.as_microsecond())
    }

    /// Verifies the signature as a receiver that knows the endpoint's secret does.
    pub(super) fn verify(&self, secret: &str, now_us: i64) -> anyhow::Result<()> {
        let stamped = self.signature.strip_prefix("t=").and_then(|text| text.split_once(",v1="));
        let (time, signatures) = stamped.context("a signature that is not t=…,v1=…")?;
        let age = (now_us / 1_000_000).abs_diff(time.parse()?);
        ensure!(age <= SIGNATURE_SECONDS_MAX, "a signature that is {age} s old");
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(self.body);
        let wanted = hex::encode(mac.finalize().into_bytes());
        ensure!(signatures.split(",v1=").any(|found| found == wanted), "a wrong signature");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Delivery;

    const BODY: &str = r#"{"id":"evt_1","created_at":"1970-01-01T00:00:01.5Z","data":{}}"#;
    /// HMAC-SHA256 of `1.` and the body under `whsec_x`.
    const MAC: &str = "ab5006db308acab2d93dbe613cd2cdaa796658a515678f834822d3141f4ad461";

    fn request(signature: &str) -> String {
        format!(
            "POST /7 HTTP/1.1\r\nhost: a\r\nx-firsthandapi-signature: {signature}\r\n\
             X-FirstHand-Signature: {signature}\r\nx-firsthandapi-body-signature: 00\r\n\
             webhook-signature: v1,AA==\r\nx-firsthandapi-event-id: evt_1\r\n\
             x-firsthandapi-delivery-attempt: 2\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        )
    }

    #[test]
    fn a_delivery_is_read_once_it_is_whole() -> anyhow::Result<()> {
        let text = request(&format!("t=1,v1={},v1={MAC}", "0".repeat(64)));
        assert!(Delivery::parse(&text.as_bytes()[..text.len() - 1])?.is_none());
        let delivery = Delivery::parse(text.as_bytes())?.ok_or(anyhow::anyhow!("incomplete"))?;
        assert_eq!((delivery.endpoint, delivery.attempt, delivery.length), (7, 2, text.len()));
        assert_eq!(delivery.created_us()?, 1_500_000);
        delivery.verify("whsec_x", 2_000_000)?;
        assert!(delivery.verify("whsec_y", 2_000_000).is_err());
        assert!(delivery.verify("whsec_x", 400_000_000).is_err());
        Ok(())
    }

    #[test]
    fn a_delivery_without_one_of_its_signatures_is_refused() {
        let text = request("t=1,v1=00").replace("webhook-signature", "x-other");
        assert!(Delivery::parse(text.as_bytes()).is_err());
    }
}
