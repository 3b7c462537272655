//! Why a receiver refuses a signature, for who has the request and the secret.

use super::original::{Change, originals};
use super::{
    BODY_SIGNATURE, Digest, OLD_SIGNATURE, SECRET_PREFIX, SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE,
    WEBHOOK_TIMESTAMP, digest, identified, standard_key, timed,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use subtle::ConstantTimeEq;

/// Hexadecimal digits of a signature.
const HEX_DIGITS: usize = 64;

/// What was found about one header, or about the secret. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The header in lower case, or `secret`.
    pub subject: &'static str,
    /// Whether it verifies.
    pub outcome: Result<Verified, Refusal>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.subject)?;
        match &self.outcome {
            Ok(verified) => verified.fmt(f),
            Err(refusal) => refusal.fmt(f),
        }
    }
}

/// How a signature verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// As the first of the signatures, so with every library.
    First,
    /// As a later one, which some libraries don't read.
    Later {
        /// Which it is, from 2.
        place: usize,
        /// How many there are.
        count: usize,
    },
    /// Over the body alone, as an endpoint with `signature_scheme: raw` gets it.
    BodyAlone,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => write!(f, "verifies"),
            Self::Later { place, count } => write!(
                f,
                "verifies as signature {place} of {count}; a library that reads only the first \
                 refuses it and accepts another attempt"
            ),
            Self::BodyAlone => write!(
                f,
                "verifies over the body alone (signature_scheme raw); a library that wants t=,v1= \
                 refuses it"
            ),
        }
    }
}

/// Why a signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The header is not there.
    #[error("missing")]
    Missing,
    /// Another form than `t=…,v1=…`.
    #[error("not of the form t=<unix seconds>,v1=<hex>")]
    NotTimestampAndV1,
    /// White space between the parts, which libraries take for a part of the name.
    #[error("a space follows a comma; the parts must be joined by commas alone")]
    SpaceAfterComma,
    /// Another form than `v1,…`.
    #[error("not a list of v1,<base64 of 32 bytes>, separated by spaces")]
    NotStandard,
    /// A timestamp that is no whole number.
    #[error("not a number of seconds since 1970")]
    NotSeconds,
    /// Something else than hexadecimal digits.
    #[error("the signature holds something else than hexadecimal digits")]
    NotHex,
    /// Too few or too many digits.
    #[error("the signature has {found} hexadecimal digits instead of 64")]
    HexLength {
        /// How many there are.
        found: usize,
    },
    /// Digits in upper case, which no library compares.
    #[error("the signature is in upper case; libraries compare it in lower case")]
    UpperCase,
    /// The signature is right but old.
    #[error("right, but signed {age} s ago; at most {tolerance} s are allowed")]
    TooOld {
        /// Seconds since it was signed.
        age: i64,
        /// Seconds allowed.
        tolerance: i64,
    },
    /// The signature is right but of a later time than now.
    #[error("right, but signed {ahead} s in the future; at most {tolerance} s are allowed")]
    InFuture {
        /// Seconds until then.
        ahead: i64,
        /// Seconds allowed.
        tolerance: i64,
    },
    /// The secret holds more than its text.
    #[error("the secret has white space around it")]
    SecretPadded,
    /// The secret lacks its prefix.
    #[error("the secret does not begin with whsec_; the prefix is part of it")]
    SecretWithoutPrefix,
    /// No key can be decoded from the secret.
    #[error("the secret is not base64 after whsec_")]
    SecretNotBase64,
    /// The signature covers the body and no timestamp.
    #[error("made over the body alone, without what must stand before it")]
    BodyAlone,
    /// The signature was made with the decoded secret.
    #[error("made with the base64-decoded secret; this header takes the secret's whole text")]
    DecodedSecret,
    /// The signature was made with the secret's text.
    #[error("made with the secret's whole text; this header takes the base64-decoded secret")]
    WholeSecret,
    /// A newline at the body's end came or went.
    #[error("the body gained or lost a newline at its end")]
    FinalNewline,
    /// Line ends were converted.
    #[error("the line ends of the body were converted (crlf)")]
    LineEnds,
    /// The body was parsed and written again.
    #[error("the body was parsed and written again; verify the bytes as they came")]
    Rewritten,
    /// None of the known mistakes.
    #[error("signed with another secret, or over another body")]
    WrongSecret,
}

