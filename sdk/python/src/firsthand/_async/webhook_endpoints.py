"""Webhook endpoints, test events, attempts and replays of a range."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from .._core import Request, path
from ..types import (
    AttemptStatus,
    NewWebhookEndpoint,
    Page,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookEndpointChanges,
    WebhookEndpointParams,
    WebhookEvent,
    WebhookEventType,
    WebhookReplay,
)
from .calls import PAGE_SIZE, AsyncCalls, Instant


class AsyncWebhookEndpoints(AsyncCalls):
    """Webhook endpoints, test events, attempts and replays of a range."""

    async def create_webhook_endpoint(
        self, body: WebhookEndpointParams, *, idempotency_key: str | None = None
    ) -> NewWebhookEndpoint:
        """Creates an endpoint; its signing `secret` is shown only here."""
        return await self._send(
            Request("POST", "/v1/webhook_endpoints", body=body, idempotency_key=idempotency_key)
        )

    async def list_webhook_endpoints(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[WebhookEndpoint]:
        """Lists endpoints, newest first."""
        return await self._send(Request("GET", "/v1/webhook_endpoints", {"limit": limit, "cursor": cursor}))

    def iter_webhook_endpoints(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[WebhookEndpoint]:
        """Iterates over all endpoints, page by page."""
        return self._all(self.list_webhook_endpoints, limit=page_size)

    async def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """Returns an endpoint."""
        return await self._send(Request("GET", path("/v1/webhook_endpoints/{}", endpoint_id)))

    async def update_webhook_endpoint(
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
        return await self._send(
            Request(
                "PATCH",
                path("/v1/webhook_endpoints/{}", endpoint_id),
                body=body,
                headers={"If-Match": if_match} if if_match else {},
                idempotency_key=idempotency_key,
            )
        )

    async def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Deletes an endpoint."""
        await self._send(Request[None]("DELETE", path("/v1/webhook_endpoints/{}", endpoint_id)))

    async def rotate_webhook_secret(
        self,
        endpoint_id: str,
        *,
        overlap_seconds: int | None = None,
        idempotency_key: str | None = None,
    ) -> NewWebhookEndpoint:
        """Gives an endpoint a new secret; for 24 hours, or `overlap_seconds`, the old one signs too."""
        return await self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/rotate_secret", endpoint_id),
                body=None if overlap_seconds is None else {"overlap_seconds": overlap_seconds},
                idempotency_key=idempotency_key,
            )
        )

    async def ping_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        type: WebhookEventType | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookEvent:
        """Sends a test event to an endpoint, `webhook_endpoint.test` or a sample of another type."""
        return await self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/test", endpoint_id),
                body=None if type is None else {"type": type},
                idempotency_key=idempotency_key,
            )
        )

    async def list_webhook_endpoint_attempts(
        self,
        endpoint_id: str,
        *,
        status: AttemptStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WebhookAttempt]:
        """Lists the attempts to deliver to an endpoint, newest first."""
        return await self._send(
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
    ) -> AsyncIterator[WebhookAttempt]:
        """Iterates over all attempts to deliver to an endpoint, page by page."""
        return self._all(self.list_webhook_endpoint_attempts, endpoint_id, status=status, limit=page_size)

    async def create_webhook_replay(
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
        return await self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/replays", endpoint_id),
                body={name: value for name, value in body.items() if value is not None},
                idempotency_key=idempotency_key,
            )
        )

    async def get_webhook_replay(self, endpoint_id: str, replay_id: str) -> WebhookReplay:
        """Says how far a repetition is."""
        return await self._send(
            Request("GET", path("/v1/webhook_endpoints/{}/replays/{}", endpoint_id, replay_id))
        )

    async def cancel_webhook_replay(
        self, endpoint_id: str, replay_id: str, *, idempotency_key: str | None = None
    ) -> WebhookReplay:
        """Ends a repetition; what it has queued is still sent."""
        return await self._send(
            Request(
                "POST",
                path("/v1/webhook_endpoints/{}/replays/{}/cancel", endpoint_id, replay_id),
                idempotency_key=idempotency_key,
            )
        )
