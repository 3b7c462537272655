//! Tests: every known mistake of a receiver gets its own line.

use super::explain::{Finding, Refusal, Verified, explain};
use super::{
    BODY_SIGNATURE, OLD_SIGNATURE, SIGNATURE, Scheme, WEBHOOK_ID, WEBHOOK_SIGNATURE,
    WEBHOOK_TIMESTAMP, sign,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

// Known answers, computed with Python's hmac, hashlib and base64.
const EVENT: &str = "evt_01KAPZ6J8Q4W2M9T3X5Y7R1S0V";
const BODY: &str = r#"{"id":"evt_01KAPZ6J8Q4W2M9T3X5Y7R1S0V","object":"event","note":"naïve ✓"}"#;
const NOW: i64 = 1_795_341_600;
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OLD: &str = "whsec_//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
const OTHER: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const T_V1: &str =
    "t=1795341600,v1=5c2a9ccaf79c1ecbc4c8cd74731d17e373e8fa94a1176464b1dc05a4ee987ae2";
const RAW: &str = "2c0f6327ca3d9afaca654817d1d3474e5282720d569a007bc7c759463fe230d9";
const WITH_DECODED: &str = "542186c4a5d77d0c5f4421765319365226fcff6b0033de323b31a5fcdd5d3ed6";
const STANDARD_WITH_TEXT: &str = "v1,+RlL9pCVLHtBm6hIlHaRXTopCCH7T6tDQAv11L9OqC4=";
const STANDARD_RIGHT: &str = "v1,8uQ2NMpPqc/2IYX2+hMmz6eFDXcDUBSYGOVWNZfQIMw=";

fn request(secrets: &[&str], attempt: u32, scheme: Scheme) -> Vec<(String, String)> {
    let signed = sign(EVENT, BODY.as_bytes(), secrets, attempt, NOW);
    let headers = signed.headers(scheme, EVENT, attempt);
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn outcome(findings: &[Finding], subject: &str) -> Option<Result<Verified, Refusal>> {
    findings.iter().find(|found| found.subject == subject).map(|found| found.outcome)
}

/// What is said of one header of this value.
fn of_header(name: &str, value: &str) -> Result<Verified, Refusal> {
    let mut headers = vec![(name.to_owned(), value.to_owned())];
    if name == WEBHOOK_SIGNATURE {
        headers.push((WEBHOOK_ID.to_owned(), EVENT.to_owned()));
        headers.push((WEBHOOK_TIMESTAMP.to_owned(), NOW.to_string()));
    }
    let findings = explain(&headers, BODY.as_bytes(), SECRET, NOW, 300);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0].outcome
}

/// What is said of the three forms when this body, secret and time meet a right request.
fn of_request(body: &str, secret: &str, now: i64) -> [Result<Verified, Refusal>; 3] {
    let findings = explain(&request(&[SECRET], 1, Scheme::TV1), body.as_bytes(), secret, now, 300);
    [SIGNATURE, BODY_SIGNATURE, WEBHOOK_SIGNATURE]
        .map(|subject| outcome(&findings, subject).expect("a finding"))
}

#[test]
fn a_right_request_verifies_whatever_the_case_of_its_names() {
    for (name, value) in [
        ("X-FirstHandAPI-Signature", T_V1),
        ("X-FirstHand-Signature", T_V1),
        ("x-firsthandapi-body-signature", RAW),
        ("Webhook-Signature", STANDARD_RIGHT),
    ] {
        let headers = [
            (name.to_owned(), value.to_owned()),
            ("Webhook-Id".to_owned(), EVENT.to_owned()),
            ("WEBHOOK-TIMESTAMP".to_owned(), format!(" {NOW} ")),
        ];
        let findings = explain(&headers, BODY.as_bytes(), SECRET, NOW, 300);
        assert_eq!(findings[0].outcome, Ok(Verified::First), "{name}");
    }
    let findings = explain(&request(&[SECRET], 1, Scheme::TV1), BODY.as_bytes(), SECRET, NOW, 300);
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "x-firsthandapi-signature: verifies",
            "x-firsthand-signature: verifies",
            "x-firsthandapi-body-signature: verifies",
            "webhook-signature: verifies",
        ]
    );
}

