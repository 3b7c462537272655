//! Verifies the signatures of a webhook by the documents alone: nothing here is shared with the product.

use crate::receiver::Received;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far a signature's time may be from the request's arrival: they are made on one machine, for each attempt.
const FRESH_SECONDS: f64 = 5.0;

/// What a header `t=<unix>,v1=<hex>,…` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// When it was signed, in seconds since 1970.
    pub t: i64,
    /// The signatures, in their order.
    pub v1: Vec<String>,
}

impl Signed {
    /// Reads a header as strictly as the published client does: no blanks, `t` first.
    #[track_caller]
    pub fn parse(header: &str) -> Signed {
        let mut parts = header.split(',');
        let t = parts.next().and_then(|part| part.strip_prefix("t="));
        let t = t.and_then(|t| t.parse().ok()).unwrap_or_else(|| panic!("no t= in {header:?}"));
        let v1 = parts.map(|part| {
            let hex = part.strip_prefix("v1=").unwrap_or_else(|| panic!("{part:?} in {header:?}"));
            assert!(hex.len() == 64 && hex::decode(hex).is_ok(), "{hex:?} is no SHA-256 in hex");
            hex.to_owned()
        });
        Signed { t, v1: v1.collect() }
    }
}

/// HMAC-SHA256.
pub fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// What follows `whsec_`, decoded: the key of Standard Webhooks.
///
/// # Panics
/// Unless it is `whsec_` and base64 of 24 to 64 bytes.
#[track_caller]
pub fn standard_key(secret: &str) -> Vec<u8> {
    let text = secret.strip_prefix("whsec_").unwrap_or_else(|| panic!("not whsec_…: {secret:?}"));
    let key = STANDARD.decode(text).unwrap_or_else(|e| panic!("{secret:?} is no base64: {e}"));
    assert!((24..=64).contains(&key.len()), "a key of {} bytes", key.len());
    key
}

fn hex_over(secret: &str, t: i64, body: &[u8]) -> String {
    let mut message = format!("{t}.").into_bytes();
    message.extend_from_slice(body);
    hex::encode(mac(secret.as_bytes(), &message))
}

impl Received {
    /// Checks every signature header of the scheme `t_v1` under these secrets, the newest first.
    #[track_caller]
    pub fn assert_signed(&self, secrets: &[&str]) {
        self.assert_timed("X-FirstHandAPI-Signature", secrets);
        self.assert_signed_beside(secrets);
    }

    /// Checks every signature header of the scheme `raw` under these secrets, the newest first.
    #[track_caller]
    pub fn assert_signed_raw(&self, secrets: &[&str]) {
        let body_signature = hex::encode(mac(secrets[0].as_bytes(), &self.body));
        assert_eq!(self.must("X-FirstHandAPI-Signature"), body_signature);
        self.assert_signed_beside(secrets);
    }

    /// The headers that don't depend on the scheme.
    #[track_caller]
    fn assert_signed_beside(&self, secrets: &[&str]) {
        self.assert_timed("X-FirstHand-Signature", secrets);
        let body_signature = hex::encode(mac(secrets[0].as_bytes(), &self.body));
        assert_eq!(self.must("X-FirstHandAPI-Body-Signature"), body_signature);
        self.assert_standard(secrets);
        let id = self.json()["id"].as_str().expect("an event has an id").to_owned();
        for name in ["X-FirstHandAPI-Event-Id", "X-FirstHand-Event-Id", "webhook-id"] {
            assert_eq!(self.must(name), id, "{name}");
        }
    }

    /// One `v1=` for each secret; odd attempts begin with the newest, even ones with an older one.
    #[track_caller]
    fn assert_timed(&self, name: &str, secrets: &[&str]) {
        let signed = Signed::parse(self.must(name));
        self.assert_fresh(signed.t);
        let expected: Vec<String> =
            secrets.iter().map(|secret| hex_over(secret, signed.t, &self.body)).collect();
        let (mut given, mut wanted) = (signed.v1.clone(), expected.clone());
        given.sort();
        wanted.sort();
        assert_eq!(given, wanted, "{name} of attempt {}", self.attempt());
        let newest_first = signed.v1[0] == expected[0];
        let odd = self.attempt() % 2 == 1;
        assert!(secrets.len() == 1 || newest_first == odd, "{name} of attempt {}", self.attempt());
    }

