"""What goes over the wire: plain dictionaries, described for type checkers and editors.

The service may add fields and values at any time, so treat what is listed here as what is known, not as
all there is. Money is whole US cents; times are ISO 8601 in UTC.
"""

# Annotations are evaluated here, so that what validates by them at run time sees what may be absent.
import sys
from typing import Any, Generic, Literal, TypeAlias, TypeVar

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:
    from typing_extensions import NotRequired, TypedDict

T = TypeVar("T")

Environment: TypeAlias = Literal["live", "test"]
JobType: TypeAlias = Literal["data_collection", "feedback"]
JobStatus: TypeAlias = Literal["open", "filled", "in_progress", "completed", "cancelled"]
JobStatusFilter: TypeAlias = Literal["open", "filled", "in_progress", "completed", "cancelled", "active"]
SubmissionStatus: TypeAlias = Literal["pending_score", "approved", "retry_pending", "rejected"]
Scope: TypeAlias = Literal[
    "jobs:read",
    "jobs:write",
    "webhooks:read",
    "webhooks:write",
    "keys:manage",
    "audit:read",
    "usage:read",
    "billing:read",
    "billing:write",
]
TransactionType: TypeAlias = Literal[
    "purchase",
    "deduction",
    "free_tier",
    "bonus",
    "expiration",
    "refund",
    "hold",
    "adjustment",
    "chargeback",
]
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
ExportFormat: TypeAlias = Literal["csv", "ndjson", "hledger", "beancount"]


class Page(TypedDict, Generic[T]):
    """One page of a list."""

    object: Literal["list"]
    data: list[T]
    has_more: bool
    next_cursor: str | None


# Account


class SignUp(TypedDict):
    """A new organization and its first key, which is shown only here."""

    object: Literal["signup"]
    organization_id: str
    api_key: str
    api_key_id: str
    credits_cents: int
    phone_verification_required: bool


class PhoneVerification(TypedDict):
    """How far the verification of a phone number is."""

    object: Literal["phone_verification"]
    status: Literal["sent", "verified"]
    expires_at: NotRequired[str]
    organization_id: NotRequired[str]
    credits_cents: NotRequired[int]
    available_cents: NotRequired[int]


class Identity(TypedDict):
    """Whose key it is and what it may do."""

    object: Literal["identity"]
    organization_id: str
    environment: Environment
    livemode: bool
    scopes: list[Scope]
    api_key_id: str


# Jobs


class Location(TypedDict):
    """A circle on the map."""

    lat: float
    lng: float
    radius_km: float


class JobParams(TypedDict):
    """A job to post."""

    type: NotRequired[JobType]
    title: NotRequired[str | None]
    description: str
    files_needed: int
    accepted_formats: list[str]
    price_per_file_cents: NotRequired[int]
    files_per_submission: NotRequired[int]
    min_star_rating: NotRequired[int]
    scoring_criteria: NotRequired[str | None]
    min_width: NotRequired[int | None]
    min_height: NotRequired[int | None]
    worker_guidelines: NotRequired[str | None]
    location: NotRequired[Location | None]
    deadline: NotRequired[str | None]
    max_workers: NotRequired[int | None]
    metadata: NotRequired[dict[str, Any]]


class Escrow(TypedDict):
    """What became of the money that a job holds."""

    held_cents: int
    spent_cents: int
    refunded_cents: int


class SubmissionCounts(TypedDict):
    """A job's submissions by status."""

    pending_score: int
    approved: int
    rejected: int
    retry_pending: int


