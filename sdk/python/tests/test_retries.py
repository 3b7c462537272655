"""What is tried again, when, and with what; the course of a call without a network."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from either import mocked, settled
from firsthand import (
    FirstHandApiError,
    FirstHandConnectionError,
    FirstHandInsufficientCreditsError,
    FirstHandRateLimitError,
)
from firsthand._retry import RetryPolicy

pytestmark = pytest.mark.anyio

JOB = {"object": "job", "id": "job_1", "status": "open"}


def refusal(status: int, headers: dict[str, str] | None = None, **error: Any) -> httpx.Response:
    return httpx.Response(status, headers=headers, json={"error": {"type": "t", "message": "m"} | error})


class Script:
    """Answers one request after another with what it was given."""

    def __init__(self, answers: Iterable[httpx.Response | Exception]) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sent(self, header: str) -> list[str | None]:
        return [request.headers.get(header) for request in self.requests]


@pytest.mark.parametrize(
    "failure",
    [
        lambda: refusal(408),
        lambda: refusal(429),
        lambda: refusal(500),
        lambda: refusal(502),
        lambda: refusal(503),
        lambda: refusal(504),
        lambda: httpx.Response(502, text="<html>Bad Gateway</html>"),
        lambda: refusal(409, {"Retry-After": "1"}, type="idempotency_error"),
        lambda: httpx.ConnectError("refused"),
        lambda: httpx.ReadTimeout("late"),
        lambda: httpx.RemoteProtocolError("cut short"),
    ],
)
async def test_what_passes_is_tried_again_with_the_same_key_and_bytes(
    kind: str, waits: list[float], failure: Callable[[], httpx.Response | Exception]
) -> None:
    script = Script([failure(), failure(), failure(), httpx.Response(201, json=JOB)])
    client = mocked(kind, script)
    assert await client.create_job({"description": "é"}) == JOB
    assert len(script.requests) == 4
    assert len(waits) == 3
    [key] = set(script.sent("idempotency-key"))
    assert key is not None
    assert uuid.UUID(key).version == 4
    assert {request.content for request in script.requests} == {b'{"description":"\\u00e9"}'}


@pytest.mark.parametrize("status", [307, 400, 401, 402, 403, 404, 405, 409, 412, 413, 415, 422])
async def test_what_does_not_pass_is_raised_at_once(kind: str, waits: list[float], status: int) -> None:
    script = Script([refusal(status, code="c", request_id="req_1", details=[{"field": "f"}])])
    with pytest.raises(FirstHandApiError) as caught:
        await mocked(kind, script).create_job({})
    error = caught.value
    assert (error.status, error.type, error.code, error.request_id) == (status, "t", "c", "req_1")
    assert error.details == [{"field": "f"}]
    assert (error.message, error.retryable, waits) == ("m", False, [])


async def test_the_last_failure_is_raised_after_max_retries(kind: str, waits: list[float]) -> None:
    script = Script([refusal(500), httpx.ConnectError("refused"), refusal(503, code="overloaded")])
    with pytest.raises(FirstHandApiError, match="503") as caught:
        await mocked(kind, script, max_retries=2).get_job("job_1")
    assert caught.value.code == "overloaded"
    assert len(waits) == 2
    cause = httpx.ConnectTimeout("late")
    with pytest.raises(FirstHandConnectionError, match="timed out: late") as timed_out:
        await mocked(kind, Script([cause]), max_retries=0).get_job("job_1")
    assert timed_out.value.__cause__ is cause
    assert timed_out.value.retryable


async def test_what_never_leaves_is_not_tried_again(kind: str, waits: list[float]) -> None:
    with pytest.raises(FirstHandConnectionError):
        await mocked(kind, Script([httpx.UnsupportedProtocol("ftp")])).me()
    assert waits == []


async def test_retry_after_is_waited_out(kind: str, waits: list[float]) -> None:
    script = Script([refusal(429, {"Retry-After": "7"}), refusal(503, {"Retry-After": "2.5"})])
    script._answers = iter([*script._answers, httpx.Response(200, json=JOB)])
    assert await mocked(kind, script).get_job("job_1") == JOB
    assert 7 <= waits[0] <= 7.5
    assert 2.5 <= waits[1] <= 3


async def test_a_wait_that_is_too_long_is_the_callers_to_decide(kind: str, waits: list[float]) -> None:
    script = Script([refusal(429, {"Retry-After": "61"}, type="rate_limit_exceeded", request_id="req_1")])
    with pytest.raises(FirstHandRateLimitError) as caught:
        await mocked(kind, script).get_job("job_1")
    assert (caught.value.retry_after, caught.value.request_id, waits) == (61.0, "req_1", [])


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "nan", "inf", "-1", ""])
async def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(
    kind: str, waits: list[float], value: str
) -> None:
    script = Script([refusal(429, {"Retry-After": value}), httpx.Response(200, json=JOB)])
    assert await mocked(kind, script).get_job("job_1") == JOB
    assert 0 <= waits[0] <= 0.5


async def test_402_says_what_is_missing(kind: str) -> None:
    figures = {"current_balance_cents": 5, "required_cents": 50, "shortfall_cents": 45}
    script = Script([refusal(402, type="insufficient_credits", details=[figures])])
    with pytest.raises(FirstHandInsufficientCreditsError) as caught:
        await mocked(kind, script).create_job({})
    error = caught.value
    assert (error.current_balance_cents, error.required_cents, error.shortfall_cents) == (5, 50, 45)


async def test_every_call_has_a_key_of_its_own_and_takes_the_callers(kind: str) -> None:
    script = Script(httpx.Response(200, json=JOB) for _ in range(6))
    client = mocked(kind, script)
    await client.cancel_job("job_1")
    await client.cancel_job("job_1")
    await client.create_job({}, idempotency_key="mine")
    await client.update_settings({}, idempotency_key="mine too")
    await client.get_job("job_1")
    await client.delete_webhook_endpoint("we_1")
    first, second, *rest = script.sent("idempotency-key")
    assert None not in {first, second}
    assert first != second
    assert rest == ["mine", "mine too", None, None]


async def test_posts_without_a_body_have_none(kind: str) -> None:
    script = Script([httpx.Response(200, json=JOB)])
    await mocked(kind, script).cancel_job("job_1")
    [request] = script.requests
    assert (request.content, request.headers["content-length"]) == (b"", "0")
    assert "content-type" not in request.headers
    assert request.headers["authorization"] == "Bearer fh_test_key"
    assert request.headers["user-agent"].startswith("firsthand-python/")


async def test_parameters_are_written_as_the_api_reads_them(kind: str) -> None:
    script = Script(httpx.Response(200, json={"data": [], "has_more": False}) for _ in range(2))
    client = mocked(kind, script)
    at = datetime(2026, 3, 18, 9, 30, tzinfo=timezone(timedelta(hours=2)))
    await client.list_jobs(created_after=at, limit=5)
    await client.list_events(types=["job.completed", "job.cancelled"], after=None)
    urls = [str(request.url) for request in script.requests]
    assert urls == [
        "https://api.test/v1/jobs?created_after=2026-03-18T09%3A30%3A00%2B02%3A00&limit=5",
        "https://api.test/v1/events?types=job.completed%2Cjob.cancelled",
    ]
    with pytest.raises(ValueError, match="time zone"):
        await client.list_jobs(created_after=datetime(2026, 3, 18))  # noqa: DTZ001


async def test_times_in_bodies_are_written_too(kind: str) -> None:
    script = Script([httpx.Response(201, json=JOB)])
    deadline = datetime(2026, 3, 18, tzinfo=timezone.utc)
    await mocked(kind, script).create_job({"deadline": deadline, "accepted_formats": ("image/png",)})
    body = json.loads(script.requests[0].content)
    assert body == {"deadline": "2026-03-18T00:00:00+00:00", "accepted_formats": ["image/png"]}


@pytest.mark.parametrize("bad", ["", ".", ".."])
async def test_an_id_can_not_leave_its_place_in_a_path(kind: str, bad: str) -> None:
    script = Script([httpx.Response(200, json=JOB)])
    client = mocked(kind, script)
    with pytest.raises(ValueError, match="identifier"):
        await client.cancel_job(bad)
    await client.get_job("a/../b?c")
    assert script.requests[0].url.raw_path == b"/v1/jobs/a%2F..%2Fb%3Fc"


async def test_a_wait_has_patience_and_the_bound_of_the_api(kind: str) -> None:
    blanks = httpx.Response(200, content=b"   " + json.dumps(JOB).encode())
    script = Script([blanks, *(httpx.Response(200, json=JOB) for _ in range(2))])
    client = mocked(kind, script, timeout=5.0)
    assert await client.get_job("job_1", wait_seconds=90) == JOB
    await client.get_job("job_1", wait_seconds=20)
    await client.get_job("job_1")
    assert script.sent("prefer") == ["wait=60", "wait=20", None]
    reads = [request.extensions["timeout"]["read"] for request in script.requests]
    assert reads == [70.0, 30.0, 5.0]
    assert script.requests[0].extensions["timeout"]["connect"] == 5.0


async def test_waiting_ends_with_the_job_or_with_the_time(kind: str, waits: list[float]) -> None:
    states = ["open", "in_progress", "completed"]
    script = Script(httpx.Response(200, json=JOB | {"status": status}) for status in states)
    job = await mocked(kind, script).create_job_and_wait({}, max_wait_seconds=100)
    assert job["status"] == "completed"
    assert script.sent("prefer") == [None, "wait=30", "wait=30"]
    assert waits == []
    script = Script([httpx.Response(200, json=JOB)])
    assert (await mocked(kind, script).wait_for_job("job_1", max_wait_seconds=0)) == JOB
    assert script.sent("prefer") == [None]


async def test_a_service_that_does_not_wait_is_not_asked_without_a_pause(
    kind: str, waits: list[float]
) -> None:
    states = ["open", "open", "open", "completed"]
    script = Script(httpx.Response(200, json=JOB | {"status": status}) for status in states)
    assert (await mocked(kind, script).wait_for_job("job_1"))["status"] == "completed"
    assert waits == [1.0, 1.0]


async def test_all_pages_are_read_and_none_more(kind: str) -> None:
    pages = [
        {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "next_cursor": "b"},
        {"data": [{"id": "c"}], "has_more": False, "next_cursor": None},
    ]
    script = Script(httpx.Response(200, json=page) for page in pages)
    jobs = await mocked(kind, script).all("iter_jobs", status="open", page_size=2)
    assert [job["id"] for job in jobs] == ["a", "b", "c"]
    queries = [request.url.query for request in script.requests]
    assert queries == [b"status=open&limit=2", b"status=open&limit=2&cursor=b"]


async def test_the_feed_is_read_on_after_its_last_event(kind: str) -> None:
    pages = [
        {"data": [{"id": "a"}], "has_more": True, "next_cursor": "a"},
        {"data": [{"id": "b"}], "has_more": False, "next_cursor": "b"},
    ]
    script = Script(httpx.Response(200, json=page) for page in pages)
    events = await mocked(kind, script).all("iter_events", page_size=1)
    assert [event["id"] for event in events] == ["a", "b"]
    assert [request.url.query for request in script.requests] == [b"limit=1", b"after=a&limit=1"]


async def test_an_answer_that_is_not_ours_is_no_result(kind: str, waits: list[float]) -> None:
    script = Script([httpx.Response(200, text="<html>Log in</html>")])
    with pytest.raises(FirstHandApiError, match="not JSON"):
        await mocked(kind, script).me()
    for strange in ["null", "[]", '"error"', '{"error":"no"}', '{"error":{"details":"no","code":1}}']:
        script = Script([httpx.Response(400, text=strange, headers={"X-Request-Id": "req_1"})])
        with pytest.raises(FirstHandApiError) as caught:
            await mocked(kind, script).me()
        error = caught.value
        assert (error.type, error.request_id, error.details) == ("unknown", "req_1", None)
    assert waits == []


async def test_any_call_can_be_made_and_shows_its_headers(kind: str) -> None:
    headers = {
        "X-Request-Id": "req_1",
        "X-FirstHandAPI-Credits-Remaining": "-5",
        "X-RateLimit-Remaining": "99",
        "Idempotent-Replayed": "true",
    }
    script = Script([httpx.Response(202, json={"new": True}, headers=headers), httpx.Response(204)])
    client = mocked(kind, script)
    answer = await client.request("post", "/v1/new", params={"a": 1}, body={"b": 2}, headers={"X-C": "3"})
    assert (answer.data, answer.status, answer.request_id) == ({"new": True}, 202, "req_1")
    assert (answer.credits_remaining, answer.rate_limit_remaining, answer.replayed) == (-5, 99, True)
    [request] = script.requests
    assert (str(request.url), request.content) == ("https://api.test/v1/new?a=1", b'{"b":2}')
    assert request.headers["x-c"] == "3"
    bare = await client.request("DELETE", "/v1/new")
    assert (bare.data, bare.request_id, bare.credits_remaining, bare.replayed) == (None, None, None, False)


async def test_options_change_a_copy(kind: str, waits: list[float]) -> None:
    script = Script([refusal(500), httpx.Response(200, json=JOB)])
    client = mocked(kind, script, timeout=3.0)
    impatient = client.client.with_options(max_retries=0, api_key="other", timeout=None)

    async def ask() -> None:
        await settled(impatient.me())

    with pytest.raises(FirstHandApiError):
        await ask()
    await client.me()
    assert waits == []
    assert script.sent("authorization") == ["Bearer other", "Bearer fh_test_key"]
    assert [request.extensions["timeout"]["read"] for request in script.requests] == [None, 3.0]
    assert "fh_test_key" not in repr(client.client)


def test_delays_grow_are_drawn_from_the_whole_span_and_are_bounded() -> None:
    policy = RetryPolicy(max_retries=10_000, chance=random.Random(4711))
    for failures, longest in [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (5_000, 8.0)]:
        drawn = [policy.backoff(failures) for _ in range(500)]
        assert 0 <= min(drawn) < longest * 0.05
        assert longest * 0.95 < max(drawn) <= longest
    with pytest.raises(ValueError, match="negative"):
        RetryPolicy(max_retries=-1)