    /// `webhook-signature` is a list of `v1,<base64>` over `<id>.<timestamp>.<body>`, one for each secret.
    #[track_caller]
    fn assert_standard(&self, secrets: &[&str]) {
        let timestamp = self.must("webhook-timestamp");
        self.assert_fresh(timestamp.parse().expect("webhook-timestamp is a number"));
        let mut message = format!("{}.{timestamp}.", self.must("webhook-id")).into_bytes();
        message.extend_from_slice(&self.body);
        let sign =
            |secret: &&str| format!("v1,{}", STANDARD.encode(mac(&standard_key(secret), &message)));
        let mut wanted: Vec<String> = secrets.iter().map(sign).collect();
        let header = self.must("webhook-signature");
        let mut given: Vec<String> = header.split(' ').map(str::to_owned).collect();
        wanted.sort();
        given.sort();
        assert_eq!(given, wanted, "webhook-signature");
    }

    /// The time of a signature is that of its attempt.
    #[track_caller]
    fn assert_fresh(&self, t: i64) {
        let age = self.arrived_at - t as f64;
        assert!((-1.0..=FRESH_SECONDS).contains(&age), "signed {age:.1} s before it arrived");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_that_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(mac(b"Jefe", b"what do ya want for nothing?")), expected);
    }

    #[test]
    fn the_key_of_standard_webhooks_is_what_follows_the_prefix() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let message = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let signature = STANDARD.encode(mac(&standard_key(secret), message));
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_header_is_read_part_by_part() {
        let v1 = "ab".repeat(32);
        let signed = Signed::parse(&format!("t=17,v1={v1},v1={v1}"));
        assert_eq!(signed, Signed { t: 17, v1: vec![v1.clone(), v1] });
    }

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    /// A request as the contract describes it, signed by these secrets in this order.
    fn signed(attempt: u32, order: [&str; 2]) -> Received {
        let body = br#"{"id":"evt_1"}"#.to_vec();
        let arrived_at = crate::clock::now();
        let t = arrived_at as i64;
        let timed = order.map(|secret| format!("v1={}", hex_over(secret, t, &body))).join(",");
        let mut message = format!("evt_1.{t}.").into_bytes();
        message.extend_from_slice(&body);
        let standard =
            order.map(|s| format!("v1,{}", STANDARD.encode(mac(&standard_key(s), &message))));
        let headers = [
            ("x-firsthandapi-signature", format!("t={t},{timed}")),
            ("x-firsthand-signature", format!("t={t},{timed}")),
            ("x-firsthandapi-body-signature", hex::encode(mac(NEW.as_bytes(), &body))),
            ("webhook-id", "evt_1".to_owned()),
            ("webhook-timestamp", t.to_string()),
            ("webhook-signature", standard.join(" ")),
            ("x-firsthandapi-event-id", "evt_1".to_owned()),
            ("x-firsthand-event-id", "evt_1".to_owned()),
            ("x-firsthandapi-delivery-attempt", attempt.to_string()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
        let (method, path) = ("POST".to_owned(), "/".to_owned());
        Received { method, path, headers, body, arrived: std::time::Instant::now(), arrived_at }
    }

    fn accepted(request: &Received, secrets: &[&str]) -> bool {
        std::panic::catch_unwind(|| request.assert_signed(secrets)).is_ok()
    }

    #[test]
    fn the_order_of_two_secrets_depends_on_the_attempt() {
        for (attempt, order, good) in [
            (1, [NEW, OLD], true),
            (1, [OLD, NEW], false),
            (2, [OLD, NEW], true),
            (2, [NEW, OLD], false),
        ] {
            assert_eq!(accepted(&signed(attempt, order), &[NEW, OLD]), good, "{attempt} {order:?}");
        }
    }

    #[test]
    fn a_secret_too_many_or_too_few_a_changed_body_and_an_old_time_are_found() {
        let request = signed(1, [NEW, OLD]);
        assert!(!accepted(&request, &[NEW]));
        assert!(!accepted(&signed(1, [NEW, NEW]), &[NEW, OLD]));
        let changed = Received { body: br#"{"id":"evt_1" }"#.to_vec(), ..request.clone() };
        assert!(!accepted(&changed, &[NEW, OLD]));
        let late = Received { arrived_at: request.arrived_at + 60.0, ..request };
        assert!(!accepted(&late, &[NEW, OLD]));
    }
}
