"""Signatures: what verifies, and each way not to."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest

from firsthand import FirstHandSignatureError, construct_webhook_event, verify_webhook_signature

SECRET, OLD = "whsec_bmV3", "whsec_b2xk"
BODY = json.dumps({"id": "evt_1", "type": "job.completed", "data": {"é": "😀"}}, ensure_ascii=False).encode()


def v1(secret: str, at: int, body: bytes = BODY) -> str:
    return "v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def header(*secrets: str, at: int | None = None) -> str:
    at = int(time.time()) if at is None else at
    return ",".join([f"t={at}", *(v1(secret, at) for secret in secrets)])


@pytest.mark.parametrize("payload", [BODY, BODY.decode(), bytearray(BODY)])
def test_the_body_verifies_as_text_and_as_bytes(payload: str | bytes) -> None:
    assert verify_webhook_signature(payload, header(SECRET), SECRET) is True


def test_any_v1_will_do_in_any_place() -> None:
    for order in [(SECRET, OLD), (OLD, SECRET), ("whsec_x", "whsec_y", SECRET)]:
        assert verify_webhook_signature(BODY, header(*order), SECRET)
    with pytest.raises(FirstHandSignatureError, match="does not verify"):
        verify_webhook_signature(BODY, header(OLD, "whsec_x"), SECRET)


def test_blanks_other_schemes_and_order_do_not_matter() -> None:
    now = int(time.time())
    for text in [f"t={now}, {v1(SECRET, now)}", f"v0=ab,{v1(SECRET, now)},t={now}"]:
        assert verify_webhook_signature(BODY, text, SECRET)


def test_a_changed_body_or_secret_is_refused() -> None:
    for body, secret in [(BODY + b" ", SECRET), (BODY, SECRET[:-1]), (BODY, SECRET.removeprefix("whsec_"))]:
        with pytest.raises(FirstHandSignatureError, match="does not verify"):
            verify_webhook_signature(body, header(SECRET), secret)


@pytest.mark.parametrize("age", [301, 10**6, -305])
def test_what_is_too_old_or_from_the_future_is_refused(age: int) -> None:
    signature = header(SECRET, at=int(time.time()) - age)
    with pytest.raises(FirstHandSignatureError, match="timestamp"):
        verify_webhook_signature(BODY, signature, SECRET)
    assert verify_webhook_signature(BODY, signature, SECRET, tolerance_seconds=10**7)


def test_the_time_is_signed_too() -> None:
    now = int(time.time())
    signature = f"t={now},{v1(SECRET, now - 1)}"
    with pytest.raises(FirstHandSignatureError, match="does not verify"):
        verify_webhook_signature(BODY, signature, SECRET)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=1",
        "v1=ab",
        "v1",
        "t=,v1=ab",
        "t=x,v1=ab",
        "t=\uff11,v1=ab",
        "t=1,t=2,v1=ab",
        "t=-1,v1=ab",
        ",,=",
    ],
)
def test_what_is_malformed_is_refused(signature: str) -> None:
    with pytest.raises(ValueError, match="signature"):
        verify_webhook_signature(BODY, signature, SECRET)


def test_text_that_is_not_ascii_is_refused_and_not_a_crash() -> None:
    with pytest.raises(FirstHandSignatureError):
        verify_webhook_signature(BODY, f"t={int(time.time())},v1=é", SECRET)
    with pytest.raises(FirstHandSignatureError):
        verify_webhook_signature(b"\xff", header(SECRET), SECRET)
    with pytest.raises(FirstHandSignatureError, match="empty"):
        verify_webhook_signature(BODY, header(""), "")


def test_a_signature_of_the_body_alone_must_be_asked_for() -> None:
    raw = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert verify_webhook_signature(BODY, raw, SECRET, scheme="raw")
    with pytest.raises(FirstHandSignatureError, match="scheme='raw'"):
        verify_webhook_signature(BODY, raw, SECRET)
    for wrong in [raw[:-1], raw + "0", "", header(SECRET)]:
        with pytest.raises(FirstHandSignatureError, match="does not verify"):
            verify_webhook_signature(BODY, wrong, SECRET, scheme="raw")
    with pytest.raises(ValueError, match="scheme"):
        verify_webhook_signature(BODY, raw, SECRET, scheme="v2")  # type: ignore[arg-type]


def test_an_event_is_read_only_if_it_verifies() -> None:
    assert construct_webhook_event(BODY, header(SECRET), SECRET)["data"] == {"é": "😀"}
    with pytest.raises(FirstHandSignatureError):
        construct_webhook_event(BODY, header(OLD), SECRET)
