"""API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

from .._core import Request, path
from ..types import ApiKey, ApiKeyParams, NewApiKey, Page
from .calls import PAGE_SIZE, AsyncCalls


class AsyncApiKeys(AsyncCalls):
    """API keys."""

    async def create_api_key(self, body: ApiKeyParams, *, idempotency_key: str | None = None) -> NewApiKey:
        """Creates a key; its `secret` is shown only here."""
        return await self._send(Request("POST", "/v1/api_keys", body=body, idempotency_key=idempotency_key))

    async def list_api_keys(self, *, limit: int | None = None, cursor: str | None = None) -> Page[ApiKey]:
        """Lists keys, newest first."""
        return await self._send(Request("GET", "/v1/api_keys", {"limit": limit, "cursor": cursor}))

    def iter_api_keys(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[ApiKey]:
        """Iterates over all keys, page by page."""
        return self._all(self.list_api_keys, limit=page_size)

    async def get_api_key(self, key_id: str) -> ApiKey:
        """Returns a key."""
        return await self._send(Request("GET", path("/v1/api_keys/{}", key_id)))

    async def rotate_api_key(self, key_id: str, *, idempotency_key: str | None = None) -> NewApiKey:
        """Gives a key a new secret; the old one works for 24 hours more."""
        return await self._send(
            Request(
                "POST",
                path("/v1/api_keys/{}/rotate", key_id),
                idempotency_key=idempotency_key,
            )
        )

    async def revoke_api_key(
        self, key_id: str, *, force: bool = False, idempotency_key: str | None = None
    ) -> None:
        """Revokes a key at once and for good; the last one that manages keys only by `force`."""
        await self._send(
            Request[None](
                "POST",
                path("/v1/api_keys/{}/revoke", key_id),
                {"force": True if force else None},
                idempotency_key=idempotency_key,
            )
        )
