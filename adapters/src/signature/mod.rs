//! Signatures of webhooks: the secrets, what each attempt carries, and why a receiver refuses it.
//!
//! Pure functions of their arguments, but for [`mint_secret`]: no clock, no request, no storage.
//! The contract is docs/webhooks.md, "Signatures".

mod explain;
#[cfg(test)]
mod mistakes;
mod original;
#[cfg(test)]
mod rotation;

pub use explain::{Finding, Refusal, Verified, explain};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The prefix of a signing secret.
pub const SECRET_PREFIX: &str = "whsec_";

/// `t=…,v1=…`, or the body's signature where the endpoint's scheme is [`Scheme::Raw`].
pub const SIGNATURE: &str = "x-firsthandapi-signature";
/// Always `t=…,v1=…`.
pub const OLD_SIGNATURE: &str = "x-firsthand-signature";
/// The signature of the body alone, under the newest secret.
pub const BODY_SIGNATURE: &str = "x-firsthandapi-body-signature";
/// The event's id, as Standard Webhooks names it.
pub const WEBHOOK_ID: &str = "webhook-id";
/// The time of signing, as Standard Webhooks names it.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// The signatures of Standard Webhooks.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";
/// The event's id.
pub const EVENT_ID: &str = "x-firsthandapi-event-id";
/// The event's id under its older name.
pub const OLD_EVENT_ID: &str = "x-firsthand-event-id";
/// The number of the attempt, from 1.
pub const DELIVERY_ATTEMPT: &str = "x-firsthandapi-delivery-attempt";

/// Random bytes of a secret: as many as the hash has.
const SECRET_BYTES: usize = 32;

/// HMAC-SHA256.
type Digest = [u8; 32];

/// What [`SIGNATURE`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `t=<unix>,v1=<hex>`.
    TV1,
    /// The hexadecimal signature of the body alone.
    Raw,
}

/// The signatures of one attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// When it was signed, in seconds since 1970.
    pub timestamp: i64,
    /// `t=<unix>,v1=<hex>` with one more `,v1=<hex>` for each further secret.
    pub t_v1: String,
    /// The hexadecimal signature of the body alone, under the newest secret.
    pub body: String,
    /// Standard Webhooks: `v1,<base64>` for each secret, separated by spaces.
    pub standard: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

