//! Secrets: keys and tokens by keyed hash, anything that must be read back sealed.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use firsthand_domain::Environment;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use ulid::Ulid;

/// Length of the nonce in front of a sealed text.
const NONCE: usize = 24;

/// Says that a sealed text was not sealed by us for this purpose, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value can't be opened")]
pub struct SealBroken;

/// The service's own keys, derived from one master secret.
#[derive(Clone)]
pub struct Secrets {
    pepper: [u8; 32],
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length; the alternative never happens and would only weaken the hash
    // of an empty key.
    let mut mac = match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_never) => <Hmac<Sha256> as KeyInit>::new(&[0; 64].into()),
    };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl Secrets {
    /// Derives the keys from the master secret, of at least 32 bytes.
    pub fn new(master: &[u8]) -> Self {
        Self {
            pepper: hmac(master, &[b"pepper"]),
            cipher: XChaCha20Poly1305::new(&hmac(master, &[b"seal"]).into()),
        }
    }

    /// Returns the keyed hash of a secret or a personal datum; `purpose` keeps the uses apart.
    pub fn digest(&self, purpose: &str, text: &str) -> [u8; 32] {
        hmac(&self.pepper, &[purpose.as_bytes(), text.as_bytes()])
    }

    /// Returns the keyed hash in hexadecimal.
    pub fn digest_hex(&self, purpose: &str, text: &str) -> String {
        hex::encode(self.digest(purpose, text))
    }

    /// Seals a text for a purpose; only with the same purpose can it be opened.
    pub fn seal(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: text, aad: purpose.as_bytes() };
        // Sealing fails only beyond 256 GiB.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let (nonce, text) = sealed.split_at_checked(NONCE).ok_or(SealBroken)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_length| SealBroken)?;
        let payload = Payload { msg: text, aad: purpose.as_bytes() };
        self.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_opaque| SealBroken)
    }
}

/// Compares two secrets in constant time.
pub fn equal(left: impl AsRef<[u8]>, right: impl AsRef<[u8]>) -> bool {
    left.as_ref().ct_eq(right.as_ref()).into()
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes the low digits of a number in base 62.
fn base62(mut number: u128, digits: usize) -> String {
    let mut text = vec![b'0'; digits];
    for place in text.iter_mut().rev() {
        let digit = usize::try_from(number % 62).unwrap_or(0);
        *place = BASE62.get(digit).copied().unwrap_or(b'0');
        number /= 62;
    }
    text.into_iter().map(char::from).collect()
}

const ULID_DIGITS: usize = 26;
const RANDOM_DIGITS: usize = 32;
const CHECK_DIGITS: usize = 6;

/// The prefix of a worker's token.
pub const WORKER_PREFIX: &str = "fhw_";

/// Returns the prefix of an API key.
pub fn key_prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "fh_live_",
        Environment::Test => "fh_test_",
    }
}

/// Mints a secret: prefix, the ULID of what it opens, 190 random bits, and a checksum by which
/// scanners tell it from chance and we refuse a wrong one without a look-up.
pub fn mint(prefix: &str, opens: Ulid) -> String {
    let random: [u128; 2] = rand::random();
    let half = RANDOM_DIGITS / 2;
    let mut buffer = [0; ulid::ULID_LEN];
    let mut secret = format!("{prefix}{}", opens.array_to_str(&mut buffer));
    for number in random {
        secret.push_str(&base62(number, half));
    }
    let check = base62(u128::from(crc32fast::hash(secret.as_bytes())), CHECK_DIGITS);
    secret.push_str(&check);
    secret
}

/// Returns the ULID of what a secret opens; `None` if it can't be one of ours.
pub fn opens(prefix: &str, secret: &str) -> Option<Ulid> {
    let body = secret.strip_prefix(prefix)?;
    if body.len() != ULID_DIGITS + RANDOM_DIGITS + CHECK_DIGITS || !body.is_ascii() {
        return None;
    }
    let (text, check) = secret.split_at_checked(secret.len() - CHECK_DIGITS)?;
    if base62(u128::from(crc32fast::hash(text.as_bytes())), CHECK_DIGITS) != check {
        return None;
    }
    Ulid::from_string(body.get(..ULID_DIGITS)?).ok()
}

/// Returns the last four characters, which are all that is ever shown again.
pub fn last4(secret: &str) -> String {
    secret.get(secret.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_names_what_it_opens_and_shows_tampering() {
        let ulid = Ulid(0x0199_1234_5678_9abc_def0_1234_5678_9abc);
        let secret = mint("fh_live_", ulid);
        assert_eq!(opens("fh_live_", &secret), Some(ulid));
        assert_eq!(opens("fh_test_", &secret), None);
        assert_ne!(mint("fh_live_", ulid), secret);
        for position in 8..secret.len() {
            let mut changed = secret.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(opens("fh_live_", &String::from_utf8(changed).unwrap()), None);
        }
    }

    #[test]
    fn what_is_sealed_opens_only_for_its_purpose() {
        let secrets = Secrets::new(&[7; 32]);
        let sealed = secrets.seal("email", b"somebody@example.com");
        assert_eq!(secrets.open("email", &sealed).as_deref(), Ok(&b"somebody@example.com"[..]));
        assert_eq!(secrets.open("phone", &sealed), Err(SealBroken));
        assert_eq!(Secrets::new(&[8; 32]).open("email", &sealed), Err(SealBroken));
        let mut changed = sealed;
        changed[30] ^= 1;
        assert_eq!(secrets.open("email", &changed), Err(SealBroken));
        assert_eq!(secrets.open("email", &[1; 5]), Err(SealBroken));
    }
}