/// Says of each signature header that is present whether it verifies and, if not, why; and of the
/// secret what is wrong with its form.
pub fn explain(
    headers: &[(String, String)],
    body: &[u8],
    secret: &str,
    now_seconds: i64,
    tolerance_seconds: i64,
) -> Vec<Finding> {
    let case = Case { headers, body, secret, now: now_seconds, tolerance: tolerance_seconds };
    let mut findings = Vec::new();
    if let Some(refusal) = flaw(secret) {
        findings.push(Finding { subject: "secret", outcome: Err(refusal) });
    }
    for (name, value) in headers {
        let (name, value) = (name.to_ascii_lowercase(), value.trim_ascii());
        findings.extend(match name.as_str() {
            SIGNATURE => Some(Finding { subject: SIGNATURE, outcome: case.either(value) }),
            OLD_SIGNATURE => Some(Finding { subject: OLD_SIGNATURE, outcome: case.t_v1(value) }),
            BODY_SIGNATURE => {
                let outcome = case.raw(value).map(|_place| Verified::First);
                Some(Finding { subject: BODY_SIGNATURE, outcome })
            }
            WEBHOOK_SIGNATURE => Some(case.standard(value)),
            _ => None,
        });
    }
    let missing = |subject| Finding { subject, outcome: Err(Refusal::Missing) };
    if findings.iter().all(|finding| finding.subject == "secret") {
        findings.push(missing(SIGNATURE));
    }
    let standard = [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE];
    if standard.iter().any(|name| case.header(name).is_some()) {
        let reported = |name: &str| findings.iter().any(|finding| finding.subject == name);
        let absent: Vec<_> = standard
            .into_iter()
            .filter(|name| case.header(name).is_none() && !reported(name))
            .collect();
        findings.extend(absent.into_iter().map(missing));
    }
    findings
}

/// What is wrong with the secret itself.
fn flaw(secret: &str) -> Option<Refusal> {
    if secret.trim() != secret {
        Some(Refusal::SecretPadded)
    } else if !secret.starts_with(SECRET_PREFIX) {
        Some(Refusal::SecretWithoutPrefix)
    } else if standard_key(secret).is_none() {
        Some(Refusal::SecretNotBase64)
    } else {
        None
    }
}

/// What key a header's signatures are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    WholeText,
    Decoded,
}

impl Key {
    fn of(self, secret: &str) -> Option<Vec<u8>> {
        match self {
            Self::WholeText => Some(secret.as_bytes().to_vec()),
            Self::Decoded => standard_key(secret),
        }
    }

    /// The other key, and what it means to find it used instead of this one.
    fn other(self) -> (Self, Refusal) {
        match self {
            Self::WholeText => (Self::Decoded, Refusal::DecodedSecret),
            Self::Decoded => (Self::WholeText, Refusal::WholeSecret),
        }
    }
}

/// The request and the secret in question.
struct Case<'a> {
    headers: &'a [(String, String)],
    body: &'a [u8],
    secret: &'a str,
    now: i64,
    tolerance: i64,
}

