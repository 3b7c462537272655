"""The seven libraries that must verify our deliveries, unchanged, behind one question."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import firsthandapi
import standardwebhooks
import stripe
import svix.webhooks

from delivered import Request

SIGNATURE = "x-firsthandapi-signature"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """What a library says. A crash is an error of another kind than a refusal."""

    verdict: str
    event_id: str | None
    reason: str

    @property
    def verified(self) -> bool:
        return self.verdict == "verified"

    @property
    def refused(self) -> bool:
        return self.verdict == "refused"


def _firsthandapi(request: Request, secret: str) -> str | None:
    signature = request.headers[SIGNATURE]
    # It returns True or raises; anything else would be no verification.
    if firsthandapi.verify_webhook_signature(request.body, signature, secret) is not True:
        raise ValueError("not True")
    return None


def _stripe(request: Request, secret: str) -> str | None:
    return stripe.Webhook.construct_event(request.body, request.headers[SIGNATURE], secret).id


def _standardwebhooks(request: Request, secret: str) -> str | None:
    return standardwebhooks.Webhook(secret).verify(request.body, request.headers)["id"]


def _svix(request: Request, secret: str) -> str | None:
    svix.webhooks.Webhook(secret).verify(request.body, request.headers)
    return None


PYTHON: dict[str, tuple[Callable[[Request, str], str | None], type[Exception]]] = {
    "firsthandapi": (_firsthandapi, ValueError),
    "stripe": (_stripe, stripe.SignatureVerificationError),
    "standardwebhooks": (_standardwebhooks, standardwebhooks.WebhookVerificationError),
    "svix": (_svix, svix.webhooks.WebhookVerificationError),
}
NODE = ("stripe", "standardwebhooks", "svix")
# The one library that reads only the first v1=.
FIRST_ONLY = "firsthandapi (python)"
ALL = tuple(f"{name} (python)" for name in PYTHON) + tuple(f"{name} (node)" for name in NODE)


class Libraries:
    """Asks the libraries; those of Node in one process that lives as long as this value."""

    def __init__(self, node_directory: Path) -> None:
        self._node = subprocess.Popen(
            ["node", str(HERE / "verify.mjs"), str(node_directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Libraries:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._node.stdin and self._node.stdout
        self._node.stdin.close()
        self._node.wait(timeout=10)
        self._node.stdout.close()

    def ask(self, library: str, request: Request, secret: str) -> Verdict:
        """Has one library verify one request under one secret."""
        name, language = library.removesuffix(")").split(" (")
        if language == "node":
            return self._ask_node(name, request, secret)
        verify, refusal = PYTHON[name]
        try:
            return Verdict("verified", verify(request, secret), "")
        except (UnicodeDecodeError, binascii.Error) as error:
            return Verdict("crashed", None, repr(error))
        except refusal as error:
            return Verdict("refused", None, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a library does is a finding
            return Verdict("crashed", None, repr(error))

    def _ask_node(self, name: str, request: Request, secret: str) -> Verdict:
        assert self._node.stdin and self._node.stdout
        body = base64.b64encode(request.body).decode()
        question = {"library": name, "headers": request.headers, "body": body, "secret": secret}
        self._node.stdin.write(json.dumps(question) + "\n")
        self._node.stdin.flush()
        answer = self._node.stdout.readline()
        if not answer:
            raise RuntimeError("the Node process ended")
        return Verdict(**json.loads(answer))