class Job(TypedDict):
    """A job."""

    object: Literal["job"]
    id: str
    status: JobStatus
    type: JobType
    title: str | None
    description: str
    files_needed: int
    files_approved: int
    files_pending: int
    slots_open: int
    price_per_file_cents: int
    total_cost_cents: int
    accepted_formats: list[str]
    files_per_submission: int
    min_star_rating: int
    scoring_criteria: str | None
    min_width: int | None
    min_height: int | None
    worker_guidelines: str | None
    location: Location | None
    deadline: str | None
    max_workers: int | None
    metadata: dict[str, Any]
    escrow: Escrow
    submission_summary: SubmissionCounts
    environment: Environment
    livemode: bool
    version: int
    created_at: str
    completed_at: str | None
    cancelled_at: str | None
    cancel_reason: Literal["buyer", "deadline"] | None
    buyer_rating: int | None
    buyer_feedback: str | None


class ErrorBody(TypedDict):
    """The `error` of a refusal."""

    type: str
    code: str
    message: str
    request_id: str
    doc_url: str
    details: NotRequired[list[dict[str, Any]]]


class JobQuote(TypedDict):
    """What a job would cost and whether it would be posted."""

    object: Literal["job_quote"]
    total_cost_cents: int
    worker_cents: int
    platform_fee_cents: int
    current_balance_cents: int
    balance_after_cents: int
    would_succeed: bool
    refusal: ErrorBody | None
    livemode: bool


# Files and submissions


class File(TypedDict):
    """An approved file, with a link that works for seven days."""

    object: Literal["file"]
    id: str
    job_id: str
    submission_id: str
    worker_id: str
    worker_region: str | None
    content_type: str
    size_bytes: int
    width: int | None
    height: int | None
    duration_seconds: int | None
    content_hash: str
    original_filename: str | None
    captured_at: str | None
    ai_star_rating: int | None
    device_info: dict[str, Any] | None
    url: str
    download_url: str
    download_url_expires_at: str
    annotations: dict[str, Any] | None
    submitted_at: str
    created_at: str


class FileUrl(TypedDict):
    """A fresh link to a file."""

    object: Literal["file_url"]
    id: str
    file_id: str
    download_url: str
    download_url_expires_at: str


class Dimensions(TypedDict):
    """Stars by aspect, 1 to 5; null where it was not judged."""

    relevance: int | None
    quality: int | None
    completeness: int | None


class SubmissionFile(TypedDict):
    """A file of a submission, approved or not."""

    id: str
    content_type: str
    size_bytes: int
    content_hash: str
    original_filename: str | None
    width: int | None
    height: int | None
    duration_ms: int | None


class Submission(TypedDict):
    """What a worker sent for a job."""

    object: Literal["submission"]
    id: str
    job_id: str
    worker_id: str
    status: SubmissionStatus
    attempt: int
    ai_star_rating: int | None
    ai_reasoning: str | None
    dimensions: Dimensions | None
    rejection_code: str | None
    file_url: str | None
    content_type: str | None
    size_bytes: int | None
    files: list[SubmissionFile]
    location_verified: bool | None
    submitted_at: str | None
    scored_at: str | None


class SubmissionSummary(TypedDict):
    """Submissions of a period, counted."""

    object: Literal["submission_summary"]
    total: int
    pending_score: int
    approved: int
    rejected: int
    retry_pending: int
    approval_rate: float | None
    average_star_rating: float | None
    by_star_rating: dict[str, int]


# API keys


class ApiKeyParams(TypedDict):
    """A key to make."""

    name: str
    scopes: NotRequired[list[Scope] | None]
    environment: NotRequired[Environment | None]
    expires_at: NotRequired[str | None]


class ApiKey(TypedDict):
    """A key without its secret."""

    object: Literal["api_key"]
    id: str
    name: str
    prefix: str
    last4: str
    scopes: list[Scope]
    environment: Environment
    livemode: bool
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None
    previous_secret_expires_at: str | None


class NewApiKey(ApiKey):
    """A key with its secret, which is shown only here."""

    secret: str


# Webhooks and events


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


# Billing


class CreditBalance(TypedDict):
    """A balance, now or as of an instant."""

    object: Literal["credit_balance"]
    available_cents: int
    held_cents: int
    total_cents: int
    balance_cents: int
    currency: Literal["usd"]
    environment: Environment
    livemode: bool
    as_of: str | None
    updated_at: str | None


