"""The feed of events as a stream that survives its connections."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING

import httpx

from .._core import connection_error, error_of
from .._errors import FirstHandError
from .._feed import FeedCourse
from ..types import Event

if TYPE_CHECKING:
    from typing_extensions import Self

    from .events import AsyncEvents


class AsyncEventStream:
    """Events as they happen. Enter it, iterate over it; keep `last_event_id` to go on another day."""

    def __init__(self, client: AsyncEvents, course: FeedCourse) -> None:
        self._client = client
        self._course = course
        self._response: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    @property
    def last_event_id(self) -> str | None:
        """The event that was returned last."""
        return self._course.last_event_id

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            await response.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while (event := self._course.next()) is None:
            if self._pieces is None:
                await self._connect()
            else:
                await self._read(self._pieces)
        return event

    async def _read(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            self._course.heard(await anext(pieces))
        except StopAsyncIteration:
            await self.close()
            await sleep(self._course.lost(None))
        except httpx.RequestError as error:
            await self.close()
            await sleep(self._course.lost(connection_error(error)))

    async def _connect(self) -> None:
        if not self._course.started and self._course.place is None:
            newest = await self._client.list_webhook_events(limit=1)
            self._course.place = newest["data"][0]["id"] if newest["data"] else None
        while True:
            await self._open()
            if self._course.place is not None:
                return
            # There was no event to begin after. One that comes now may be in the stream or may have
            # come too early for it; beginning anew after the first one of all shows each once.
            try:
                oldest = await self._client.list_events(types=self._course.types, limit=1)
            except FirstHandError as error:
                await self.close()
                await sleep(self._course.lost(error))
                continue
            if not oldest["data"]:
                return
            await self.close()
            self._course.take(oldest["data"][0])

    async def _open(self) -> None:
        while True:
            http = self._client._http
            try:
                response = await http.send(self._course.request(http.build_request), stream=True)
                if response.is_success:
                    self._course.opened()
                    self._response, self._pieces = response, response.aiter_bytes()
                    return
                await response.aread()
                await response.aclose()
            except httpx.RequestError as error:
                delay = self._course.lost(connection_error(error))
            else:
                refusal = error_of(response)
                delay = self._course.lost(refusal, refusal.retry_after)
            await sleep(delay)
