# Made of _async/stream.py by tools/unasync.py: change that one.
"""The feed of events as a stream that survives its connections."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING

import httpx

from .._core import connection_error, error_of
from .._errors import FirstHandError
from .._feed import FeedCourse
from ..types import Event

if TYPE_CHECKING:
    from typing_extensions import Self

    from .events import Events


class EventStream:
    """Events as they happen. Enter it, iterate over it; keep `last_event_id` to go on another day."""

    def __init__(self, client: Events, course: FeedCourse) -> None:
        self._client = client
        self._course = course
        self._response: httpx.Response | None = None
        self._pieces: Iterator[bytes] | None = None

    @property
    def last_event_id(self) -> str | None:
        """The event that was returned last."""
        return self._course.last_event_id

    def __enter__(self) -> Self:
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            response.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while (event := self._course.next()) is None:
            if self._pieces is None:
                self._connect()
            else:
                self._read(self._pieces)
        return event

    def _read(self, pieces: Iterator[bytes]) -> None:
        try:
            self._course.heard(next(pieces))
        except StopIteration:
            self.close()
            sleep(self._course.lost(None))
        except httpx.RequestError as error:
            self.close()
            sleep(self._course.lost(connection_error(error)))

    def _connect(self) -> None:
        if not self._course.started and self._course.place is None:
            newest = self._client.list_webhook_events(limit=1)
            self._course.place = newest["data"][0]["id"] if newest["data"] else None
        while True:
            self._open()
            if self._course.place is not None:
                return
            # There was no event to begin after. One that comes now may be in the stream or may have
            # come too early for it; beginning anew after the first one of all shows each once.
            try:
                oldest = self._client.list_events(types=self._course.types, limit=1)
            except FirstHandError as error:
                self.close()
                sleep(self._course.lost(error))
                continue
            if not oldest["data"]:
                return
            self.close()
            self._course.take(oldest["data"][0])

    def _open(self) -> None:
        while True:
            http = self._client._http
            try:
                response = http.send(self._course.request(http.build_request), stream=True)
                if response.is_success:
                    self._course.opened()
                    self._response, self._pieces = response, response.iter_bytes()
                    return
                response.read()
                response.close()
            except httpx.RequestError as error:
                delay = self._course.lost(connection_error(error))
            else:
                refusal = error_of(response)
                delay = self._course.lost(refusal, refusal.retry_after)
            sleep(delay)
