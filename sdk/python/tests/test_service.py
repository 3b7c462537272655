"""Every method against the running service, by both clients."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import threading
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from product import Product
from receiver import Receiver

from either import CLIENTS, Either, methods, settled
from firsthand import (
    FirstHandApiError,
    FirstHandConnectionError,
    FirstHandInsufficientCreditsError,
    FirstHandRateLimitError,
    FirstHandSignatureError,
    construct_webhook_event,
    types,
    verify_webhook_signature,
)
from harness import WorkForce, assert_shape, client_of, new_key, order, pay, until

pytestmark = pytest.mark.anyio


def now() -> datetime:
    return datetime.now(timezone.utc)


async def account(client: Either, product: Product, kind: str) -> None:
    me = assert_shape(await client.me(), types.Identity)
    assert (me["environment"], me["livemode"]) == ("live", True)
    email = f"sdk-{random.randrange(10**12)}@example.test"
    signed_up = await settled(
        CLIENTS[kind].sign_up("SDK Ltd", email, base_url=product.base_url, idempotency_key="once")
    )
    assert_shape(signed_up, types.SignUp)
    again = await settled(
        CLIENTS[kind].sign_up("SDK Ltd", email, base_url=product.base_url, idempotency_key="once")
    )
    assert again == signed_up
    client.called.add("sign_up")
    with pytest.raises(FirstHandApiError) as taken:
        await settled(CLIENTS[kind].sign_up("SDK Ltd", email, base_url=product.base_url))
    assert taken.value.status == 409
    number = f"+4478{random.randrange(10**8):08}"
    async with client_of(kind, product, signed_up["api_key"]) as new:
        sent = assert_shape(await new.send_phone_code(number), types.PhoneVerification)
        assert sent["status"] == "sent"
        with pytest.raises(FirstHandApiError) as wrong:
            await new.verify_phone(number, "999999")
        assert (wrong.value.status, wrong.value.code) == (400, "wrong_code")
        verified = assert_shape(await new.verify_phone(number, "000000"), types.PhoneVerification)
        assert (verified["status"], verified["available_cents"]) == ("verified", 250)
        client.called |= new.called


async def jobs(client: Either, workers: WorkForce) -> None:
    quote = assert_shape(await client.quote_job(order()), types.JobQuote)
    assert (quote["total_cost_cents"], quote["would_succeed"]) == (50, True)
    began = now()
    key = str(uuid.uuid4())
    job = assert_shape(await client.create_job(order(), idempotency_key=key), types.Job)
    assert await client.create_job(order(), idempotency_key=key) == job
    with pytest.raises(FirstHandApiError) as reused:
        await client.create_job(order(title="Another"), idempotency_key=key)
    assert (reused.value.status, reused.value.code) == (409, "idempotency_conflict")
    assert not reused.value.retryable
    other = await client.create_job(order(metadata={"batch": 7}))
    assert_shape(
        await client.list_jobs(limit=1, status="active", type="data_collection"), types.Page[types.Job]
    )
    listed = await client.all("iter_jobs", created_after=began - timedelta(seconds=5), page_size=1)
    assert [one["id"] for one in listed[:2]] == [other["id"], job["id"]]
    cancelled = assert_shape(await client.cancel_job(other["id"]), types.Job)
    assert (cancelled["status"], cancelled["escrow"]["refunded_cents"]) == ("cancelled", 50)
    assert (await client.cancel_job(other["id"]))["status"] == "cancelled"
    image = workers.deliver(job["id"])
    job = assert_shape(await client.wait_for_job(job["id"], max_wait_seconds=60), types.Job)
    assert (job["status"], job["files_approved"]) == ("completed", 1)
    assert (await client.get_job(job["id"], wait_seconds=60))["id"] == job["id"]
    rated = await client.rate_job(job["id"], 5, "sharp")
    assert (rated["buyer_rating"], rated["buyer_feedback"]) == (5, "sharp")
    with pytest.raises(FirstHandApiError) as twice:
        await client.rate_job(job["id"], 4)
    assert twice.value.code == "already_rated"
    await files(client, job["id"], image)
    trail = assert_shape(await client.get_job_audit(job["id"], limit=100), types.Page[types.AuditEvent])
    assert trail["data"][-1]["event_type"] == "job.created"
    assert await client.all("iter_job_audit", job["id"], page_size=2) == trail["data"]
    created = await client.get_job_audit(job["id"], event_type="job.created")
    assert len(created["data"]) == 1


async def files(client: Either, job_id: str, image: bytes) -> None:
    page = assert_shape(await client.get_job_files(job_id, min_score=1), types.Page[types.File])
    assert await client.all("iter_job_files", job_id, min_score=1)
    [file] = page["data"]
    assert file["content_hash"] == hashlib.sha256(image).hexdigest()
    above = await client.get_job_files(job_id, min_score=5, limit=10)
    assert len(above["data"]) == (1 if file["ai_star_rating"] == 5 else 0)
    fresh = assert_shape(await client.refresh_file_url(file["id"]), types.FileUrl)
    async with httpx.AsyncClient() as http:
        for url in (file["download_url"], fresh["download_url"]):
            assert (await http.get(url)).content == image
    submissions = await client.get_job_submissions(job_id, status="approved", min_score=1)
    [submission] = assert_shape(submissions, types.Page[types.Submission])["data"]
    assert len(await client.all("iter_job_submissions", job_id, page_size=1)) == 1
    assert_shape(await client.get_submission(submission["id"]), types.Submission)
    today = now().date()
    window: dict[str, Any] = {"job_id": job_id, "start_date": today - timedelta(days=1)}
    everywhere = await client.list_submissions(**window, status="approved", min_score=1, limit=5)
    assert [one["id"] for one in everywhere["data"]] == [submission["id"]]
    assert len(await client.all("iter_submissions", **window, end_date=today + timedelta(days=1))) == 1
    summary = assert_shape(await client.get_submission_summary(**window), types.SubmissionSummary)
    assert (summary["total"], summary["approved"], summary["approval_rate"]) == (1, 1, 1)


async def completion(client: Either, workers: WorkForce) -> None:
    """A job is posted and waited for in one call, while somebody works on it."""
    posted = order(title=str(uuid.uuid4()))

    def work() -> None:
        found: list[Any] = []
        while not found:
            found = [job["id"] for job in workers.available() if job["title"] == posted["title"]]
        workers.deliver(found[0])

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    job = await client.create_job_and_wait(posted, max_wait_seconds=60, poll_interval_seconds=10)
    assert job["status"] == "completed"
    worker.join(10)
    job = await client.create_job_and_wait(order(), max_wait_seconds=0)
    assert job["status"] == "open"
    await client.cancel_job(job["id"])


async def api_keys(client: Either, product: Product, kind: str) -> None:
    made = await client.create_api_key({"name": "reader", "scopes": ["jobs:read"], "environment": "test"})
    assert_shape(made, types.NewApiKey)
    assert made["secret"].startswith("fh_test_")
    assert_shape(await client.list_api_keys(limit=1), types.Page[types.ApiKey])
    assert made["id"] in [key["id"] for key in await client.all("iter_api_keys", page_size=1)]
    assert_shape(await client.get_api_key(made["id"]), types.ApiKey)
    rotated = assert_shape(await client.rotate_api_key(made["id"]), types.NewApiKey)
    assert rotated["secret"] != made["secret"]
    async with client_of(kind, product, rotated["secret"]) as reader:
        assert (await reader.list_jobs())["data"] == []
        with pytest.raises(FirstHandApiError) as refused:
            await reader.get_credit_balance()
        assert (refused.value.status, refused.value.code) == (403, "scope_missing")
        assert await client.revoke_api_key(made["id"]) is None
        assert await client.revoke_api_key(made["id"], force=True) is None
        with pytest.raises(FirstHandApiError) as gone:
            await reader.me()
        assert (gone.value.status, gone.value.type) == (401, "authentication_error")


async def endpoints(client: Either, receiver: Receiver) -> str:
    """Manages endpoints; returns one that stays."""
    inbox = f"/{uuid.uuid4()}"
    params = {"url": receiver.url(inbox), "events": ["job.cancelled"], "headers": {"X-Team": "a"}}
    made = assert_shape(await client.create_webhook_endpoint(params), types.NewWebhookEndpoint)
    assert_shape(await client.list_webhook_endpoints(limit=1), types.Page[types.WebhookEndpoint])
    assert made["id"] in [one["id"] for one in await client.all("iter_webhook_endpoints", page_size=1)]
    seen = await client.request("GET", f"/v1/webhook_endpoints/{made['id']}")
    assert_shape(seen.data, types.WebhookEndpoint)
    tag = seen.headers["etag"]
    changed = await client.update_webhook_endpoint(made["id"], {"description": "mine"}, if_match=tag)
    assert assert_shape(changed, types.WebhookEndpoint)["description"] == "mine"
    with pytest.raises(FirstHandApiError) as stale:
        await client.update_webhook_endpoint(made["id"], {"description": "yours"}, if_match=tag)
    assert (stale.value.status, stale.value.code) == (412, "precondition_failed")
    with pytest.raises(FirstHandApiError) as nowhere:
        await client.create_webhook_endpoint({"url": "gopher://nowhere"})
    assert nowhere.value.status == 422
    spare = await client.create_webhook_endpoint({"url": receiver.url("/spare")})
    assert await client.delete_webhook_endpoint(spare["id"]) is None
    with pytest.raises(FirstHandApiError) as deleted:
        await client.get_webhook_endpoint(spare["id"])
    assert deleted.value.status == 404

    ping = assert_shape(await client.ping_webhook_endpoint(made["id"]), types.WebhookEvent)
    first = receiver.next(inbox)
    first.answer(200)
    body, signature = first.request.body, first.request.headers["x-firsthandapi-signature"]
    assert construct_webhook_event(body, signature, made["secret"])["id"] == ping["id"]
    raw = first.request.headers["x-firsthandapi-body-signature"]
    assert verify_webhook_signature(body, raw, made["secret"], scheme="raw")
    with pytest.raises(FirstHandSignatureError):
        verify_webhook_signature(body.replace(b"evt_", b"evt-"), signature, made["secret"])

    # While both secrets count, holders of either verify every attempt, whichever comes first.
    rotated = await client.rotate_webhook_secret(made["id"], overlap_seconds=3600)
    assert_shape(rotated, types.NewWebhookEndpoint)
    await client.ping_webhook_endpoint(made["id"], type="job.completed")
    for status in (500, 200):
        attempt = receiver.next(inbox)
        attempt.answer(status)
        for header in ("x-firsthandapi-signature", "x-firsthand-signature"):
            signature = attempt.request.headers[header]
            assert signature.count("v1=") == 2
            for secret in (made["secret"], rotated["secret"]):
                assert verify_webhook_signature(attempt.request.body, signature, secret)
    return inbox


async def events(client: Either, receiver: Receiver, inbox: str) -> None:
    [endpoint] = [
        one["id"] for one in await client.all("iter_webhook_endpoints") if one["url"].endswith(inbox)
    ]
    began = now()
    job = await client.create_job(order())
    await client.cancel_job(job["id"])
    delivery = receiver.next(inbox)
    delivery.answer(200)
    event_id = delivery.request.event_id

    async def delivered() -> Any:
        event = await client.get_webhook_event(event_id)
        return event if event["delivery_status"] == "delivered" else None

    event = await until("the delivery is settled", delivered)
    assert_shape(event, types.WebhookEvent)
    assert [one["endpoint_id"] for one in event["deliveries"]] == [endpoint]
    filters = {"type": "job.cancelled", "job_id": job["id"], "delivery_status": "delivered"}
    page = await client.list_webhook_events(**filters, endpoint_id=endpoint, limit=1)
    assert_shape(page, types.Page[types.WebhookEvent])
    found = await client.all("iter_webhook_events", **filters, page_size=1)
    assert [one["id"] for one in found] == [event_id]
    attempts = await client.list_webhook_event_attempts(event_id, status="succeeded", limit=5)
    assert_shape(attempts, types.Page[types.WebhookAttempt])
    assert await client.all("iter_webhook_event_attempts", event_id) == attempts["data"]
    assert len(attempts["data"]) == 1
    of_endpoint = await client.list_webhook_endpoint_attempts(endpoint, status="failed")
    assert [one["response_status"] for one in of_endpoint["data"]] == [500]
    everything = await client.all("iter_webhook_endpoint_attempts", endpoint, page_size=2)
    assert len(everything) == 4

    replayed = await client.replay_webhook_event(event_id, endpoint_id=endpoint)
    assert_shape(replayed, types.WebhookEvent)
    again = receiver.next(inbox)
    again.answer(200)
    assert (again.request.event_id, again.request.body) == (event_id, delivery.request.body)
    replay = await client.create_webhook_replay(endpoint, since=began, until=now(), only="all")
    assert_shape(replay, types.WebhookReplay)
    third = receiver.next(inbox)
    third.answer(200)
    assert third.request.event_id == event_id

    async def done() -> Any:
        shown = assert_shape(await client.get_webhook_replay(endpoint, replay["id"]), types.WebhookReplay)
        return shown["status"] == "done"

    await until("the replay is done", done)
    ended = await client.cancel_webhook_replay(endpoint, replay["id"])
    assert ended["status"] == "done"


async def feed(client: Either) -> None:
    page = assert_shape(await client.list_events(limit=1), types.Page[types.Event])
    assert page["has_more"]
    everything = await client.all("iter_events", page_size=2)
    assert everything[0] == page["data"][0]
    assert len({event["id"] for event in everything}) == len(everything)
    cancelled = await client.all("iter_events", types=["job.cancelled"], after=everything[0]["id"])
    assert {event["type"] for event in cancelled} == {"job.cancelled"}

    async with client.stream(types=["job.cancelled", "job.completed"], max_reconnects=5) as live:
        made = []
        for _ in range(3):
            made.append((await client.create_job(order()))["id"])
            await client.cancel_job(made[-1])
        streamed = [assert_shape(await live.next(), types.Event) for _ in range(3)]
    assert [event["data"]["job_id"] for event in streamed] == made
    # A later stream goes on where an earlier one ended.
    first = streamed[0]["id"]
    async with client.stream(after=first, max_reconnects=5) as resumed:
        later = [await resumed.next() for _ in range(2)]
    assert later == streamed[1:]


async def billing(client: Either) -> None:
    before = now()
    checkout = assert_shape(await client.purchase_credits({"amount_cents": 1000}), types.CheckoutSession)
    pay(checkout["checkout_url"])

    async def paid() -> Any:
        purchase = assert_shape(await client.get_purchase(checkout["id"]), types.Purchase)
        return purchase["status"] == "paid"

    await until("the purchase is booked", paid)
    assert_shape(await client.list_purchases(status="paid", limit=1), types.Page[types.Purchase])
    assert checkout["id"] in [one["id"] for one in await client.all("iter_purchases", page_size=1)]
    balance = assert_shape(await client.get_credit_balance(), types.CreditBalance)
    earlier = assert_shape(await client.get_credit_balance(as_of=before), types.CreditBalance)
    assert balance["available_cents"] == earlier["available_cents"] + 1000
    page = await client.list_transactions(limit=2, type="purchase")
    assert_shape(page, types.Page[types.CreditTransaction])
    window = {"created_after": before, "created_before": now() + timedelta(hours=1)}
    [bought] = await client.all("iter_transactions", type="purchase", **window)
    assert bought["amount_cents"] == 1000
    statement = await client.get_statement(now().strftime("%Y-%m"))
    assert_shape(statement, types.BillingStatement)
    assert statement["closing"]["available_cents"] == balance["available_cents"]
    for kind in ("csv", "ndjson", "hledger", "beancount"):
        export = await client.export_billing(format=kind, start=before, end=now() + timedelta(days=1))
        assert b"10.00" in export
    with pytest.raises(FirstHandInsufficientCreditsError) as poor:
        await client.create_job(order(files_needed=1000, price_per_file_cents=5000))
    error = poor.value
    assert (error.status, error.type, error.retryable) == (402, "insufficient_credits", False)
    assert error.required_cents == 5_000_000
    assert error.current_balance_cents == balance["available_cents"]
    assert error.shortfall_cents == 5_000_000 - balance["available_cents"]
    assert re.fullmatch(r"req_[0-9A-Z]{26}", error.request_id)


async def organization(client: Either) -> None:
    assert_shape(await client.get_settings(), types.Settings)
    seen = await client.request("GET", "/v1/organization/settings")
    changed = await client.update_settings(
        {"low_balance_threshold_cents": 123, "default_type": "feedback"}, if_match=seen.headers["etag"]
    )
    assert_shape(changed, types.Settings)
    assert (changed["low_balance_threshold_cents"], changed["default_type"]) == (123, "feedback")
    with pytest.raises(FirstHandApiError) as invalid:
        await client.update_settings({"default_price_per_file_cents": 1})
    error = invalid.value
    assert (error.status, error.type) == (400, "validation_error")
    assert [entry["field"] for entry in error.details or []] == ["default_price_per_file_cents"]
    page = await client.list_audit_events(event_type="job.created", limit=1)
    assert_shape(page, types.Page[types.AuditEvent])
    trail = await client.all("iter_audit_events", page_size=7)
    assert len(trail) == len({event["id"] for event in trail})
    assert len(trail) > 7
    job_id = page["data"][0]["job_id"]
    of_job = await client.all("iter_audit_events", job_id=job_id)
    assert {event["job_id"] for event in of_job} == {job_id}
    of_resource = await client.all("iter_audit_events", resource_id=job_id)
    assert {event["resource"]["id"] for event in of_resource} == {job_id}
    created = of_resource[-1]
    since = created["recorded_at"]
    later = await client.list_audit_events(actor=created["actor"]["id"], created_after=since)
    assert created["id"] not in {event["id"] for event in later["data"]}
    assert await client.all("iter_audit_events", created_before="2026-01-01T00:00:00Z") == []
    answer = await client.request("POST", "/v1/jobs", body=order(type="feedback"))
    assert (answer.status, answer.replayed) == (201, False)
    assert answer.credits_remaining is not None
    record = assert_shape(await client.get_request(answer.request_id), types.RequestRecord)
    assert record["events"][0]["resource"]["id"] == answer.data["id"]


async def test_every_method(kind: str, product: Product, workers: WorkForce, receiver: Receiver) -> None:
    async with client_of(kind, product, new_key(product, cents=5000)) as client:
        await account(client, product, kind)
        await jobs(client, workers)
        await completion(client, workers)
        await api_keys(client, product, kind)
        inbox = await endpoints(client, receiver)
        await events(client, receiver, inbox)
        await feed(client)
        await billing(client)
        await organization(client)
        await client.close()
    # It makes no call; test_retries.py shows what it does.
    assert methods() - client.called == {"with_options"}


async def test_the_async_client_makes_calls_together(product: Product) -> None:
    client: Any = CLIENTS["async"](new_key(product), base_url=product.base_url)
    async with client:
        jobs = await asyncio.gather(
            *(client.create_job(order(price_per_file_cents=10), idempotency_key="one") for _ in range(8))
        )
    # All under one key: they wait for the first and get its answer.
    assert len({job["id"] for job in jobs}) == 1


async def test_a_rate_limit_is_waited_out_or_raised(kind: str, limited: Product) -> None:
    async with client_of(kind, limited, new_key(limited)) as client:
        impatient = Either.of(client.client.with_options(max_retries=0))

        async def exhaust() -> None:
            for _ in range(500):
                await impatient.me()

        with pytest.raises(FirstHandRateLimitError) as caught:
            await exhaust()
        error = caught.value
        assert (error.status, error.type, error.code) == (429, "rate_limit_exceeded", "rate_limit_exceeded")
        assert error.retry_after == 1
        assert error.retryable
        [limit] = error.details or []
        assert limit["bucket"] == "key_requests"
        assert (await client.me())["object"] == "identity"


async def test_a_service_that_is_not_there(kind: str, waits: list[float]) -> None:
    async with Either(kind, "fh_test_x", base_url="http://127.0.0.1:9", max_retries=2) as client:
        with pytest.raises(FirstHandConnectionError, match="connection failed"):
            await client.me()
        assert len(waits) == 2
