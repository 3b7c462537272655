# Made of _async/billing.py by tools/unasync.py: change that one.
"""Balances, movements, purchases, statements and exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from .._core import Request, path
from ..types import (
    BillingStatement,
    CheckoutSession,
    CreditBalance,
    CreditTransaction,
    ExportFormat,
    Page,
    Purchase,
    PurchaseParams,
    TransactionType,
)
from .calls import PAGE_SIZE, Calls, Instant, InstantOrDay


class Billing(Calls):
    """Balances, movements, purchases, statements and exports."""

    def get_credit_balance(self, *, as_of: Instant | None = None) -> CreditBalance:
        """Returns the balance now, or what was booked by an instant."""
        return self._send(Request("GET", "/v1/billing/credits", {"as_of": as_of}))

    def list_transactions(
        self,
        *,
        type: TransactionType | None = None,
        job_id: str | None = None,
        created_after: Instant | None = None,
        created_before: Instant | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[CreditTransaction]:
        """Lists movements of credits, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/billing/transactions",
                {
                    "type": type,
                    "job_id": job_id,
                    "created_after": created_after,
                    "created_before": created_before,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def iter_transactions(
        self,
        *,
        type: TransactionType | None = None,
        job_id: str | None = None,
        created_after: Instant | None = None,
        created_before: Instant | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[CreditTransaction]:
        """Iterates over all movements of credits, newest first, page by page."""
        return self._all(
            self.list_transactions,
            type=type,
            job_id=job_id,
            created_after=created_after,
            created_before=created_before,
            limit=page_size,
        )

    def purchase_credits(
        self, body: PurchaseParams, *, idempotency_key: str | None = None
    ) -> CheckoutSession:
        """Opens a checkout; the credits come with the payment at its `checkout_url`."""
        return self._send(
            Request("POST", "/v1/billing/credits/purchase", body=body, idempotency_key=idempotency_key)
        )

    def list_purchases(
        self,
        *,
        status: Literal["open", "paid", "failed"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Purchase]:
        """Lists purchases, newest first."""
        return self._send(
            Request(
                "GET",
                "/v1/billing/purchases",
                {"status": status, "limit": limit, "cursor": cursor},
            )
        )

    def iter_purchases(
        self,
        *,
        status: Literal["open", "paid", "failed"] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Purchase]:
        """Iterates over all purchases, newest first, page by page."""
        return self._all(self.list_purchases, status=status, limit=page_size)

    def get_purchase(self, purchase_id: str) -> Purchase:
        """Returns a purchase."""
        return self._send(Request("GET", path("/v1/billing/purchases/{}", purchase_id)))

    def get_statement(self, month: str) -> BillingStatement:
        """Returns the statement of a month in UTC, as `2026-03`."""
        return self._send(Request("GET", path("/v1/billing/statements/{}", month)))

    def export_billing(
        self,
        *,
        format: ExportFormat = "csv",
        start: InstantOrDay | None = None,
        end: InstantOrDay | None = None,
    ) -> bytes:
        """Returns every journal entry from `start` and before `end`, as a file in that format."""
        return self._send(
            Request(
                "GET",
                "/v1/billing/export",
                {"format": format, "from": start, "to": end},
                headers={"Accept": "*/*"},
                raw=True,
            )
        )