impl Signed {
    /// Returns every header that the contract promises for this event and attempt.
    pub fn headers(
        &self,
        scheme: Scheme,
        event_id: &str,
        attempt: u32,
    ) -> [(&'static str, String); 9] {
        let named = match scheme {
            Scheme::TV1 => &self.t_v1,
            Scheme::Raw => &self.body,
        };
        [
            (SIGNATURE, named.clone()),
            (OLD_SIGNATURE, self.t_v1.clone()),
            (BODY_SIGNATURE, self.body.clone()),
            (WEBHOOK_ID, event_id.to_owned()),
            (WEBHOOK_TIMESTAMP, self.timestamp.to_string()),
            (WEBHOOK_SIGNATURE, self.standard.clone()),
            (EVENT_ID, event_id.to_owned()),
            (OLD_EVENT_ID, event_id.to_owned()),
            (DELIVERY_ATTEMPT, attempt.to_string()),
        ]
    }
}

/// Mints a signing secret: `whsec_` and the base64 of 32 random bytes, which is how both
/// Stripe's and Standard Webhooks' libraries want it.
pub fn mint_secret() -> String {
    let random: [u8; SECRET_BYTES] = rand::random();
    format!("{SECRET_PREFIX}{}", STANDARD.encode(random))
}

/// Signs one attempt, counted from 1, with every secret that counts, newest first.
///
/// A secret that is no base64 after its prefix signs `t_v1` and `body` only. Without any secret
/// the result holds no signature, and every receiver refuses it.
pub fn sign(
    event_id: &str,
    body: &[u8],
    secrets: &[impl AsRef<str>],
    attempt: u32,
    now_seconds: i64,
) -> Signed {
    let mut t_v1 = format!("t={now_seconds}");
    let mut standard = Vec::new();
    for secret in ordered(secrets, attempt) {
        let hash = digest(secret.as_bytes(), &timed(now_seconds), body);
        t_v1.push_str(",v1=");
        t_v1.push_str(&hex::encode(hash));
        if let Some(key) = standard_key(secret) {
            let hash = digest(&key, &identified(event_id, now_seconds), body);
            standard.push(format!("v1,{}", STANDARD.encode(hash)));
        }
    }
    let newest = secrets.first().map(|secret| digest(secret.as_ref().as_bytes(), "", body));
    Signed {
        timestamp: now_seconds,
        t_v1,
        body: newest.map(hex::encode).unwrap_or_default(),
        standard: standard.join(" "),
    }
}

/// The secrets in the order of one attempt. Some libraries read the first signature only, so even
/// attempts put an older secret first: attempt 2 the oldest, 4 the next newer, and so on in turn.
fn ordered(secrets: &[impl AsRef<str>], attempt: u32) -> Vec<&str> {
    let mut ordered: Vec<&str> = secrets.iter().map(AsRef::as_ref).collect();
    let older = ordered.len().saturating_sub(1);
    if older > 0 && attempt > 0 && attempt.is_multiple_of(2) {
        let turn = usize::try_from(attempt / 2 - 1).unwrap_or(0) % older;
        if let Some(front) = ordered.get_mut(..=older - turn) {
            front.rotate_right(1);
        }
    }
    ordered
}

/// What stands before the body in the text that a `t=…,v1=…` signature covers.
fn timed(timestamp: i64) -> String {
    format!("{timestamp}.")
}

/// What stands before the body in the text that a signature of Standard Webhooks covers.
fn identified(event_id: &str, timestamp: i64) -> String {
    format!("{event_id}.{timestamp}.")
}

/// The key of Standard Webhooks: the bytes whose base64 follows the prefix, or is the whole
/// secret, as its libraries take it.
fn standard_key(secret: &str) -> Option<Vec<u8>> {
    let text = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
    STANDARD.decode(text).ok().filter(|key| !key.is_empty())
}

/// HMAC-SHA256 of what stands before the body, and the body.
fn digest(key: &[u8], before: &str, body: &[u8]) -> Digest {
    // HMAC takes a key of any length; the alternative never happens.
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_never) => Hmac::<Sha256>::new(&[0; 64].into()),
    };
    mac.update(before.as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    // Known answers, computed with Python's hmac, hashlib and base64.
    const EVENT: &str = "evt_01KAPZ6J8Q4W2M9T3X5Y7R1S0V";
    const BODY: &str =
        r#"{"id":"evt_01KAPZ6J8Q4W2M9T3X5Y7R1S0V","object":"event","note":"naïve ✓"}"#;
    const NOW: i64 = 1_795_341_600;
    const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const MIDDLE: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    const OLD: &str = "whsec_//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
    const NEW_V1: &str = "5c2a9ccaf79c1ecbc4c8cd74731d17e373e8fa94a1176464b1dc05a4ee987ae2";
    const MIDDLE_V1: &str = "c3e0869d5d59c7834c513b6f5dcb73bf288712ec030b8975e9259bb1a8ea0e1e";
    const OLD_V1: &str = "e576693cda6a67c012b6f3015fc6dd127a875357052d494b9eb2c30dcfd81957";
    const NEW_BODY: &str = "2c0f6327ca3d9afaca654817d1d3474e5282720d569a007bc7c759463fe230d9";
    const NEW_STANDARD: &str = "v1,8uQ2NMpPqc/2IYX2+hMmz6eFDXcDUBSYGOVWNZfQIMw=";
    const MIDDLE_STANDARD: &str = "v1,7ieIKrBPGZoKaH5X2VP4HSb2dd16pFVAMgbvX0/Mj9Y=";
    const OLD_STANDARD: &str = "v1,B91KiXmDNaoK84ixV30w5NlND8g1RAdrgY20O8g09mk=";

    fn signed(secrets: &[&str], attempt: u32) -> Signed {
        sign(EVENT, BODY.as_bytes(), secrets, attempt, NOW)
    }

    #[test]
    fn one_secret_gives_the_known_answers_at_every_attempt() {
        for attempt in 0..=7 {
            let signed = signed(&[NEW], attempt);
            assert_eq!(signed.timestamp, NOW);
            assert_eq!(signed.t_v1, format!("t={NOW},v1={NEW_V1}"));
            assert_eq!(signed.body, NEW_BODY);
            assert_eq!(signed.standard, NEW_STANDARD);
        }
    }

    #[test]
    fn even_attempts_put_the_older_secret_first_but_sign_the_body_with_the_newest() {
        let odd = signed(&[NEW, OLD], 1);
        assert_eq!(odd.t_v1, format!("t={NOW},v1={NEW_V1},v1={OLD_V1}"));
        assert_eq!(odd.standard, format!("{NEW_STANDARD} {OLD_STANDARD}"));
        let even = signed(&[NEW, OLD], 2);
        assert_eq!(even.t_v1, format!("t={NOW},v1={OLD_V1},v1={NEW_V1}"));
        assert_eq!(even.standard, format!("{OLD_STANDARD} {NEW_STANDARD}"));
        assert_eq!((odd.body.as_str(), even.body.as_str()), (NEW_BODY, NEW_BODY));
        assert_eq!(signed(&[NEW, OLD], 3), odd);
        assert_eq!(signed(&[NEW, OLD], 4), even);
    }

    #[test]
    fn several_older_secrets_take_turns_from_the_oldest_on() {
        let [new, middle, old] = [NEW_V1, MIDDLE_V1, OLD_V1];
        let orders = [
            [new, middle, old],
            [old, new, middle],
            [new, middle, old],
            [middle, new, old],
            [new, middle, old],
            [old, new, middle],
        ];
        for (attempt, order) in (1..).zip(orders) {
            let signed = signed(&[NEW, MIDDLE, OLD], attempt);
            assert_eq!(signed.t_v1, format!("t={NOW},v1={}", order.join(",v1=")), "{attempt}");
        }
        let standard = signed(&[NEW, MIDDLE, OLD], 4).standard;
        assert_eq!(standard, format!("{MIDDLE_STANDARD} {NEW_STANDARD} {OLD_STANDARD}"));
    }

    #[test]
    fn every_promised_header_is_there_under_either_scheme() {
        let signed = signed(&[NEW], 3);
        let headers = signed.headers(Scheme::TV1, EVENT, 3);
        let names: BTreeSet<_> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), headers.len());
        let of = |headers: &[(&str, String)], name| {
            headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone())
        };
        let t_v1 = format!("t={NOW},v1={NEW_V1}");
        assert_eq!(of(&headers, SIGNATURE).as_ref(), Some(&t_v1));
        assert_eq!(of(&headers, WEBHOOK_TIMESTAMP), Some(NOW.to_string()));
        assert_eq!(of(&headers, DELIVERY_ATTEMPT).as_deref(), Some("3"));
        for name in [WEBHOOK_ID, EVENT_ID, OLD_EVENT_ID] {
            assert_eq!(of(&headers, name).as_deref(), Some(EVENT));
        }
        let raw = signed.headers(Scheme::Raw, EVENT, 3);
        assert_eq!(of(&raw, SIGNATURE).as_deref(), Some(NEW_BODY));
        assert_eq!(of(&raw, BODY_SIGNATURE).as_deref(), Some(NEW_BODY));
        assert_eq!(of(&raw, OLD_SIGNATURE), Some(t_v1));
        assert_eq!(of(&raw, WEBHOOK_SIGNATURE).as_deref(), Some(NEW_STANDARD));
    }

    #[test]
    fn secrets_are_padded_base64_of_32_bytes_and_never_the_same() {
        let secrets: BTreeSet<_> = (0..100).map(|_| mint_secret()).collect();
        assert_eq!(secrets.len(), 100);
        for secret in &secrets {
            assert_eq!(secret.len(), SECRET_PREFIX.len() + 44);
            assert_eq!(standard_key(secret).map(|key| key.len()), Some(SECRET_BYTES));
        }
    }

    #[test]
    fn without_a_usable_secret_there_is_no_signature() {
        let none = signed(&[], 1);
        assert_eq!(
            (none.t_v1, none.body, none.standard),
            (format!("t={NOW}"), String::new(), String::new())
        );
        let odd = signed(&["whsec_not base64"], 1);
        assert!(odd.t_v1.contains(",v1="));
        assert_eq!(odd.standard, "");
    }

    #[test]
    fn signatures_stay_out_of_debug_output() {
        assert_eq!(
            format!("{:?}", signed(&[NEW], 1)),
            format!("Signed {{ timestamp: {NOW}, .. }}")
        );
    }
}