class CreditTransaction(TypedDict):
    """One movement of credits, with the balance after it."""

    object: Literal["credit_transaction"]
    id: str
    type: TransactionType
    amount_cents: int
    available_delta_cents: int
    held_delta_cents: int
    balance_after_cents: int
    held_after_cents: int
    description: str
    lot_id: str | None
    job_id: str | None
    submission_id: str | None
    external_ref: str | None
    environment: Environment
    livemode: bool
    created_at: str
    expires_at: str | None


class PurchaseParams(TypedDict):
    """What to buy: a pack of 1000, 2500, 5000, 10000 or 25000 cents."""

    amount_cents: int
    success_url: NotRequired[str]
    cancel_url: NotRequired[str]


class CheckoutSession(TypedDict):
    """Where a purchase is paid."""

    object: Literal["checkout_session"]
    id: str
    checkout_url: str
    amount_cents: int
    bonus_cents: int
    credits_cents: int
    currency: Literal["usd"]
    livemode: bool
    expires_at: str


class Purchase(TypedDict):
    """A purchase and where it stands."""

    object: Literal["purchase"]
    id: str
    status: Literal["open", "paid", "failed"]
    kind: Literal["checkout", "auto_top_up"]
    amount_cents: int
    bonus_cents: int
    credits_cents: int
    charged_back_cents: int
    currency: Literal["usd"]
    checkout_url: str | None
    failure_code: str | None
    external_ref: str | None
    environment: Environment
    livemode: bool
    created_at: str | None
    paid_at: str | None


class Amounts(TypedDict):
    """What is available, what is held, and both together."""

    available_cents: int
    held_cents: int
    total_cents: int


class Period(TypedDict):
    """A calendar month in UTC."""

    month: str
    start: str
    end: str


class Movements(TypedDict):
    """All movements of one type within a month."""

    type: TransactionType
    count: int
    amount_cents: int
    available_delta_cents: int
    held_delta_cents: int


class BillingStatement(TypedDict):
    """A month: what there was, what moved, what there was then."""

    object: Literal["billing_statement"]
    period: Period
    status: Literal["open", "closed"]
    currency: Literal["usd"]
    environment: Environment
    livemode: bool
    opening: Amounts
    movements: list[Movements]
    closing: Amounts


# Organization and audit


class SettingsChanges(TypedDict, total=False):
    """What to change of an organization's settings."""

    default_type: JobType | None
    default_price_per_file_cents: int | None
    auto_top_up_enabled: bool
    auto_top_up_threshold_cents: int
    auto_top_up_amount_cents: int
    auto_topup_enabled: bool
    auto_topup_threshold_cents: int
    auto_topup_amount_cents: int
    low_balance_threshold_cents: int


class Settings(TypedDict):
    """An organization's settings; the top-up's stand under both their names."""

    object: Literal["organization_settings"]
    organization_id: str
    name: str
    phone_verified: bool
    default_type: JobType | None
    default_price_per_file_cents: int | None
    auto_top_up_enabled: bool
    auto_top_up_threshold_cents: int
    auto_top_up_amount_cents: int
    auto_topup_enabled: bool
    auto_topup_threshold_cents: int
    auto_topup_amount_cents: int
    low_balance_threshold_cents: int


class Party(TypedDict):
    """Who did something, or to what it was done."""

    type: str
    id: str


class AuditEvent(TypedDict):
    """One entry of the audit trail."""

    object: Literal["audit_event"]
    id: str
    event_type: str
    sequence: int
    occurred_at: str
    recorded_at: str
    actor: Party
    resource: Party
    job_id: str | None
    request_id: str
    data: dict[str, Any]
    hash: str
    environment: Environment
    livemode: bool


class RequestRecord(TypedDict):
    """What a request did."""

    object: Literal["request"]
    id: str
    events: list[AuditEvent]
