# Made of _async/organization.py by tools/unasync.py: change that one.
"""Settings, and the audit trail."""

from __future__ import annotations

from collections.abc import Iterator

from .._core import Request, path
from ..types import AuditEvent, Page, RequestRecord, Settings, SettingsChanges
from .calls import PAGE_SIZE, Calls, Instant


class Organization(Calls):
    """Settings, and the audit trail."""

    def get_settings(self) -> Settings:
        """Returns the organization's settings."""
        return self._send(Request("GET", "/v1/organization/settings"))

    def update_settings(
        self,
        body: SettingsChanges,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Settings:
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
        actor: str | None = None,
        resource_id: str | None = None,
        created_after: Instant | None = None,
        created_before: Instant | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[AuditEvent]:
        """Lists the audit trail, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/audit-events",
                {
                    "job_id": job_id,
                    "event_type": event_type,
                    "actor": actor,
                    "resource_id": resource_id,
                    "created_after": created_after,
                    "created_before": created_before,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def iter_audit_events(
        self,
        *,
        job_id: str | None = None,
        event_type: str | None = None,
        actor: str | None = None,
        resource_id: str | None = None,
        created_after: Instant | None = None,
        created_before: Instant | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[AuditEvent]:
        """Iterates over the whole audit trail, newest first, page by page."""
        return self._all(
            self.list_audit_events,
            job_id=job_id,
            event_type=event_type,
            actor=actor,
            resource_id=resource_id,
            created_after=created_after,
            created_before=created_before,
            limit=page_size,
        )

    def get_request(self, request_id: str) -> RequestRecord:
        """Returns what a request of yours did, as audit events."""
        return self._send(Request("GET", path("/v1/requests/{}", request_id)))
