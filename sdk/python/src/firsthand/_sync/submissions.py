# Made of _async/submissions.py by tools/unasync.py: change that one.
"""Submissions of all jobs, and links to files."""

from __future__ import annotations

from collections.abc import Iterator

from .._core import Request, path
from ..types import FileUrl, Page, Submission, SubmissionStatus, SubmissionSummary
from .calls import PAGE_SIZE, Calls, InstantOrDay


class Submissions(Calls):
    """Submissions of all jobs, and links to files."""

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
