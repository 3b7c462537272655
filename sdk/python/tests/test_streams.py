"""Event streams over connections that break, without a network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from either import mocked
from firsthand import FirstHandApiError, FirstHandConnectionError

pytestmark = pytest.mark.anyio


def event(number: int) -> dict[str, Any]:
    return {"id": f"evt_{number}", "type": "job.completed"}


def frame(number: int) -> bytes:
    return f"id: evt_{number}\nevent: job.completed\ndata: {json.dumps(event(number))}\n\n".encode()


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """What comes over one connection, and how it breaks."""

    def __init__(self, *pieces: bytes, breaks: Exception | None = None) -> None:
        self._pieces, self._breaks = pieces, breaks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._breaks:
            raise self._breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Feed:
    """A service with a feed: what is in it, and what its connections do, one after another."""

    def __init__(self, *connections: Body | httpx.Response | Exception, events: int = 0) -> None:
        self._connections = iter(connections)
        self.events = [event(number) for number in range(events)]
        self.resumed: list[str | None] = []
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/events/stream":
            self.resumed.append(request.headers.get("last-event-id"))
            connection = next(self._connections)
            if isinstance(connection, Exception):
                raise connection
            if isinstance(connection, Body):
                return httpx.Response(200, stream=connection)
            return connection
        self.asked.append(str(request.url.raw_path, "ascii"))
        newest_first = request.url.path == "/v1/webhook_events"
        events = self.events[::-1] if newest_first else self.events
        return httpx.Response(200, json={"data": events[:1], "has_more": len(events) > 1})


async def test_it_goes_on_after_the_last_event_however_it_breaks(kind: str, waits: list[float]) -> None:
    half = frame(4)[:-8]
    last = Body(b": alive\n\n", frame(5), frame(6))
    connections: list[Body | httpx.Response | Exception] = [
        Body(frame(2), frame(3) + half, breaks=httpx.ReadError("reset")),
        httpx.ConnectError("refused"),
        httpx.Response(503, json={}, headers={"Retry-After": "9"}),
        Body(frame(4)),
        last,
    ]
    feed = Feed(*connections)
    async with mocked(kind, feed).stream(after="evt_1", types=["job.completed"]) as stream:
        seen = [(await stream.next())["id"] for _ in range(5)]
        assert seen == ["evt_2", "evt_3", "evt_4", "evt_5", "evt_6"]
        assert stream.stream.last_event_id == "evt_6"
    assert feed.resumed == ["evt_1", "evt_3", "evt_3", "evt_3", "evt_4"]
    assert feed.asked == []
    assert len(waits) == 4
    assert waits[2] >= 9
    assert last.closed


async def test_without_a_place_it_begins_after_the_newest_event(kind: str) -> None:
    feed = Feed(Body(frame(3)), events=3)
    async with mocked(kind, feed).stream() as stream:
        assert stream.stream.last_event_id is None
        assert (await stream.next())["id"] == "evt_3"
    assert (feed.asked, feed.resumed) == (["/v1/webhook_events?limit=1"], ["evt_2"])


async def test_the_first_event_of_all_is_not_lost_while_connecting(kind: str) -> None:
    feed = Feed(Body(), Body(frame(1)))

    def late(request: httpx.Request) -> httpx.Response:
        answer = feed(request)
        if request.url.path == "/v1/events/stream" and not feed.events:
            feed.events.append(event(0))
        return answer

    async with mocked(kind, late).stream() as stream:
        assert [(await stream.next())["id"] for _ in range(2)] == ["evt_0", "evt_1"]
    assert feed.resumed == [None, "evt_0"]


async def test_the_first_event_of_all_is_not_lost_between_connections(kind: str, waits: list[float]) -> None:
    feed = Feed(Body(b":\n\n", breaks=httpx.ReadTimeout("silent")), Body(frame(0)), Body(frame(1)))
    async with mocked(kind, feed).stream(types=["job.completed"]) as stream:
        feed.events.append(event(0))
        assert [(await stream.next())["id"] for _ in range(2)] == ["evt_0", "evt_1"]
    assert feed.resumed == [None, None, "evt_0"]
    assert feed.asked[1:] == ["/v1/events?types=job.completed&limit=1"] * 2
    assert len(waits) == 1


async def test_it_survives_when_the_first_event_can_not_be_looked_for(kind: str, waits: list[float]) -> None:
    feed = Feed(*(Body() for _ in range(4)), Body(frame(1)))
    # Twice each: the call for the first event is tried again by itself.
    failures = [500, 500, 0, 500, 500, 0]

    def broken(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/events" and (status := failures.pop(0)):
            return httpx.Response(status)
        return feed(request)

    async with mocked(kind, broken, max_retries=1).stream() as stream:
        assert failures == [500, 500, 0]
        feed.events.append(event(0))
        assert [(await stream.next())["id"] for _ in range(2)] == ["evt_0", "evt_1"]
    assert feed.resumed == [None, None, None, None, "evt_0"]
    assert len(waits) == 5


async def test_what_fails_on_entering_leaves_nothing_open(kind: str) -> None:
    body = Body()
    empty = httpx.Response(200, json={"data": [], "has_more": False})
    answers = {"/v1/webhook_events": empty, "/v1/events/stream": httpx.Response(200, stream=body)}
    stream = mocked(kind, lambda asked: answers.get(asked.url.path, httpx.Response(403))).stream()
    with pytest.raises(FirstHandApiError, match="403"):
        await stream.__aenter__()
    assert body.closed


async def test_a_refusal_ends_it(kind: str, waits: list[float]) -> None:
    revoked = httpx.Response(401, json={"error": {"type": "authentication_error"}})
    feed = Feed(Body(frame(1)), revoked)
    async with mocked(kind, feed).stream(after="evt_0") as stream:
        await stream.next()
        with pytest.raises(FirstHandApiError, match="401"):
            await stream.next()
    assert len(waits) == 1


async def test_a_first_connection_is_tried_as_often_as_any_call(kind: str, waits: list[float]) -> None:
    feed = Feed(*(httpx.ConnectError("refused") for _ in range(3)))
    stream = mocked(kind, feed, max_retries=2).stream(after="evt_0")
    with pytest.raises(FirstHandConnectionError, match="refused"):
        await stream.__aenter__()
    assert len(waits) == 2


async def test_later_ones_are_tried_without_bound_or_within_the_one_given(
    kind: str, waits: list[float]
) -> None:
    feed = Feed(Body(frame(1)), *(Body() for _ in range(50)), Body(frame(2)))
    async with mocked(kind, feed).stream(after="evt_0") as stream:
        assert [(await stream.next())["id"] for _ in range(2)] == ["evt_1", "evt_2"]
    assert len(waits) == 51
    assert max(waits) <= 8
    feed = Feed(Body(frame(1)), Body(), Body())
    async with mocked(kind, feed).stream(after="evt_0", max_reconnects=2) as stream:
        await stream.next()
        with pytest.raises(FirstHandConnectionError, match="ended"):
            await stream.next()


async def test_only_failures_in_a_row_count(kind: str, waits: list[float]) -> None:
    feed = Feed(*(Body(frame(number)) for number in range(1, 5)))
    async with mocked(kind, feed).stream(after="evt_0", max_reconnects=1) as stream:
        assert [(await stream.next())["id"] for _ in range(4)] == ["evt_1", "evt_2", "evt_3", "evt_4"]
    assert len(waits) == 3
    assert max(waits) <= 0.5


async def test_the_time_between_connections_is_the_services_to_name(kind: str, waits: list[float]) -> None:
    feed = Feed(Body(b"retry: 30000\n\n", frame(1)), Body(frame(2)))
    async with mocked(kind, feed).stream(after="evt_0") as stream:
        assert [(await stream.next())["id"] for _ in range(2)] == ["evt_1", "evt_2"]
    assert waits == [30.0]
