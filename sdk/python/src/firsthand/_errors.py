"""What goes wrong, as exceptions. Every one of them is a `FirstHandError`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

Details = list[dict[str, Any]]


class FirstHandError(Exception):
    """The base of all errors of this package.

    Its fields are always there, so that one `except FirstHandError` can read them: where there was no
    answer, `status`, `code` and `request_id` are None.
    """

    status: int | None = None
    type: str = "error"
    code: str | None = None
    request_id: str | None = None
    details: Details | None = None

    @property
    def message(self) -> str:
        """What happened, for people; decide by `type`, `code` or `status` instead."""
        return str(self.args[0]) if self.args else ""

    @property
    def retryable(self) -> bool:
        """Says whether the same request may succeed later without being changed."""
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take more than `args`, which is all that Exception would keep.
        return _restore, (self.__class__, self.args, self.__dict__)


def _restore(kind: type[FirstHandError], args: tuple[Any, ...], fields: dict[str, Any]) -> FirstHandError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class FirstHandApiError(FirstHandError):
    """The API refused a request.

    Attributes:
        status: The HTTP status.
        type: The class of the error, as `validation_error`.
        code: The exact error, as `idempotency_conflict`.
        request_id: Names the request in the service's log.
        details: One object for each thing that is wrong, if there is something to list.
        retry_after: After how many seconds the service wants to be asked again, if it says so.
        doc_url: The page that describes the error.
    """

    status: int
    request_id: str

    def __init__(
        self,
        status: int,
        type: str,
        message: str,
        request_id: str,
        details: Details | None = None,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        doc_url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.code = code
        self.request_id = request_id
        self.details = details
        self.retry_after = retry_after
        self.doc_url = doc_url

    @property
    def retryable(self) -> bool:
        """True for 408, 429 and 5xx, and for a 409 that says when to ask again."""
        if self.status == HTTPStatus.CONFLICT:
            # The first request under the same idempotency key is still under way.
            return self.retry_after is not None
        return (
            self.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )

    def __str__(self) -> str:
        kind = self.type if self.code in {None, self.type} else f"{self.type}, {self.code}"
        return f"{self.message} ({self.status} {kind}; request {self.request_id})"

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}(status={self.status}, type={self.type!r}, "
            f"code={self.code!r}, message={self.message!r}, request_id={self.request_id!r})"
        )


class FirstHandRateLimitError(FirstHandApiError):
    """One request too many (429); `retry_after` says when the next is let through."""

    def __init__(
        self,
        message: str,
        request_id: str,
        retry_after: float | None = None,
        details: Details | None = None,
        *,
        type: str = "rate_limit_exceeded",
        code: str | None = None,
        doc_url: str | None = None,
    ) -> None:
        super().__init__(
            429,
            type,
            message,
            request_id,
            details,
            code=code,
            retry_after=retry_after,
            doc_url=doc_url,
        )


class FirstHandInsufficientCreditsError(FirstHandApiError):
    """A job costs more than is available (402)."""

    def _figure(self, name: str) -> int | None:
        for entry in self.details or []:
            if isinstance(entry.get(name), int):
                return int(entry[name])
        return None

    @property
    def current_balance_cents(self) -> int | None:
        """What is available."""
        return self._figure("current_balance_cents")

    @property
    def required_cents(self) -> int | None:
        """What the job costs."""
        return self._figure("required_cents")

    @property
    def shortfall_cents(self) -> int | None:
        """What is missing."""
        return self._figure("shortfall_cents")


class FirstHandConnectionError(FirstHandError):
    """There was no answer: a network failure or a timeout. `__cause__` holds what httpx said."""

    type = "connection_error"

    def __init__(self, message: str, cause: Exception | None = None) -> None:
        super().__init__(message)
        self.__cause__ = cause

    @property
    def retryable(self) -> bool:
        """True: nobody knows whether the request arrived, and its idempotency key makes it safe."""
        return True


class FirstHandSignatureError(FirstHandError, ValueError):
    """A webhook is not signed as it should be: don't trust it."""

    type = "signature_error"
