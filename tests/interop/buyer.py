"""The published client, unchanged, uses every method it has: sync and async, in the sandbox and
live, refused, limited, and over a network that loses answers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firsthandapi import (
    AsyncFirstHandClient,
    FirstHandApiError,
    FirstHandClient,
    FirstHandRateLimitError,
)

from checks import Checks
from losing import Losing
from product import Product
from receiver import Receiver

JOB = {
    "type": "data_collection",
    "description": "Photographs of street signs by daylight, one sign each.",
    "files_needed": 2,
    "accepted_formats": ["image/jpeg"],
    "price_per_file_cents": 50,
}
NOT_METHODS_OF_THE_SERVICE = {"close"}


class Either:
    """The sync or the async client behind the same plain calls; notes which methods were used."""

    def __init__(self, kind: str, key: str, base_url: str, **options: Any) -> None:
        self.kind = kind
        self.used: set[str] = set()
        self._loop = asyncio.new_event_loop() if kind == "async" else None
        make: Any = AsyncFirstHandClient if self._loop else FirstHandClient
        self._client = make(key, base_url=base_url, **options)

    def __enter__(self) -> Either:
        return self

    def __exit__(self, *_: object) -> None:
        closing = self._client.close()
        if self._loop:
            self._loop.run_until_complete(closing)
            self._loop.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.used.add(name)
            result = method(*arguments, **named)
            return self._loop.run_until_complete(result) if self._loop else result

        return call

    def methods(self) -> set[str]:
        """Every public method of the client."""
        found = inspect.getmembers(type(self._client), inspect.isfunction)
        names = {name for name, _ in found if not name.startswith("_")}
        return names - NOT_METHODS_OF_THE_SERVICE


def _sandbox(checks: Checks, client: Either) -> None:
    """A job from its creation to its files, by one call."""
    say = client.kind
    done = client.create_job_and_wait(JOB, max_wait_seconds=90)
    checks.that(done["status"] == "completed", f"{say}: create_job_and_wait completes", done)
    files = client.get_job_files(done["id"])["data"]
    checks.that(len(files) == 2 and all(file["download_url"] for file in files), f"{say}: files")
    submissions = client.get_job_submissions(done["id"])["data"]
    stars = [submission["ai_star_rating"] for submission in submissions]
    checks.that(stars == [4, 4], f"{say}: submissions", stars)
    audit = client.get_job_audit(done["id"])["data"]
    kinds = {event["event_type"] for event in audit}
    checks.that({"job.created", "job.completed"} <= kinds, f"{say}: audit", kinds)
    listed = client.list_jobs(status="completed", limit=5)["data"]
    checks.that([job["id"] for job in listed] == [done["id"]], f"{say}: list_jobs filters")
    events = client.list_webhook_events()["data"]
    checks.that(len(events) >= 5, f"{say}: list_webhook_events", len(events))
    spent = client.list_transactions(type="deduction")["data"]
    checks.that(sum(row["amount_cents"] for row in spent) == -100, f"{say}: list_transactions")


def _jobs(checks: Checks, client: Either) -> None:
    say = client.kind
    job = client.create_job(JOB | {"files_needed": 1}, idempotency_key=f"journey-{say}")
    again = client.create_job(JOB | {"files_needed": 1}, idempotency_key=f"journey-{say}")
    checks.that(again["id"] == job["id"], f"{say}: one key, one job")
    waited = client.get_job(job["id"], wait_seconds=1)
    checks.that(waited["id"] == job["id"], f"{say}: get_job waits")
    for _twice in range(2):
        cancelled = client.cancel_job(job["id"])
        checks.that(cancelled["status"] == "cancelled", f"{say}: cancel_job, repeatable")
    try:
        client.create_job(JOB | {"files_needed": 10_000, "price_per_file_cents": 5_000})
        checks.that(False, f"{say}: a job that nobody can pay is refused")
    except FirstHandApiError as error:
        said = (error.details or [{}])[0]
        figures = {"current_balance_cents", "required_cents", "shortfall_cents", "purchase_url"}
        short = error.status == 402 and figures <= set(said) and not error.retryable
        checks.that(short, f"{say}: 402 with its four figures", (error.status, said))
        checks.that(error.request_id.startswith("req_"), f"{say}: an error names its request")


def _keys(checks: Checks, client: Either) -> None:
    say = client.kind
    made = client.create_api_key({"name": f"journey {say}", "scopes": ["jobs:read"]})
    rotated = client.rotate_api_key(made["id"])
    same = rotated["id"] == made["id"] and rotated["secret"] != made["secret"]
    checks.that(same, f"{say}: rotate_api_key keeps the key and changes the secret")
    listed = client.list_api_keys()["data"]
    checks.that(made["id"] in [key["id"] for key in listed], f"{say}: list_api_keys")
    checks.that(all("secret" not in key or not key["secret"] for key in listed), f"{say}: masked")
    checks.that(client.revoke_api_key(made["id"]) is None, f"{say}: revoke_api_key")


def _webhooks(checks: Checks, client: Either, receiver: Receiver) -> None:
    say = client.kind
    path = f"/journey/{say}"
    endpoint = client.create_webhook_endpoint({"url": receiver.url(path)})
    listed = client.list_webhook_endpoints()["data"]
    checks.that(endpoint["id"] in [one["id"] for one in listed], f"{say}: list_webhook_endpoints")
    read = client.get_webhook_endpoint(endpoint["id"])
    checks.that(not read.get("secret"), f"{say}: get_webhook_endpoint shows no secret")
    changed = client.update_webhook_endpoint(endpoint["id"], {"description": "journey"})
    checks.that(changed["description"] == "journey", f"{say}: update_webhook_endpoint")
    rotated = client.rotate_webhook_secret(endpoint["id"])
    checks.that(rotated["secret"] != endpoint["secret"], f"{say}: rotate_webhook_secret")
    event = client.list_webhook_events(limit=1)["data"][0]
    client.replay_webhook_event(event["id"])
    delivery = receiver.next(path)
    delivery.answer(200)
    checks.that(delivery.request.event_id == event["id"], f"{say}: replay_webhook_event")
    gone = client.delete_webhook_endpoint(endpoint["id"])
    checks.that(gone is None, f"{say}: delete_webhook_endpoint")


def _organization(checks: Checks, client: Either) -> None:
    say = client.kind
    before = client.get_credit_balance()
    checks.that(before["available_cents"] >= 0, f"{say}: get_credit_balance")
    settings = client.update_settings({"low_balance_threshold_cents": 321})
    same = client.get_settings() == settings and settings["low_balance_threshold_cents"] == 321
    checks.that(same, f"{say}: update_settings and get_settings", settings)


def _lost_answers(checks: Checks, product: Product, kind: str, key: str) -> None:
    """What has no key of its own is repeated all the same: it must not happen twice."""
    with Losing(product.base_url) as network, Either(kind, key, network.base_url) as client:
        network.answers_to_lose = 1
        purchase = client.purchase_credits({"amount_cents": 1000})
        network.answers_to_lose = 1
        again = client.purchase_credits({"amount_cents": 1000})
        checks.that(purchase["id"] == again["id"], f"{kind}: a repeated purchase is the same one")
        network.answers_to_lose = 1
        job = client.create_job(JOB | {"files_needed": 1, "price_per_file_cents": 10})
        jobs = [one["id"] for one in client.list_jobs(status="open")["data"]]
        checks.that(jobs.count(job["id"]) == 1 and len(jobs) == 1, f"{kind}: one job", jobs)
        network.answers_to_lose = 1
        cancelled = client.cancel_job(job["id"])
        checks.that(cancelled["status"] == "cancelled", f"{kind}: a repeated cancel succeeds")
        checks.that(network.lost == 4, f"{kind}: answers were lost", network.lost)


def _limited(checks: Checks, binary: Path) -> None:
    """A service with its limits on: the 429 names when to come back."""
    with Product(binary, FIRSTHAND_RATE_LIMITS="on") as product:
        key = product.buyer()
        for kind in ("sync", "async"):
            with Either(kind, key, product.base_url, max_retries=0) as client:
                error = None
                for _request in range(200):
                    try:
                        client.get_settings()
                    except FirstHandRateLimitError as refused:
                        error = refused
                        break
                named = error is not None and error.retry_after and error.retryable
                checks.that(bool(named), f"{kind}: a 429 names its Retry-After", error)


def check(checks: Checks, binary: Path, product: Product, receiver: Receiver) -> None:
    """The whole journey, for each client."""
    for kind in ("sync", "async"):
        key = product.buyer()
        used: set[str] = set()
        with Either(kind, key, product.base_url) as live:
            sandbox_key = live.create_api_key({"name": "sandbox", "environment": "test"})["secret"]
            _lost_answers(checks, product, kind, key)
            _keys(checks, live)
            _organization(checks, live)
            with Either(kind, sandbox_key, product.base_url) as test:
                _sandbox(checks, test)
                _jobs(checks, test)
                _webhooks(checks, test, receiver)
                used |= test.used
            live.purchase_credits({"amount_cents": 2500})
            unused = live.methods() - live.used - used
            checks.that(not unused, f"{kind}: every method was used", unused)
    _limited(checks, binary)
