//! Stripe's webhook signature: `t=<unix>,v1=<hex>[,v1=…]`, an HMAC-SHA256 over `t.body`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far the signed time may be from ours, in seconds; as in Stripe's own libraries.
pub const TOLERANCE: i64 = 300;

/// Why a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefused {
    /// The header does not have the documented form.
    #[error("the signature header is malformed")]
    Malformed,
    /// It was signed too long ago, or in the future.
    #[error("the signature's time is not within five minutes of now")]
    Stale,
    /// No signature of the body is right.
    #[error("no signature matches the body")]
    Mismatch,
}

fn mac(secret: &str, time: &str, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// Signs a body at a time in seconds since the epoch.
pub fn sign(secret: &str, body: &[u8], now: i64) -> String {
    let time = now.to_string();
    let signature = mac(secret, &time, body).map(hex::encode).unwrap_or_default();
    format!("t={time},v1={signature}")
}

/// Checks a signature against a body; `now` in seconds since the epoch.
///
/// # Errors
/// Says why it is refused.
pub fn verify(secret: &str, header: &str, body: &[u8], now: i64) -> Result<(), SignatureRefused> {
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let time = fields().find(|(name, _)| *name == "t").map(|(_, value)| value);
    let time = time.ok_or(SignatureRefused::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_number| SignatureRefused::Malformed)?;
    let mut given = fields().filter(|(name, _)| *name == "v1").peekable();
    if given.peek().is_none() {
        return Err(SignatureRefused::Malformed);
    }
    let wanted = mac(secret, time, body).ok_or(SignatureRefused::Malformed)?;
    let matches = given
        .filter_map(|(_, value)| hex::decode(value).ok())
        .any(|value| bool::from(value.as_slice().ct_eq(&wanted)));
    if !matches {
        return Err(SignatureRefused::Mismatch);
    }
    let apart = now.checked_sub(seconds).map(i64::abs);
    if apart.is_none_or(|apart| apart > TOLERANCE) {
        return Err(SignatureRefused::Stale);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test";
    const NOW: i64 = 1_770_000_000;

    #[test]
    fn what_was_signed_is_accepted_for_five_minutes() {
        let header = sign(SECRET, b"body", NOW);
        for apart in [-300, 0, 300] {
            assert_eq!(verify(SECRET, &header, b"body", NOW + apart), Ok(()));
        }
        for apart in [-301, 301] {
            let refused = verify(SECRET, &header, b"body", NOW + apart);
            assert_eq!(refused, Err(SignatureRefused::Stale));
        }
    }

    #[test]
    fn any_of_several_signatures_will_do() {
        let good = sign(SECRET, b"body", NOW);
        let other = "0".repeat(64);
        let (time, good) = good.split_once(',').expect("two fields");
        let header = format!("{time},v0=ff,v1={other},{good}");
        assert_eq!(verify(SECRET, &header, b"body", NOW), Ok(()));
    }

    #[test]
    fn a_changed_body_time_or_secret_is_refused() {
        let header = sign(SECRET, b"body", NOW);
        let later = header.replace(&NOW.to_string(), &(NOW + 1).to_string());
        let mismatch = Err(SignatureRefused::Mismatch);
        assert_eq!(verify(SECRET, &header, b"bodY", NOW), mismatch);
        assert_eq!(verify("whsec_other", &header, b"body", NOW), mismatch);
        assert_eq!(verify(SECRET, &later, b"body", NOW), mismatch);
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=,v1=00", "nonsense"] {
            let refused = verify(SECRET, header, b"body", NOW);
            assert_eq!(refused, Err(SignatureRefused::Malformed), "{header}");
        }
        let refused = verify(SECRET, "t=-9223372036854775808,v1=00", b"body", NOW);
        assert_eq!(refused, Err(SignatureRefused::Mismatch));
    }
}
