# Made of _async/jobs.py by tools/unasync.py: change that one.
"""Jobs, their files and submissions."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep

from .._core import LONGEST_WAIT, TERMINAL_STATUSES, WAIT_MARGIN, Request, path
from ..types import (
    AuditEvent,
    File,
    Job,
    JobParams,
    JobQuote,
    JobStatusFilter,
    JobType,
    Page,
    Submission,
    SubmissionStatus,
)
from .calls import PAGE_SIZE, Calls, Instant

# The pause after a wait that the service cut short.
SHORT_WAIT_PAUSE = 1.0


class Jobs(Calls):
    """Jobs, their files and submissions."""

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
            wait = max(min(max(poll_interval_seconds, 1), LONGEST_WAIT, int(deadline - began)), 0)
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

    def iter_job_audit(
        self, job_id: str, *, event_type: str | None = None, page_size: int = PAGE_SIZE
    ) -> Iterator[AuditEvent]:
        """Iterates over the whole audit trail of a job, newest first, page by page."""
        return self._all(self.get_job_audit, job_id, event_type=event_type, limit=page_size)