#[test]
fn a_raw_scheme_and_a_later_signature_verify_with_a_remark() {
    let raw = explain(&request(&[SECRET], 1, Scheme::Raw), BODY.as_bytes(), SECRET, NOW, 300);
    assert_eq!(outcome(&raw, SIGNATURE), Some(Ok(Verified::BodyAlone)));
    assert_eq!(outcome(&raw, OLD_SIGNATURE), Some(Ok(Verified::First)));
    let first = request(&[SECRET, OLD], 1, Scheme::TV1);
    let later = explain(&first, BODY.as_bytes(), OLD, NOW, 300);
    let second = Some(Ok(Verified::Later { place: 2, count: 2 }));
    assert_eq!(outcome(&later, SIGNATURE), second);
    assert_eq!(outcome(&later, WEBHOOK_SIGNATURE), second);
    assert_eq!(outcome(&later, BODY_SIGNATURE), Some(Err(Refusal::WrongSecret)));
    let turned = request(&[SECRET, OLD], 2, Scheme::TV1);
    let turned = explain(&turned, BODY.as_bytes(), OLD, NOW, 300);
    assert_eq!(outcome(&turned, SIGNATURE), Some(Ok(Verified::First)));
}

#[test]
fn headers_that_are_missing_are_named() {
    let findings = explain(&[], BODY.as_bytes(), SECRET, NOW, 300);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].to_string(), "x-firsthandapi-signature: missing");
    let all = request(&[SECRET], 1, Scheme::TV1);
    for missing in [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE] {
        let some: Vec<_> = all.iter().filter(|(name, _)| name != missing).cloned().collect();
        let findings = explain(&some, BODY.as_bytes(), SECRET, NOW, 300);
        assert_eq!(outcome(&findings, missing), Some(Err(Refusal::Missing)));
        assert_eq!(findings.len(), 4, "{findings:?}");
    }
}

#[test]
fn a_wrong_form_is_told_before_anything_else() {
    let hex = &T_V1[T_V1.len() - 64..];
    let cases = [
        (String::new(), Refusal::NotTimestampAndV1),
        (format!("v1={hex}"), Refusal::NotTimestampAndV1),
        (format!("t=soon,v1={hex}"), Refusal::NotTimestampAndV1),
        (format!("t={NOW}"), Refusal::NotTimestampAndV1),
        (format!("sha256={hex}"), Refusal::NotTimestampAndV1),
        (format!("t={NOW}, v1={hex}"), Refusal::SpaceAfterComma),
        (format!("t={NOW},v1={}", &hex[1..]), Refusal::HexLength { found: 63 }),
        (format!("t={NOW},v1={hex}0"), Refusal::HexLength { found: 65 }),
        (format!("t={NOW},v1="), Refusal::HexLength { found: 0 }),
        (format!("t={NOW},v1={}", hex.to_uppercase()), Refusal::UpperCase),
        (format!("t={NOW},v1=x{}", &hex[1..]), Refusal::NotHex),
    ];
    for (value, refusal) in cases {
        assert_eq!(of_header(SIGNATURE, &value), Err(refusal), "{value}");
        assert_eq!(of_header(OLD_SIGNATURE, &value), Err(refusal), "{value}");
    }
    assert_eq!(of_header(BODY_SIGNATURE, &RAW.to_uppercase()), Err(Refusal::UpperCase));
    assert_eq!(of_header(BODY_SIGNATURE, "ab"), Err(Refusal::HexLength { found: 2 }));
    for value in ["", "v1", hex, "v1,%%", "v1,AAAA", "v1a,AAAA", T_V1] {
        assert_eq!(of_header(WEBHOOK_SIGNATURE, value), Err(Refusal::NotStandard), "{value}");
    }
    let unknown = format!("v1a,AAAA {STANDARD_RIGHT}");
    assert_eq!(of_header(WEBHOOK_SIGNATURE, &unknown), Ok(Verified::First));
    let mut headers = request(&[SECRET], 1, Scheme::TV1);
    headers.retain(|(name, _)| name != WEBHOOK_TIMESTAMP);
    headers.push((WEBHOOK_TIMESTAMP.to_owned(), "2026-11-22T10:00:00Z".to_owned()));
    let findings = explain(&headers, BODY.as_bytes(), SECRET, NOW, 300);
    assert_eq!(outcome(&findings, WEBHOOK_TIMESTAMP), Some(Err(Refusal::NotSeconds)));
}

#[test]
fn a_signature_counts_from_300_s_before_to_300_s_after() {
    let right = Ok(Verified::First);
    for now in [NOW - 300, NOW + 300] {
        assert_eq!(of_request(BODY, SECRET, now), [right; 3]);
    }
    let old = Err(Refusal::TooOld { age: 301, tolerance: 300 });
    assert_eq!(of_request(BODY, SECRET, NOW + 301), [old, right, old]);
    let future = Err(Refusal::InFuture { ahead: 301, tolerance: 300 });
    assert_eq!(of_request(BODY, SECRET, NOW - 301), [future, right, future]);
    let wrong = Err(Refusal::WrongSecret);
    assert_eq!(of_request(BODY, OTHER, NOW + 301), [wrong; 3]);
    assert_eq!(of_request(BODY, SECRET, i64::MIN)[1], right);
}

