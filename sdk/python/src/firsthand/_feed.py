"""The course of an event stream over its connections: where it stands, and when to try again.

Does no input or output.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import httpx

from ._core import STREAM_SILENCE, MakeRequest, Request, Settings
from ._errors import FirstHandConnectionError, FirstHandError
from ._sse import Decoder
from .types import Event, WebhookEventType


class FeedCourse:
    """Remembers the last event, so that a new connection goes on where the old one broke."""

    def __init__(
        self,
        settings: Settings,
        types: Sequence[WebhookEventType] | None,
        after: str | None,
        max_reconnects: int | None,
    ) -> None:
        self._settings = settings
        self._max_reconnects = max_reconnects
        self._decoder = Decoder()
        self._ready: deque[Event] = deque()
        self._failures = 0
        # What the service wishes for the time between connections.
        self._pause = 0.0
        self.types = types
        # The event after which the next connection begins.
        self.place = after
        self.last_event_id = after
        self.started = False

    def request(self, make: MakeRequest) -> httpx.Request:
        """Writes down the request for the next connection."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if self.place is not None:
            headers["Last-Event-ID"] = self.place
        request = Request[Any](
            "GET",
            "/v1/events/stream",
            {"types": self.types},
            headers=headers,
            patience=STREAM_SILENCE,
        )
        return self._settings.build(make, request)

    def opened(self) -> None:
        """Notes that a connection stands."""
        self.started = True
        self._decoder = Decoder()

    def take(self, event: Event) -> None:
        """Takes an event that was read otherwise."""
        self._ready.append(event)
        self.place = event["id"]

    def heard(self, piece: bytes) -> None:
        """Takes the next piece of the stream: the connection is alive."""
        self._failures = 0
        for framed in self._decoder.feed(piece):
            event: Any = json.loads(framed.data)
            self.take(cast("Event", event))
        if self._decoder.retry is not None:
            self._pause = self._decoder.retry

    def next(self) -> Event | None:
        """Returns the next event that has been read."""
        if not self._ready:
            return None
        event = self._ready.popleft()
        self.last_event_id = event["id"]
        return event

    def lost(self, error: FirstHandError | None, retry_after: float | None = None) -> float:
        """Notes that there is no connection (any more): how long to wait before the next.

        Raises:
            FirstHandError: There is to be no other.
        """
        cause = error or FirstHandConnectionError("the stream of events ended")
        self._failures += 1
        if not cause.retryable:
            raise cause
        most = self._max_reconnects if self.started else self._settings.retries.max_retries
        if most is not None and self._failures > most:
            raise cause
        retries = self._settings.retries
        wished = self._pause if retry_after is None else retry_after
        return max(retries.backoff(self._failures), min(wished, retries.longest_retry_after))
