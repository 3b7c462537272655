"""Events: what became of them, and the feed, pulled and streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from .._core import Request, path
from .._feed import FeedCourse
from ..types import AttemptStatus, DeliveryStatus, Event, Page, WebhookAttempt, WebhookEvent, WebhookEventType
from .calls import PAGE_SIZE, AsyncCalls
from .stream import AsyncEventStream


class AsyncEvents(AsyncCalls):
    """Events: what became of them, and the feed, pulled and streamed."""

    async def list_webhook_events(
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
        return await self._send(
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
    ) -> AsyncIterator[WebhookEvent]:
        """Iterates over all events, newest first, page by page."""
        return self._all(
            self.list_webhook_events,
            delivery_status=delivery_status,
            type=type,
            endpoint_id=endpoint_id,
            job_id=job_id,
            limit=page_size,
        )

    async def get_webhook_event(self, event_id: str) -> WebhookEvent:
        """Returns an event and its deliveries."""
        return await self._send(Request("GET", path("/v1/webhook_events/{}", event_id)))

    async def list_webhook_event_attempts(
        self,
        event_id: str,
        *,
        status: AttemptStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WebhookAttempt]:
        """Lists the attempts to deliver an event, newest first."""
        return await self._send(
            Request(
                "GET",
                path("/v1/webhook_events/{}/attempts", event_id),
                {"status": status, "limit": limit, "cursor": cursor},
            )
        )

    def iter_webhook_event_attempts(
        self, event_id: str, *, status: AttemptStatus | None = None, page_size: int = PAGE_SIZE
    ) -> AsyncIterator[WebhookAttempt]:
        """Iterates over all attempts to deliver an event, page by page."""
        return self._all(self.list_webhook_event_attempts, event_id, status=status, limit=page_size)

    async def replay_webhook_event(
        self,
        event_id: str,
        *,
        endpoint_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookEvent:
        """Sends an event once more, to every subscribed endpoint or to one."""
        return await self._send(
            Request(
                "POST",
                path("/v1/webhook_events/{}/replay", event_id),
                body=None if endpoint_id is None else {"endpoint_id": endpoint_id},
                idempotency_key=idempotency_key,
            )
        )

    async def list_events(
        self,
        *,
        after: str | None = None,
        types: Sequence[WebhookEventType] | None = None,
        limit: int | None = None,
    ) -> Page[Event]:
        """Lists events, oldest first, from the beginning or after one.

        `next_cursor` is the id of the last event also when there is no more: ask again with it.
        """
        return await self._send(
            Request("GET", "/v1/events", {"after": after, "types": types, "limit": limit})
        )

    def iter_events(
        self,
        *,
        after: str | None = None,
        types: Sequence[WebhookEventType] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Event]:
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
    ) -> AsyncEventStream:
        """Streams events as they happen, across connections that break, without a gap.

        Args:
            after: The id of the last event that you have seen; by default, the stream begins with what
                comes after it was entered.
            types: The types that are wanted; all by default.
            max_reconnects: How many connections in a row may fail; without bound by default.
        """
        return AsyncEventStream(self, FeedCourse(self._settings, types, after, max_reconnects))
