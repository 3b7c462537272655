# Made of _async/calls.py by tools/unasync.py: change that one.
"""How every call is made: sent, tried again, paged.

Decides nothing: what to send and what an answer means stand in `_core.py`, when to try again in `_retry.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import httpx

from .._core import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, ApiResponse, Exchange, Request, Settings, Timeout
from ..types import Page

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

# A time of day, or an ISO 8601 text.
Instant = str | datetime
# The same, or a day, which means its beginning in UTC.
InstantOrDay = str | datetime | date

# Items on a page where all pages are read.
PAGE_SIZE = 100


class Calls:
    """What every call needs."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._settings = Settings.of(api_key, base_url, timeout, max_retries)
        self._owns_http = http_client is None
        self._http = http_client or httpx.Client()

    def close(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(base_url={self._settings.base_url!r})"

    def with_options(
        self,
        *,
        api_key: str | None = None,
        timeout: Timeout | Literal["same"] = "same",
        max_retries: int | None = None,
    ) -> Self:
        """Returns a client with other settings that shares the connections of this one."""
        client = copy.copy(self)
        client._owns_http = False
        client._settings = self._settings.changed(
            api_key=api_key,
            timeout=self._settings.timeout if timeout == "same" else timeout,
            max_retries=max_retries,
        )
        return client

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> ApiResponse[Any]:
        """Makes any call, as `request("GET", "/v1/me")`, and returns the answer with its headers."""
        request: Request[Any] = Request(
            method.upper(),
            path,
            params or {},
            body,
            headers or {},
            idempotency_key,
        )
        return self._exchange(request)

    def _exchange(self, request: Request[T]) -> ApiResponse[T]:
        exchange = Exchange(self._settings, self._http.build_request, request)
        while True:
            try:
                response = self._http.send(exchange.http)
            except httpx.RequestError as error:
                outcome: ApiResponse[T] | float = exchange.failed(error)
            else:
                outcome = exchange.answered(response)
            if isinstance(outcome, ApiResponse):
                return outcome
            sleep(outcome)

    def _send(self, request: Request[T]) -> T:
        return (self._exchange(request)).data

    def _all(
        self,
        list_page: Callable[..., Page[T]],
        *ids: str,
        cursor_parameter: str = "cursor",
        **params: Any,
    ) -> Iterator[T]:
        while True:
            page = list_page(*ids, **params)
            yield from page["data"]
            if not page["has_more"] or page["next_cursor"] is None:
                return
            params[cursor_parameter] = page["next_cursor"]
