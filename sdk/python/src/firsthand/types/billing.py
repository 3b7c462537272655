"""Balances, movements, purchases and statements."""

import sys
from typing import Literal, TypeAlias

from .common import Environment

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:
    from typing_extensions import NotRequired, TypedDict

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
ExportFormat: TypeAlias = Literal["csv", "ndjson", "hledger", "beancount"]


class AutoTopUpStatus(TypedDict):
    """Where the automatic top-up stands."""

    enabled: bool
    under_way: bool
    failures: int


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
    auto_top_up: AutoTopUpStatus | None


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
