"""Verifies that a webhook is ours, and reads it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any, Literal, cast

from ._errors import FirstHandSignatureError
from .types import Event

DEFAULT_TOLERANCE = 300

_HEX = re.compile(r"[0-9a-f]{64}")


def verify_webhook_signature(
    payload: str | bytes,
    signature: str,
    secret: str,
    tolerance_seconds: int = DEFAULT_TOLERANCE,
    *,
    scheme: Literal["t_v1", "raw"] = "t_v1",
) -> bool:
    """Verifies the signature of a webhook, in constant time.

    Args:
        payload: The body as it came, byte for byte: not parsed and written again.
        signature: The header `X-FirstHandAPI-Signature` (or `X-FirstHand-Signature`):
            `t=<unix seconds>,v1=<hex>`, with one more `v1=` for each older secret that still counts. Any
            of them will do, so that a receiver which holds either secret verifies during a rotation.
        secret: The endpoint's secret, the whole text with `whsec_`.
        tolerance_seconds: How old (or how far ahead) the time of signing may be.
        scheme: `raw` for an endpoint with `signature_scheme: raw`, or for the header
            `X-FirstHandAPI-Body-Signature`. That signature has no time, so nothing tells a repetition
            from the first sending: keep the ids of the events that you have seen.

    Returns:
        True. What does not verify is raised, so that forgetting to look at the result is harmless.

    Raises:
        FirstHandSignatureError: The signature is malformed, too old or not ours. It is a `ValueError`.
    """
    if not secret:
        raise FirstHandSignatureError("the secret is empty")
    body = payload.encode() if isinstance(payload, str) else bytes(payload)
    if scheme == "raw":
        return _compare([signature.strip()], body, secret)
    if scheme != "t_v1":
        raise ValueError(f"there is no signature scheme {scheme!r}")
    timestamp, digests = _parse(signature)
    age = int(time.time()) - int(timestamp)
    _compare(digests, timestamp.encode() + b"." + body, secret)
    if abs(age) > tolerance_seconds:
        where = f"{age} s ago" if age > 0 else f"{-age} s in the future"
        raise FirstHandSignatureError(
            f"the webhook's timestamp is out of tolerance: signed {where}, "
            f"at most {tolerance_seconds} s are allowed"
        )
    return True


def construct_webhook_event(
    payload: str | bytes,
    signature: str,
    secret: str,
    tolerance_seconds: int = DEFAULT_TOLERANCE,
    *,
    scheme: Literal["t_v1", "raw"] = "t_v1",
) -> Event:
    """Verifies a webhook like `verify_webhook_signature`, and returns its event.

    Raises:
        FirstHandSignatureError: The signature is malformed, too old or not ours.
    """
    verify_webhook_signature(payload, signature, secret, tolerance_seconds, scheme=scheme)
    event: Any = json.loads(payload)
    return cast("Event", event)


def _parse(signature: str) -> tuple[str, list[str]]:
    """Returns the time as it was signed, and every `v1`."""
    parts = [part.strip().partition("=") for part in signature.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    digests = [value for name, _, value in parts if name == "v1"]
    if not times and not digests and _HEX.fullmatch(signature.strip()):
        raise FirstHandSignatureError(
            "the header signs the body alone, without a time: pass scheme='raw' if that is what you expect"
        )
    if len(times) != 1 or not digests:
        raise FirstHandSignatureError('the signature is malformed: "t=<unix seconds>,v1=<hex>" is expected')
    if not re.fullmatch(r"[0-9]{1,15}", times[0]):
        raise FirstHandSignatureError("the timestamp of the signature is not a number")
    return times[0], digests


def _compare(digests: list[str], signed: bytes, secret: str) -> bool:
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    # All are compared, so that the time taken tells nothing; as bytes, since text may be anything.
    matches = [hmac.compare_digest(digest.encode(), expected) for digest in digests]
    if not any(matches):
        raise FirstHandSignatureError("the webhook's signature does not verify")
    return True
