"""Webhook endpoints, events, deliveries and replays."""

import sys
from typing import Any, Literal, TypeAlias

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:
    from typing_extensions import NotRequired, TypedDict

WebhookEventType: TypeAlias = Literal[
    "submission.scored",
    "submission.approved",
    "submission.rejected",
    "job.completed",
    "job.cancelled",
    "job.flagged",
    "credits.purchased",
    "credits.low_balance",
    "credits.auto_topped_up",
    "credits.expired",
    "credits.expiring_soon",
    "webhook_endpoint.failing",
    "webhook_endpoint.disabled",
    "webhook_endpoint.recovered",
    "webhook_endpoint.test",
]
DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed", "skipped", "none"]
AttemptStatus: TypeAlias = Literal["succeeded", "failed", "unknown"]


class WebhookEndpointChanges(TypedDict, total=False):
    """What to change of an endpoint."""

    url: str
    events: list[WebhookEventType] | list[Literal["*"]] | None
    description: str | None
    api_version: str
    signature_scheme: Literal["t_v1", "raw"]
    ordering: Literal["none", "per_job"]
    max_in_flight: int
    max_per_second: int | None
    headers: dict[str, str] | None
    status: Literal["enabled", "disabled"]


class WebhookEndpointParams(TypedDict):
    """An endpoint to create."""

    url: str
    events: NotRequired[list[WebhookEventType] | list[Literal["*"]] | None]
    description: NotRequired[str | None]
    api_version: NotRequired[str]
    signature_scheme: NotRequired[Literal["t_v1", "raw"]]
    ordering: NotRequired[Literal["none", "per_job"]]
    max_in_flight: NotRequired[int]
    max_per_second: NotRequired[int | None]
    headers: NotRequired[dict[str, str] | None]
    status: NotRequired[Literal["enabled", "disabled"]]


class WebhookEndpoint(TypedDict):
    """An endpoint and how it fares."""

    object: Literal["webhook_endpoint"]
    id: str
    url: str
    events: list[str]
    description: str | None
    status: Literal["enabled", "disabled"]
    disabled_reason: Literal["requested", "gone", "failing"] | None
    api_version: str
    signature_scheme: Literal["t_v1", "raw"]
    ordering: Literal["none", "per_job"]
    max_in_flight: int
    max_per_second: int | None
    headers: dict[str, str]
    previous_secret_expires_at: str | None
    consecutive_failures: int
    failing_since: str | None
    last_success_at: str | None
    last_failure_at: str | None
    created_at: str
    updated_at: str
    livemode: bool


class NewWebhookEndpoint(WebhookEndpoint):
    """An endpoint with its signing secret, which is shown only here."""

    secret: str


class Event(TypedDict):
    """Something that happened: `id` is its deduplication key."""

    id: str
    object: Literal["event"]
    type: WebhookEventType
    api_version: str
    created_at: str
    livemode: bool
    sequence: int | None
    data: dict[str, Any]


class WebhookDelivery(TypedDict):
    """What became of an event at one endpoint."""

    object: Literal["webhook_delivery"]
    endpoint_id: str
    status: Literal["pending", "delivered", "failed", "skipped"]
    attempts: int
    next_attempt_at: str | None
    last_attempt_at: str | None
    last_response_status: int | None
    last_error_code: str | None


class WebhookEvent(Event):
    """An event and what became of it; `deliveries` only where one event was asked for."""

    delivery_status: DeliveryStatus
    deliveries: NotRequired[list[WebhookDelivery]]


class WebhookTimings(TypedDict):
    """How long the steps of an attempt took; null for what did not happen."""

    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float | None


class WebhookAttempt(TypedDict):
    """One attempt to deliver an event."""

    object: Literal["webhook_attempt"]
    id: str
    event_id: str
    event_type: str
    endpoint_id: str
    attempt: int
    status: AttemptStatus
    created_at: str
    url: str
    request_headers: Any
    request_body_sha256: str | None
    response_status: int | None
    response_headers: Any
    response_body: str | None
    timings: WebhookTimings
    remote_address: str | None
    error_code: str | None


class WebhookReplay(TypedDict):
    """The repetition of a range of events at one endpoint."""

    object: Literal["webhook_replay"]
    id: str
    endpoint_id: str
    since: str
    until: str
    only: Literal["missing", "failed", "all"]
    status: Literal["running", "done", "cancelled"]
    total: int | None
    queued: int
    created_at: str
    finished_at: str | None
