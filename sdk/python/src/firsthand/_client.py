"""The synchronous client.

Made of `_async_client.py` by `tools/unasync.py`: change that one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import httpx

from ._core import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    LONGEST_WAIT,
    TERMINAL_STATUSES,
    WAIT_MARGIN,
    ApiResponse,
    Exchange,
    Request,
    Settings,
    Timeout,
    connection_error,
    error_of,
    path,
)
from ._feed import FeedCourse
from .types import (
    ApiKey,
    ApiKeyParams,
    AttemptStatus,
    AuditEvent,
    BillingStatement,
    CheckoutSession,
    CreditBalance,
    CreditTransaction,
    DeliveryStatus,
    Event,
    ExportFormat,
    File,
    FileUrl,
    Identity,
    Job,
    JobParams,
    JobQuote,
    JobStatusFilter,
    JobType,
    NewApiKey,
    NewWebhookEndpoint,
    Page,
    PhoneVerification,
    Purchase,
    PurchaseParams,
    RequestRecord,
    SettingsChanges,
    SignUp,
    Submission,
    SubmissionStatus,
    SubmissionSummary,
    TransactionType,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookEndpointChanges,
    WebhookEndpointParams,
    WebhookEvent,
    WebhookEventType,
    WebhookReplay,
)
from .types import Settings as OrganizationSettings

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

# A time of day, or an ISO 8601 text.
Instant = str | datetime
# The same, or a day, which means its beginning in UTC.
InstantOrDay = str | datetime | date

# Items on a page where all pages are read.
PAGE_SIZE = 100
# The pause after a wait that the service cut short.
SHORT_WAIT_PAUSE = 1.0


class FirstHandClient:
    """A synchronous client of FirstHandAPI.

    Every method makes one call, tried again after failures that pass (connection errors, 408, 429,
    5xx) with backoff. All tries of a call carry the same idempotency key, so that it happens once.

    Args:
        api_key: A key (`fh_live_…` or `fh_test_…`); by default, that of `FIRSTHAND_API_KEY`.
        base_url: Where the API is; by default, `FIRSTHAND_BASE_URL` or FirstHandAPI itself.
        timeout: How long to wait for a connection, and for each piece of an answer, in seconds.
        max_retries: How often a failed call is tried again.
        http_client: The httpx client to use, for proxies or certificates of your own. It is not closed
            with this one.

    Every method may raise `FirstHandApiError` for a refusal and `FirstHandConnectionError` where there
    was no answer, once there is nothing left to try.
    """

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

    # Any call

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

    # Account

    @classmethod
    def sign_up(
        cls,
        name: str,
        email: str,
        *,
        base_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> SignUp:
        """Creates an organization and its first key, which is shown only here."""
        # There is no key yet, and none is sent.
        with cls("none", base_url=base_url) as client:
            return client._send(
                Request(
                    "POST",
                    "/v1/auth/signup",
                    body={"name": name, "email": email},
                    idempotency_key=idempotency_key,
                    authenticated=False,
                )
            )

    def send_phone_code(self, phone_number: str, *, idempotency_key: str | None = None) -> PhoneVerification:
        """Sends a verification code to a phone number, as `+15550100`."""
        return self._send(
            Request(
                "POST",
                "/v1/auth/phone",
                body={"phone_number": phone_number},
                idempotency_key=idempotency_key,
            )
        )

    def verify_phone(
        self, phone_number: str, code: str, *, idempotency_key: str | None = None
    ) -> PhoneVerification:
        """Verifies a phone number, which brings the free credits."""
        return self._send(
            Request(
                "POST",
                "/v1/auth/phone/verify",
                body={"phone_number": phone_number, "code": code},
                idempotency_key=idempotency_key,
            )
        )

    def me(self) -> Identity:
        """Says whose key this is and what it may do."""
        return self._send(Request("GET", "/v1/me"))

    # Jobs

    def create_job(self, body: JobParams, *, idempotency_key: str | None = None) -> Job:
        """Posts a job; its whole price is held from the credits.

        Raises:
            FirstHandInsufficientCreditsError: There are fewer credits than the job costs.
        """
        return self._send(Request("POST", "/v1/jobs", body=body, idempotency_key=idempotency_key))

    def quote_job(self, body: JobParams) -> JobQuote:
        """Says what a job would cost and whether it would be posted, without posting it."""
        return self._send(Request("POST", "/v1/jobs", {"dry_run": True}, body))

    def get_job(self, job_id: str, *, wait_seconds: int | None = None) -> Job:
        """Returns a job.

        Args:
            job_id: Which job.
            wait_seconds: Waits so long, at most 60 seconds, for its status to change.
        """
        wait = min(wait_seconds or 0, LONGEST_WAIT)
        return self._send(
            Request(
                "GET",
                path("/v1/jobs/{}", job_id),
                headers={"Prefer": f"wait={wait}"} if wait > 0 else {},
                patience=wait + WAIT_MARGIN if wait > 0 else 0.0,
            )
        )

    def list_jobs(
        self,
        *,
        status: JobStatusFilter | None = None,
        type: JobType | None = None,
        created_after: Instant | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Job]:
        """Lists jobs, newest first; `active` stands for open, filled and in_progress."""
        return self._send(
            Request(
                "GET",
                "/v1/jobs",
                {
                    "status": status,
                    "type": type,
                    "created_after": created_after,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def iter_jobs(
        self,
        *,
        status: JobStatusFilter | None = None,
        type: JobType | None = None,
        created_after: Instant | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Job]:
        """Iterates over all jobs, newest first, page by page."""
        return self._all(
            self.list_jobs,
            status=status,
            type=type,
            created_after=created_after,
            limit=page_size,
        )

    def cancel_job(self, job_id: str, *, idempotency_key: str | None = None) -> Job:
        """Cancels a job; what it holds and has not spent comes back at once."""
        return self._send(
            Request("POST", path("/v1/jobs/{}/cancel", job_id), idempotency_key=idempotency_key)
        )

    def rate_job(
        self,
        job_id: str,
        rating: int,
        feedback: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Job:
        """Rates a completed job, once, with 1 to 5 stars."""
        return self._send(
            Request(
                "POST",
                path("/v1/jobs/{}/rate", job_id),
                body={"rating": rating, "feedback": feedback},
                idempotency_key=idempotency_key,
            )
        )

    def wait_for_job(
        self,
        job_id: str,
        *,
        max_wait_seconds: float = 120,
        poll_interval_seconds: int = 30,
    ) -> Job:
        """Waits until a job is completed or cancelled, or the time is up; returns it as it then is."""
        deadline = monotonic() + max_wait_seconds
        status = None
        while True:
            began = monotonic()
            wait = max(min(poll_interval_seconds, LONGEST_WAIT, int(deadline - began)), 0)
            job = self.get_job(job_id, wait_seconds=wait)
            now = monotonic()
            if job["status"] in TERMINAL_STATUSES or deadline - now < 1:
                return job
            if job["status"] == status and now - began < min(wait / 3, SHORT_WAIT_PAUSE):
                # Nothing happened and the service did not wait: it may be shutting down.
                sleep(SHORT_WAIT_PAUSE)
            status = job["status"]

    def create_job_and_wait(
        self,
        body: JobParams,
        *,
        max_wait_seconds: float = 120,
        poll_interval_seconds: int = 30,
        idempotency_key: str | None = None,
    ) -> Job:
        """Posts a job and waits until it is completed or cancelled, or the time is up.

        Look at the `status` of what it returns: when the time is up, the job goes on.
        """
        job = self.create_job(body, idempotency_key=idempotency_key)
        return self.wait_for_job(
            job["id"],
            max_wait_seconds=max_wait_seconds,
            poll_interval_seconds=poll_interval_seconds,
        )

    def get_job_files(
        self,
        job_id: str,
        *,
        min_score: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[File]:
        """Lists the approved files of a job, with links; `min_score` leaves out those with less."""
        return self._send(
            Request(
                "GET",
                path("/v1/jobs/{}/files", job_id),
                {"min_score": min_score, "limit": limit, "cursor": cursor},
            )
        )

    def iter_job_files(
        self, job_id: str, *, min_score: int | None = None, page_size: int = PAGE_SIZE
    ) -> Iterator[File]:
        """Iterates over all approved files of a job, page by page."""
        return self._all(self.get_job_files, job_id, min_score=min_score, limit=page_size)

    def get_job_submissions(
        self,
        job_id: str,
        *,
        status: SubmissionStatus | None = None,
        min_score: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Submission]:
        """Lists the submissions of a job, newest first."""
        return self._send(
            Request(
                "GET",
                path("/v1/jobs/{}/submissions", job_id),
                {"status": status, "min_score": min_score, "limit": limit, "cursor": cursor},
            )
        )

    def iter_job_submissions(
        self,
        job_id: str,
        *,
        status: SubmissionStatus | None = None,
        min_score: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Submission]:
        """Iterates over all submissions of a job, page by page."""
        return self._all(
            self.get_job_submissions, job_id, status=status, min_score=min_score, limit=page_size
        )

    def get_job_audit(
        self,
        job_id: str,
        *,
        event_type: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[AuditEvent]:
        """Lists the audit trail of a job, newest first."""
        return self._send(
            Request(
                "GET",
                path("/v1/jobs/{}/audit", job_id),
                {"event_type": event_type, "limit": limit, "cursor": cursor},
            )
        )

    # Submissions and files

    def list_submissions(
        self,
        *,
        job_id: str | None = None,
        status: SubmissionStatus | None = None,
        min_score: int | None = None,
        start_date: InstantOrDay | None = None,
        end_date: InstantOrDay | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Submission]:
        """Lists submissions of all jobs, newest first; of the last 30 days by default."""
        return self._send(
            Request(
                "GET",
                "/v1/submissions",
                {
                    "job_id": job_id,
                    "status": status,
                    "min_score": min_score,
                    "start_date": start_date,
                    "end_date": end_date,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def iter_submissions(
        self,
        *,
        job_id: str | None = None,
        status: SubmissionStatus | None = None,
        min_score: int | None = None,
        start_date: InstantOrDay | None = None,
        end_date: InstantOrDay | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Submission]:
        """Iterates over submissions of all jobs, page by page."""
        return self._all(
            self.list_submissions,
            job_id=job_id,
            status=status,
            min_score=min_score,
            start_date=start_date,
            end_date=end_date,
            limit=page_size,
        )

    def get_submission(self, submission_id: str) -> Submission:
        """Returns a submission."""
        return self._send(Request("GET", path("/v1/submissions/{}", submission_id)))

    def get_submission_summary(
        self,
        *,
        job_id: str | None = None,
        start_date: InstantOrDay | None = None,
        end_date: InstantOrDay | None = None,
    ) -> SubmissionSummary:
        """Counts submissions by status and stars; of the last 30 days by default."""
        return self._send(
            Request(
                "GET",
                "/v1/submissions/summary",
                {"job_id": job_id, "start_date": start_date, "end_date": end_date},
            )
        )

    def refresh_file_url(self, file_id: str, *, idempotency_key: str | None = None) -> FileUrl:
        """Signs a fresh link to a file."""
        return self._send(
            Request(
                "POST",
                path("/v1/files/{}/refresh_url", file_id),
                idempotency_key=idempotency_key,
            )
        )

    # API keys

    def create_api_key(self, body: ApiKeyParams, *, idempotency_key: str | None = None) -> NewApiKey:
        """Creates a key; its `secret` is shown only here."""
        return self._send(Request("POST", "/v1/api_keys", body=body, idempotency_key=idempotency_key))

    def list_api_keys(self, *, limit: int | None = None, cursor: str | None = None) -> Page[ApiKey]:
        """Lists keys, newest first."""
        return self._send(Request("GET", "/v1/api_keys", {"limit": limit, "cursor": cursor}))

    def iter_api_keys(self, *, page_size: int = PAGE_SIZE) -> Iterator[ApiKey]:
        """Iterates over all keys, page by page."""
        return self._all(self.list_api_keys, limit=page_size)

    def get_api_key(self, key_id: str) -> ApiKey:
        """Returns a key."""
        return self._send(Request("GET", path("/v1/api_keys/{}", key_id)))

    def rotate_api_key(self, key_id: str, *, idempotency_key: str | None = None) -> NewApiKey:
        """Gives a key a new secret; the old one works for 24 hours more."""
        return self._send(
            Request(
                "POST",
                path("/v1/api_keys/{}/rotate", key_id),
                idempotency_key=idempotency_key,
            )
        )

    def revoke_api_key(self, key_id: str, *, force: bool = False, idempotency_key: str | None = None) -> None:
        """Revokes a key at once and for good; the last one that manages keys only by `force`."""
        self._send(
            Request[None](
                "POST",
                path("/v1/api_keys/{}/revoke", key_id),
                {"force": True if force else None},
                idempotency_key=idempotency_key,
            )
        )

    # Webhook endpoints

    def create_webhook_endpoint(
        self, body: WebhookEndpointParams, *, idempotency_key: str | None = None
    ) -> NewWebhookEndpoint:
        """Creates an endpoint; its signing `secret` is shown only here."""
        return self._send(
            Request("POST", "/v1/webhook_endpoints", body=body, idempotency_key=idempotency_key)
        )

    def list_webhook_endpoints(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[WebhookEndpoint]:
        """Lists endpoints, newest first."""
        return self._send(Request("GET", "/v1/webhook_endpoints", {"limit": limit, "cursor": cursor}))

    def iter_webhook_endpoints(self, *, page_size: int = PAGE_SIZE) -> Iterator[WebhookEndpoint]:
        """Iterates over all endpoints, page by page."""
        return self._all(self.list_webhook_endpoints, limit=page_size)

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """Returns an endpoint."""
        return self._send(Request("GET", path("/v1/webhook_endpoints/{}", endpoint_id)))

    def update_webhook_endpoint(
        self,
        endpoint_id: str,
        body: WebhookEndpointChanges,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookEndpoint:
        """Changes what is named of an endpoint.

        Args:
            endpoint_id: Which endpoint.
            body: What to change.
            if_match: The `ETag` of the endpoint as it was seen; if it reads otherwise by now, nothing
                changes and the error has the status 412.
            idempotency_key: Names this change; made by default.
        """
        return self._send(
            Request(
                "PATCH",
                path("/v1/webhook_endpoints/{}", endpoint_id),
                body=body,
                headers={"If-Match": if_match} if if_match else {},
                idempotency_key=idempotency_key,
            )
        )

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Deletes an endpoint."""
        self._send(Request[None]("DELETE", path("/v1/webhook_endpoints/{}", endpoint_id)))

    def rotate_webhook_secret(
        self,
        endpoint_id: str,
        *,
        overlap_seconds: int | None = None,
        idempotency_key: str | None = None,
    ) -> NewWebhookEndpoint:
        """Gives an endpoint a new secret; for 24 hours, or `overlap_seconds`, the old one signs too."""
        return self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/rotate_secret", endpoint_id),
                body=None if overlap_seconds is None else {"overlap_seconds": overlap_seconds},
                idempotency_key=idempotency_key,
            )
        )

    def ping_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        type: WebhookEventType | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookEvent:
        """Sends a test event to an endpoint, `webhook_endpoint.test` or a sample of another type."""
        return self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/test", endpoint_id),
                body=None if type is None else {"type": type},
                idempotency_key=idempotency_key,
            )
        )

    def list_webhook_endpoint_attempts(
        self,
        endpoint_id: str,
        *,
        status: AttemptStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WebhookAttempt]:
        """Lists the attempts to deliver to an endpoint, newest first."""
        return self._send(
            Request(
                "GET",
                path("/v1/webhook_endpoints/{}/attempts", endpoint_id),
                {"status": status, "limit": limit, "cursor": cursor},
            )
        )

    def iter_webhook_endpoint_attempts(
        self,
        endpoint_id: str,
        *,
        status: AttemptStatus | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[WebhookAttempt]:
        """Iterates over all attempts to deliver to an endpoint, page by page."""
        return self._all(self.list_webhook_endpoint_attempts, endpoint_id, status=status, limit=page_size)

    def create_webhook_replay(
        self,
        endpoint_id: str,
        *,
        since: Instant,
        until: Instant | None = None,
        only: Literal["missing", "failed", "all"] | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookReplay:
        """Repeats the events of a time at an endpoint: those never delivered, failed, or all."""
        body = {"since": since, "until": until, "only": only}
        return self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/replays", endpoint_id),
                body={name: value for name, value in body.items() if value is not None},
                idempotency_key=idempotency_key,
            )
        )

    def get_webhook_replay(self, endpoint_id: str, replay_id: str) -> WebhookReplay:
        """Says how far a repetition is."""
        return self._send(Request("GET", path("/v1/webhook_endpoints/{}/replays/{}", endpoint_id, replay_id)))

    def cancel_webhook_replay(
        self, endpoint_id: str, replay_id: str, *, idempotency_key: str | None = None
    ) -> WebhookReplay:
        """Ends a repetition; what it has queued is still sent."""
        return self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/replays/{}/cancel", endpoint_id, replay_id),
                idempotency_key=idempotency_key,
            )
        )

    # Webhook events

    def list_webhook_events(
        self,
        *,
        delivery_status: DeliveryStatus | None = None,
        type: WebhookEventType | None = None,
        endpoint_id: str | None = None,
        job_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WebhookEvent]:
        """Lists events and what became of them, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/webhook_events",
                {
                    "delivery_status": delivery_status,
                    "type": type,
                    "endpoint_id": endpoint_id,
                    "job_id": job_id,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def iter_webhook_events(
        self,
        *,
        delivery_status: DeliveryStatus | None = None,
        type: WebhookEventType | None = None,
        endpoint_id: str | None = None,
        job_id: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[WebhookEvent]:
        """Iterates over all events, newest first, page by page."""
        return self._all(
            self.list_webhook_events,
            delivery_status=delivery_status,
            type=type,
            endpoint_id=endpoint_id,
            job_id=job_id,
            limit=page_size,
        )

    def get_webhook_event(self, event_id: str) -> WebhookEvent:
        """Returns an event and its deliveries."""
        return self._send(Request("GET", path("/v1/webhook_events/{}", event_id)))

    def list_webhook_event_attempts(
        self,
        event_id: str,
        *,
        status: AttemptStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WebhookAttempt]:
        """Lists the attempts to deliver an event, newest first."""
        return self._send(
            Request(
                "GET",
                path("/v1/webhook_events/{}/attempts", event_id),
                {"status": status, "limit": limit, "cursor": cursor},
            )
        )

    def replay_webhook_event(
        self,
        event_id: str,
        *,
        endpoint_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookEvent:
        """Sends an event once more, to every subscribed endpoint or to one."""
        return self._send(
            Request(
                "POST",
                path("/v1/webhook_events/{}/replay", event_id),
                body=None if endpoint_id is None else {"endpoint_id": endpoint_id},
                idempotency_key=idempotency_key,
            )
        )

    # The feed of events

    def list_events(
        self,
        *,
        after: str | None = None,
        types: Sequence[WebhookEventType] | None = None,
        limit: int | None = None,
    ) -> Page[Event]:
        """Lists events, oldest first, from the beginning or after one.

        `next_cursor` is the id of the last event also when there is no more: ask again with it.
        """
        return self._send(Request("GET", "/v1/events", {"after": after, "types": types, "limit": limit}))

    def iter_events(
        self,
        *,
        after: str | None = None,
        types: Sequence[WebhookEventType] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Event]:
        """Iterates over all events up to now, oldest first, page by page."""
        return self._all(
            self.list_events, cursor_parameter="after", after=after, types=types, limit=page_size
        )

    def stream_events(
        self,
        *,
        after: str | None = None,
        types: Sequence[WebhookEventType] | None = None,
        max_reconnects: int | None = None,
    ) -> EventStream:
        """Streams events as they happen, across connections that break, without a gap.

        Args:
            after: The id of the last event that you have seen; by default, the stream begins with what
                comes after it was entered.
            types: The types that are wanted; all by default.
            max_reconnects: How many connections in a row may fail; without bound by default.
        """
        return EventStream(self, FeedCourse(self._settings, types, after, max_reconnects))

    # Billing

    def get_credit_balance(self, *, as_of: Instant | None = None) -> CreditBalance:
        """Returns the balance now, or what was booked by an instant."""
        return self._send(Request("GET", "/v1/billing/credits", {"as_of": as_of}))

    def list_transactions(
        self,
        *,
        type: TransactionType | None = None,
        job_id: str | None = None,
        created_after: Instant | None = None,
        created_before: Instant | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[CreditTransaction]:
        """Lists movements of credits, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/billing/transactions",
                {
                    "type": type,
                    "job_id": job_id,
                    "created_after": created_after,
                    "created_before": created_before,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def iter_transactions(
        self,
        *,
        type: TransactionType | None = None,
        job_id: str | None = None,
        created_after: Instant | None = None,
        created_before: Instant | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[CreditTransaction]:
        """Iterates over all movements of credits, newest first, page by page."""
        return self._all(
            self.list_transactions,
            type=type,
            job_id=job_id,
            created_after=created_after,
            created_before=created_before,
            limit=page_size,
        )

    def purchase_credits(
        self, body: PurchaseParams, *, idempotency_key: str | None = None
    ) -> CheckoutSession:
        """Opens a checkout; the credits come with the payment at its `checkout_url`."""
        return self._send(
            Request("POST", "/v1/billing/credits/purchase", body=body, idempotency_key=idempotency_key)
        )

    def list_purchases(
        self,
        *,
        status: Literal["open", "paid", "failed"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Purchase]:
        """Lists purchases, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/billing/purchases",
                {"status": status, "limit": limit, "cursor": cursor},
            )
        )

    def iter_purchases(
        self,
        *,
        status: Literal["open", "paid", "failed"] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Purchase]:
        """Iterates over all purchases, newest first, page by page."""
        return self._all(self.list_purchases, status=status, limit=page_size)

    def get_purchase(self, purchase_id: str) -> Purchase:
        """Returns a purchase."""
        return self._send(Request("GET", path("/v1/billing/purchases/{}", purchase_id)))

    def get_statement(self, month: str) -> BillingStatement:
        """Returns the statement of a month in UTC, as `2026-03`."""
        return self._send(Request("GET", path("/v1/billing/statements/{}", month)))

    def export_billing(
        self,
        *,
        format: ExportFormat = "csv",
        start: InstantOrDay | None = None,
        end: InstantOrDay | None = None,
    ) -> bytes:
        """Returns every journal entry from `start` and before `end`, as a file in that format."""
        return self._send(
            Request(
                "GET",
                "/v1/billing/export",
                {"format": format, "from": start, "to": end},
                headers={"Accept": "*/*"},
                raw=True,
            )
        )

    # Organization and audit

    def get_settings(self) -> OrganizationSettings:
        """Returns the organization's settings."""
        return self._send(Request("GET", "/v1/organization/settings"))

    def update_settings(
        self,
        body: SettingsChanges,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> OrganizationSettings:
        """Changes what is named of the settings; `if_match` as for `update_webhook_endpoint`."""
        return self._send(
            Request(
                "PATCH",
                "/v1/organization/settings",
                body=body,
                headers={"If-Match": if_match} if if_match else {},
                idempotency_key=idempotency_key,
            )
        )

    def list_audit_events(
        self,
        *,
        job_id: str | None = None,
        event_type: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[AuditEvent]:
        """Lists the audit trail, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/audit-events",
                {"job_id": job_id, "event_type": event_type, "limit": limit, "cursor": cursor},
            )
        )

    def iter_audit_events(
        self,
        *,
        job_id: str | None = None,
        event_type: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[AuditEvent]:
        """Iterates over the whole audit trail, newest first, page by page."""
        return self._all(self.list_audit_events, job_id=job_id, event_type=event_type, limit=page_size)

    def get_request(self, request_id: str) -> RequestRecord:
        """Returns what a request of yours did, as audit events."""
        return self._send(Request("GET", path("/v1/requests/{}", request_id)))


class EventStream:
    """Events as they happen. Enter it, iterate over it; keep `last_event_id` to go on another day."""

    def __init__(self, client: FirstHandClient, course: FeedCourse) -> None:
        self._client = client
        self._course = course
        self._response: httpx.Response | None = None
        self._pieces: Iterator[bytes] | None = None

    @property
    def last_event_id(self) -> str | None:
        """The event that was returned last."""
        return self._course.last_event_id

    def __enter__(self) -> Self:
        self._connect()
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
            oldest = self._client.list_events(types=self._course.types, limit=1)
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
