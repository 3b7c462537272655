"""Jobs and quotes."""

import sys
from datetime import datetime
from typing import Any, Literal, TypeAlias

from .common import Environment, ErrorBody

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:
    from typing_extensions import NotRequired, TypedDict

JobType: TypeAlias = Literal["data_collection", "feedback"]
JobStatus: TypeAlias = Literal["open", "filled", "in_progress", "completed", "cancelled"]
JobStatusFilter: TypeAlias = Literal["open", "filled", "in_progress", "completed", "cancelled", "active"]


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
    context_urls: NotRequired[list[str] | None]
    location: NotRequired[Location | None]
    deadline: NotRequired[str | datetime | None]
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
    context_urls: list[str]
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
