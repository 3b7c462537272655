"""A client that openapi-python-client makes of the document goes the way of a buyer. Whatever it can
not parse, name or call is a fault of the document."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import traceback
import uuid
from pathlib import Path
from typing import Any

from product import Product

PACKAGE = "generated_client"


def generate(document: Path, place: Path) -> list[str]:
    """Makes the client. Returns what failed: a warning is a failure."""
    command = [
        sys.executable, "-m", "openapi_python_client", "generate",
        "--path", document,
        "--output-path", place / PACKAGE,
        "--meta", "none",
        "--overwrite",
        "--fail-on-warning",
    ]  # fmt: skip
    # It formats what it has made with the ruff beside it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PATH": path}
    )
    clean = done.returncode == 0
    print(f"openapi-python-client: {'clean' if clean else 'NOT CLEAN'}", flush=True)
    if clean:
        return []
    print(done.stdout[-5_000:], done.stderr[-5_000:])
    return ["openapi-python-client"]


class Client:
    """The generated client, by the names of the document's operations and schemas."""

    def __init__(self, place: Path, base_url: str, key: str | None = None) -> None:
        if str(place) not in sys.path:
            sys.path.insert(0, str(place))
        client = importlib.import_module(f"{PACKAGE}.client")
        self.models = importlib.import_module(f"{PACKAGE}.models")
        self._client = (
            client.AuthenticatedClient(base_url=base_url, token=key)
            if key
            else client.Client(base_url=base_url)
        )

    def call(self, operation: str, status: int, *ids: str, **inputs: Any) -> Any:
        """Calls an operation, as `jobs.get_job`, and returns what was parsed of the answer."""
        module = importlib.import_module(f"{PACKAGE}.api.{operation}")
        answer = module.sync_detailed(*ids, client=self._client, **inputs)
        said = f"{operation}: {answer.status_code} {answer.content!r}"
        assert answer.status_code == status and answer.parsed is not None, said
        return answer.parsed


def enter(product: Product, place: Path) -> Client:
    """Signs up and verifies a phone number."""
    anybody = Client(place, product.base_url)
    models, word = anybody.models, uuid.uuid4()
    person = models.SignUp(name="Generated", email=f"{word}@example.com")
    signed_up = anybody.call("auth.sign_up", 200, body=person)
    assert signed_up.credits_cents == 250 and signed_up.phone_verification_required is True

    buyer = Client(place, product.base_url, signed_up.api_key)
    assert buyer.call("billing.get_credits", 200).available_cents == 0
    number = f"+1{word.int % 10**10:010d}"
    buyer.call("auth.send_phone_code", 202, body=models.SendPhoneCode(phone_number=number))
    proof = models.VerifyPhone(phone_number=number, code="000000")
    buyer.call("auth.verify_phone", 200, body=proof)
    identity = buyer.call("auth.get_me", 200)
    assert identity.organization_id == signed_up.organization_id
    assert identity.environment is models.Environment.LIVE
    return buyer


def journey(product: Product, place: Path) -> None:
    """Sign-up, phone, a quote, a refused job, a job, its end, and where the money went."""
    buyer = enter(product, place)
    models = buyer.models

    def wanted(files: int) -> Any:
        return models.CreateJob(
            type_=models.JobType("data_collection"),
            description="Photographs of shop windows by daylight.",
            files_needed=files,
            accepted_formats=[models.AcceptedFormat("image/jpeg")],
            price_per_file_cents=75,
        )

    quote = buyer.call("jobs.create_job", 200, body=wanted(3), dry_run=True)
    assert isinstance(quote, models.JobQuote) and quote.total_cost_cents == 225
    key = str(uuid.uuid4())
    refused = buyer.call("jobs.create_job", 402, body=wanted(4), idempotency_key=key).error
    assert refused.code is models.ErrorErrorCode.INSUFFICIENT_CREDITS
    assert (refused.required_cents, refused.shortfall_cents) == (300, 50)

    key = str(uuid.uuid4())
    job = buyer.call("jobs.create_job", 201, body=wanted(3), idempotency_key=key)
    again = buyer.call("jobs.create_job", 201, body=wanted(3), idempotency_key=key)
    assert again == job and job.status is models.JobStatus.OPEN
    balance = buyer.call("billing.get_credits", 200)
    assert (balance.available_cents, balance.held_cents) == (25, 225)
    assert buyer.call("jobs.list_jobs", 200, limit=10).data == [job]
    assert buyer.call("jobs.get_job", 200, job.id, prefer="wait=1").id == job.id

    ended = buyer.call("jobs.cancel_job", 200, job.id)
    assert ended.status is models.JobStatus.CANCELLED
    assert ended.cancel_reason is models.CancelReason.BUYER
    balance = buyer.call("billing.get_balance", 200)
    assert (balance.available_cents, balance.held_cents) == (250, 0)
    rows = buyer.call("billing.list_transactions", 200).data
    kinds = models.TransactionType
    assert [row.type_ for row in rows] == [kinds.REFUND, kinds.HOLD, kinds.FREE_TIER]
    assert sum(row.available_delta_cents + row.held_delta_cents for row in rows) == 250
    missing = buyer.call("jobs.get_job", 404, "job_01GXYZ5J8K9M2N3P4Q5R6S7T8V").error
    assert missing.code is models.ErrorErrorCode.NOT_FOUND


def check(product: Product, place: Path) -> list[str]:
    """Goes the way. Returns what failed."""
    try:
        journey(product, place)
    except Exception:
        traceback.print_exc()
        return ["the generated client's way"]
    print("the generated client's way: signed up, quoted, created, cancelled, refunded", flush=True)
    return []