impl Case<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim_ascii())
    }

    /// A header whose form depends on the endpoint's scheme.
    fn either(&self, value: &str) -> Result<Verified, Refusal> {
        if looks_raw(value) {
            self.raw(value).map(|_place| Verified::BodyAlone)
        } else {
            self.t_v1(value)
        }
    }

    fn raw(&self, value: &str) -> Result<Verified, Refusal> {
        self.judge(&[unhex(value)?], Key::WholeText, "")
    }

    fn t_v1(&self, value: &str) -> Result<Verified, Refusal> {
        if looks_raw(value) {
            return self.raw(value).and(Err(Refusal::BodyAlone));
        }
        let (timestamp, signatures) = parts(value)?;
        let verified = self.judge(&signatures, Key::WholeText, &timed(timestamp))?;
        self.in_time(timestamp)?;
        Ok(verified)
    }

    fn standard(&self, value: &str) -> Finding {
        let about = |subject, outcome| Finding { subject, outcome };
        let Some(id) = self.header(WEBHOOK_ID) else {
            return about(WEBHOOK_ID, Err(Refusal::Missing));
        };
        let Some(timestamp) = self.header(WEBHOOK_TIMESTAMP) else {
            return about(WEBHOOK_TIMESTAMP, Err(Refusal::Missing));
        };
        let Ok(timestamp) = timestamp.parse() else {
            return about(WEBHOOK_TIMESTAMP, Err(Refusal::NotSeconds));
        };
        let outcome = standard_signatures(value)
            .and_then(|found| self.judge(&found, Key::Decoded, &identified(id, timestamp)))
            .and_then(|verified| self.in_time(timestamp).map(|()| verified));
        about(WEBHOOK_SIGNATURE, outcome)
    }

    fn in_time(&self, timestamp: i64) -> Result<(), Refusal> {
        let (age, tolerance) = (self.now.saturating_sub(timestamp), self.tolerance);
        let ahead = timestamp.saturating_sub(self.now);
        if age > tolerance {
            Err(Refusal::TooOld { age, tolerance })
        } else if ahead > tolerance {
            Err(Refusal::InFuture { ahead, tolerance })
        } else {
            Ok(())
        }
    }

    /// Looks for the right signature among those found and, where there is none, for one that a
    /// single known mistake explains.
    fn judge(&self, found: &[Digest], key: Key, before: &str) -> Result<Verified, Refusal> {
        let place = |secret: &str, key: Key, before: &str, body: &[u8]| {
            let expected = digest(&key.of(secret)?, before, body);
            found.iter().position(|found| found.ct_eq(&expected).into())
        };
        match place(self.secret, key, before, self.body) {
            Some(0) => return Ok(Verified::First),
            Some(at) => return Ok(Verified::Later { place: at + 1, count: found.len() }),
            None => (),
        }
        let trimmed = self.secret.trim();
        let whole = format!("{SECRET_PREFIX}{trimmed}");
        let (other, other_used) = key.other();
        let mistakes = [
            (trimmed, key, before, Refusal::SecretPadded),
            (&whole, key, before, Refusal::SecretWithoutPrefix),
            (self.secret, other, before, other_used),
            (self.secret, key, "", Refusal::BodyAlone),
        ];
        for (secret, key, before, refusal) in mistakes {
            if place(secret, key, before, self.body).is_some() {
                return Err(refusal);
            }
        }
        let key_exists = key.of(self.secret).is_some();
        for (change, original) in originals(self.body) {
            if key_exists && place(self.secret, key, before, &original).is_some() {
                return Err(match change {
                    Change::FinalNewline => Refusal::FinalNewline,
                    Change::LineEnds => Refusal::LineEnds,
                    Change::Rewritten => Refusal::Rewritten,
                });
            }
        }
        Err(if key_exists { Refusal::WrongSecret } else { Refusal::SecretNotBase64 })
    }
}

/// Says whether a value is one signature and nothing else.
fn looks_raw(value: &str) -> bool {
    value.len() == HEX_DIGITS && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads `t=…,v1=…`; parts of other names are none of ours.
fn parts(value: &str) -> Result<(i64, Vec<Digest>), Refusal> {
    if value.split(',').skip(1).any(|part| part.starts_with([' ', '\t'])) {
        return Err(Refusal::SpaceAfterComma);
    }
    let timestamp = value.split(',').find_map(|part| part.strip_prefix("t="));
    let timestamp = timestamp.and_then(|text| text.parse().ok());
    let signatures: Vec<_> =
        value.split(',').filter_map(|part| part.strip_prefix("v1=")).map(unhex).collect();
    match timestamp {
        Some(timestamp) if !signatures.is_empty() => {
            Ok((timestamp, signatures.into_iter().collect::<Result<_, _>>()?))
        }
        _ => Err(Refusal::NotTimestampAndV1),
    }
}

fn unhex(text: &str) -> Result<Digest, Refusal> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::NotHex);
    }
    let mut bytes = Digest::default();
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_length| Refusal::HexLength { found: text.len() })?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Refusal::UpperCase);
    }
    Ok(bytes)
}

/// Reads a list of `v1,<base64>`; other versions are none of ours.
fn standard_signatures(value: &str) -> Result<Vec<Digest>, Refusal> {
    let mut found = Vec::new();
    for one in value.split(' ') {
        let (version, text) = one.split_once(',').ok_or(Refusal::NotStandard)?;
        if version == "v1" {
            let bytes = STANDARD.decode(text).map_err(|_form| Refusal::NotStandard)?;
            found.push(bytes.try_into().map_err(|_length| Refusal::NotStandard)?);
        }
    }
    if found.is_empty() { Err(Refusal::NotStandard) } else { Ok(found) }
}