#[test]
fn a_secret_of_the_wrong_form_is_told_apart_from_a_wrong_secret() {
    let of_secret = |secret: &str| {
        let headers = request(&[SECRET], 1, Scheme::TV1);
        let findings = explain(&headers, BODY.as_bytes(), secret, NOW, 300);
        ["secret", SIGNATURE, WEBHOOK_SIGNATURE].map(|subject| outcome(&findings, subject))
    };
    let refused = |refusal| Some(Err(refusal));
    for padded in [format!(" {SECRET}"), format!("{SECRET}\r\n")] {
        assert_eq!(of_secret(&padded), [refused(Refusal::SecretPadded); 3]);
    }
    let bare = SECRET.trim_start_matches("whsec_");
    let without = refused(Refusal::SecretWithoutPrefix);
    assert_eq!(of_secret(bare), [without, without, Some(Ok(Verified::First))]);
    let broken = SECRET.trim_end_matches('=');
    let no_base64 = refused(Refusal::SecretNotBase64);
    assert_eq!(of_secret(broken), [no_base64, refused(Refusal::WrongSecret), no_base64]);
    assert_eq!(of_secret("whsec_")[0], no_base64);
    let wrong = refused(Refusal::WrongSecret);
    assert_eq!(of_secret(OTHER), [None, wrong, wrong]);
}

#[test]
fn the_wrong_key_and_the_body_alone_are_recognized() {
    let decoded = format!("t={NOW},v1={WITH_DECODED}");
    assert_eq!(of_header(SIGNATURE, &decoded), Err(Refusal::DecodedSecret));
    assert_eq!(of_header(WEBHOOK_SIGNATURE, STANDARD_WITH_TEXT), Err(Refusal::WholeSecret));
    assert_eq!(of_header(SIGNATURE, &format!("t={NOW},v1={RAW}")), Err(Refusal::BodyAlone));
    assert_eq!(of_header(OLD_SIGNATURE, RAW), Err(Refusal::BodyAlone));
    assert_eq!(of_header(OLD_SIGNATURE, WITH_DECODED), Err(Refusal::WrongSecret));
    let text = STANDARD_WITH_TEXT.replace("v1,", "");
    assert!(STANDARD.decode(text).is_ok());
}

#[test]
fn a_body_that_was_changed_on_the_way_is_recognized() {
    let lines = "{\n  \"id\": \"evt_01KAPZ6J8Q4W2M9T3X5Y7R1S0V\",\n  \"object\": \"event\",\n  \"note\": \"naïve ✓\"\n}";
    let python = r#"{"id": "evt_01KAPZ6J8Q4W2M9T3X5Y7R1S0V", "object": "event", "note": "na\u00efve \u2713"}"#;
    let cases = [
        (format!("{BODY}\n"), Refusal::FinalNewline),
        (format!("{BODY}\r\n"), Refusal::FinalNewline),
        (lines.to_owned(), Refusal::Rewritten),
        (python.to_owned(), Refusal::Rewritten),
        (BODY.replace("naïve", "naive"), Refusal::WrongSecret),
        (String::new(), Refusal::WrongSecret),
    ];
    for (body, refusal) in cases {
        assert_eq!(of_request(&body, SECRET, NOW), [Err(refusal); 3], "{body}");
    }
    let sent = "{\r\n}";
    let signed = sign(EVENT, sent.as_bytes(), &[SECRET], 1, NOW);
    let headers = [(SIGNATURE.to_owned(), signed.t_v1)];
    let findings = explain(&headers, b"{\n}", SECRET, NOW, 300);
    assert_eq!(outcome(&findings, SIGNATURE), Some(Err(Refusal::LineEnds)));
}

#[test]
fn every_line_is_one_line_in_lower_case_without_the_secret() {
    let numbers = Refusal::TooOld { age: 412, tolerance: 300 };
    assert_eq!(numbers.to_string(), "right, but signed 412 s ago; at most 300 s are allowed");
    for secret in [OTHER, " whsec_x", "", "AAAA", SECRET] {
        for body in ["", "{}", "{\n}"] {
            for scheme in [Scheme::TV1, Scheme::Raw] {
                let headers = request(&[SECRET, OLD], 1, scheme);
                for finding in explain(&headers, body.as_bytes(), secret, NOW, 300) {
                    let line = finding.to_string();
                    assert!(!line.contains('\n') && !line.ends_with('.'), "{line}");
                    assert_eq!(line, line.to_lowercase());
                    assert!(secret.is_empty() || !line.contains(secret), "{line}");
                }
            }
        }
    }
}
