"""What both clients share: requests, answers and the course of a call. Does no input or output."""

from __future__ import annotations

import json
import math
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from ._errors import (
    FirstHandApiError,
    FirstHandConnectionError,
    FirstHandError,
    FirstHandInsufficientCreditsError,
    FirstHandRateLimitError,
)
from ._retry import RetryPolicy
from ._version import __version__

T = TypeVar("T")

DEFAULT_BASE_URL = "https://api.firsthandapi.com"
DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_RETRIES = 3

TERMINAL_STATUSES = frozenset({"resolved", "completed", "timed_out", "failed", "cancelled"})

# The longest wait that the service grants.
LONGEST_WAIT = 60
# How much longer than a wait the client listens: the answer needs time to travel.
WAIT_MARGIN = 10.0
# The service sends a comment every 15 s; after three that did not come the connection is dead.
STREAM_SILENCE = 45.0

USER_AGENT = f"firsthand-python/{__version__}"

Timeout = float | httpx.Timeout | None
# `build_request` of httpx's clients, which adds what the caller set on theirs.
MakeRequest = Callable[..., httpx.Request]


def path(template: str, *ids: str) -> str:
    """Fills identifiers into a path; none of them can leave its place."""
    for one in ids:
        if not one or one in {".", ".."}:
            raise ValueError(f"{one!r} is not an identifier")
    return template.format(*(quote(one, safe="") for one in ids))


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(_parameter(item) for item in value)
    return str(value)


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: nobody else can know which instant it is")
    return value.isoformat()


def _json_default(value: Any) -> Any:
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{value!r} can't be written as JSON")


@dataclass(frozen=True)
class Request(Generic[T]):
    """One call of the API, whose answer is a `T`."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    # The least time that an answer may take.
    patience: float = 0.0
    authenticated: bool = True
    # Whether the answer is read as bytes instead of JSON.
    raw: bool = False


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """An answer with what surrounds it."""

    data: T
    status: int
    headers: httpx.Headers

    def _number(self, name: str) -> int | None:
        value = self.headers.get(name)
        return int(value) if value is not None and re.fullmatch(r"-?\d+", value) else None

    @property
    def request_id(self) -> str | None:
        """Names the request in the service's log, and in `get_request`."""
        return str(self.headers["x-request-id"]) if "x-request-id" in self.headers else None

    @property
    def credits_remaining(self) -> int | None:
        """The credits available after this request, in cents."""
        return self._number("x-firsthandapi-credits-remaining")

    @property
    def rate_limit_remaining(self) -> int | None:
        """How many requests the binding rate limit still lets through."""
        return self._number("x-ratelimit-remaining")

    @property
    def replayed(self) -> bool:
        """True if this is the kept answer to an earlier request with the same idempotency key."""
        return str(self.headers.get("idempotent-replayed")) == "true"


@dataclass(frozen=True)
class Settings:
    """What a client was made with."""

    api_key: str = field(repr=False)
    base_url: str
    timeout: Timeout
    retries: RetryPolicy

    @classmethod
    def of(
        cls,
        api_key: str | None,
        base_url: str | None,
        timeout: Timeout,
        max_retries: int,
    ) -> Settings:
        """Fills in what was not given from the environment."""
        key = api_key or os.environ.get("FIRSTHAND_API_KEY")
        if not key:
            raise ValueError("api_key is required: pass it or set FIRSTHAND_API_KEY")
        url = base_url or os.environ.get("FIRSTHAND_BASE_URL") or DEFAULT_BASE_URL
        return cls(key, url.rstrip("/"), timeout, RetryPolicy(max_retries))

    def changed(self, *, api_key: str | None, timeout: Timeout, max_retries: int | None) -> Settings:
        """Returns these settings with others in place of some."""
        retries = self.retries
        if max_retries is not None:
            retries = replace(retries, max_retries=max_retries)
        return replace(self, api_key=api_key or self.api_key, timeout=timeout, retries=retries)

    def build(self, make: MakeRequest, request: Request[Any]) -> httpx.Request:
        """Writes a call down. What it returns is sent again unchanged if a try fails."""
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT, **request.headers}
        if request.authenticated:
            headers["Authorization"] = f"Bearer {self.api_key}"
        content = None
        if request.body is not None:
            text = json.dumps(
                dict(request.body), default=_json_default, allow_nan=False, separators=(",", ":")
            )
            content = text.encode()
            headers["Content-Type"] = "application/json"
        if request.method in {"POST", "PATCH"}:
            headers["Idempotency-Key"] = request.idempotency_key or str(uuid.uuid4())
        params = {name: _parameter(value) for name, value in request.params.items() if value is not None}
        return make(
            request.method,
            self.base_url + request.path,
            params=params or None,
            headers=headers,
            content=content,
            timeout=self._timeout(request.patience),
        )

    def _timeout(self, patience: float) -> httpx.Timeout:
        timeout = httpx.Timeout(self.timeout)
        if timeout.read is not None:
            timeout.read = max(timeout.read, patience)
        return timeout


