"""One delivery, seen by every library: it verifies, and each of its forgeries is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from dataclasses import replace

from checks import Checks
from delivered import Request
from libraries import ALL, SIGNATURE, Libraries

# The libraries allow 300 s.
TOO_OLD_SECONDS = 330


def body_signature(body: bytes, secret: str) -> str:
    """The body's signature, computed with nothing but the standard library."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def another_secret() -> str:
    """A secret of the right form that signed nothing."""
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def with_one_byte_changed(request: Request) -> Request:
    """The request with the last digit of its event's id changed: still JSON, still UTF-8."""
    at = request.body.index(request.event_id.encode()) + len(request.event_id) - 1
    digit = b"1" if request.body[at : at + 1] == b"0" else b"0"
    return replace(request, body=request.body[:at] + digit + request.body[at + 1 :])


def signed_at(request: Request, secret: str, timestamp: int) -> Request:
    """The request as a service that is right about everything but the time would sign it."""
    text = str(timestamp).encode() + b"." + request.body
    of_text = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    identified = request.headers["webhook-id"].encode() + b"." + text
    of_identified = base64.b64encode(hmac.digest(key, identified, "sha256")).decode()
    headers = request.headers | {
        SIGNATURE: f"t={timestamp},v1={of_text}",
        "x-firsthand-signature": f"t={timestamp},v1={of_text}",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{of_identified}",
    }
    return replace(request, headers=headers)


def check(checks: Checks, libraries: Libraries, request: Request, secret: str) -> None:
    """Checks one request, signed with one secret."""
    headers = request.headers
    checks.that(
        headers.get("x-firsthandapi-body-signature") == body_signature(request.body, secret),
        "the body's own signature is right",
    )
    checks.that(
        headers.get("x-firsthand-signature") == headers.get(SIGNATURE),
        "the older signature header holds the same",
    )
    ids = ("webhook-id", "x-firsthandapi-event-id", "x-firsthand-event-id")
    checks.that(
        {headers.get(name) for name in ids} == {request.event_id},
        "every header that names the event names the body's",
        {name: headers.get(name) for name in ids},
    )
    changed = with_one_byte_changed(request)
    now = int(time.time())
    fresh = signed_at(request, secret, now)
    old = signed_at(request, secret, now - TOO_OLD_SECONDS)
    for library in ALL:
        verdict = libraries.ask(library, request, secret)
        checks.that(
            verdict.verified and verdict.event_id in (None, request.event_id),
            f"{library} verifies the request as it came",
            verdict,
        )
        verdict = libraries.ask(library, changed, secret)
        checks.that(verdict.refused, f"{library} refuses one changed byte of the body", verdict)
        verdict = libraries.ask(library, request, another_secret())
        checks.that(verdict.refused, f"{library} refuses another secret", verdict)
        # The control shows that the age alone is what is refused.
        control = libraries.ask(library, fresh, secret)
        verdict = libraries.ask(library, old, secret)
        checks.that(
            control.verified and verdict.refused and "imestamp" in verdict.reason,
            f"{library} refuses a timestamp {TOO_OLD_SECONDS} s old",
            (control, verdict),
        )
