"""Submissions and approved files."""

import sys
from typing import Any, Literal, TypeAlias

if sys.version_info >= (3, 11):
    from typing import TypedDict
else:
    from typing_extensions import TypedDict

SubmissionStatus: TypeAlias = Literal["pending_score", "approved", "retry_pending", "rejected"]


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