class Exchange(Generic[T]):
    """The course of one call: told what came of each try, it says how long to wait for the next."""

    def __init__(self, settings: Settings, make: MakeRequest, request: Request[T]) -> None:
        self._retries = settings.retries
        self._raw = request.raw
        self._failures = 0
        self.http = settings.build(make, request)

    def answered(self, response: httpx.Response) -> ApiResponse[T] | float:
        """Takes an answer that was read: the result, or how long to wait before the next try.

        Raises:
            FirstHandApiError: It is a refusal, and there is to be no other try.
        """
        if response.is_success:
            return ApiResponse(self._data(response), response.status_code, response.headers)
        error = error_of(response)
        return self._next(error, error.retry_after)

    def failed(self, cause: httpx.RequestError) -> float:
        """Takes a failure to get an answer: how long to wait before the next try.

        Raises:
            FirstHandConnectionError: There is to be no other try.
        """
        error = connection_error(cause)
        if isinstance(cause, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
            # It never left, and never will.
            raise error
        return self._next(error, None)

    def _next(self, error: FirstHandError, retry_after: float | None) -> float:
        self._failures += 1
        delay = self._retries.delay(self._failures, retry_after) if error.retryable else None
        if delay is None:
            raise error
        return delay

    def _data(self, response: httpx.Response) -> Any:
        if self._raw:
            return response.content
        # Leading blanks, which keep a long wait alive, are part of JSON.
        if not response.content.strip():
            return None
        try:
            return response.json()
        except ValueError as error:
            raise FirstHandApiError(
                response.status_code,
                "invalid_response",
                "the answer is not JSON: is base_url that of the API?",
                response.headers.get("x-request-id", "unknown"),
            ) from error


def connection_error(cause: Exception) -> FirstHandConnectionError:
    """Makes the error for an answer that did not come."""
    said = str(cause) or type(cause).__name__
    what = "timed out" if isinstance(cause, httpx.TimeoutException) else "connection failed"
    return FirstHandConnectionError(f"{what}: {said}", cause)


def _seconds(value: str | None) -> float | None:
    """Reads `Retry-After`; the service always sends a number."""
    try:
        seconds = float(value) if value is not None else None
    except ValueError:
        return None
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None


def error_of(response: httpx.Response) -> FirstHandApiError:
    """Makes the error of a refusal, whoever sent it: a proxy may know nothing of our envelope."""
    try:
        body = response.json()
    except ValueError:
        body = None
    envelope = body.get("error") if isinstance(body, dict) else None
    said: dict[str, Any] = envelope if isinstance(envelope, dict) else {}

    def text(name: str) -> str | None:
        value = said.get(name)
        return value if isinstance(value, str) else None

    status = response.status_code
    message = text("message") or f"HTTP {status}"
    request_id = text("request_id") or response.headers.get("x-request-id", "unknown")
    details = said.get("details")
    listed = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else None
    retry_after = _seconds(response.headers.get("retry-after"))
    code, doc_url = text("code"), text("doc_url")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return FirstHandRateLimitError(
            message,
            request_id,
            retry_after,
            listed,
            type=text("type") or "rate_limit_exceeded",
            code=code,
            doc_url=doc_url,
        )
    kind = FirstHandInsufficientCreditsError if status == HTTPStatus.PAYMENT_REQUIRED else FirstHandApiError
    return kind(
        status,
        text("type") or "unknown",
        message,
        request_id,
        listed,
        code=code,
        retry_after=retry_after,
        doc_url=doc_url,
    )
