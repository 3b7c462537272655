"""Settings and the audit trail."""

import sys
from typing import Any, Literal

from .common import Environment
from .jobs import JobType

if sys.version_info >= (3, 11):
    from typing import TypedDict
else:
    from typing_extensions import TypedDict


class SettingsChanges(TypedDict, total=False):
    """What to change of an organization's settings."""

    default_type: JobType | None
    default_price_per_file_cents: int | None
    auto_top_up_enabled: bool
    auto_top_up_threshold_cents: int
    auto_top_up_amount_cents: int
    auto_topup_enabled: bool
    auto_topup_threshold_cents: int
    auto_topup_amount_cents: int
    low_balance_threshold_cents: int


class Settings(TypedDict):
    """An organization's settings; the top-up's stand under both their names."""

    object: Literal["organization_settings"]
    organization_id: str
    name: str
    phone_verified: bool
    default_type: JobType | None
    default_price_per_file_cents: int | None
    auto_top_up_enabled: bool
    auto_top_up_threshold_cents: int
    auto_top_up_amount_cents: int
    auto_topup_enabled: bool
    auto_topup_threshold_cents: int
    auto_topup_amount_cents: int
    low_balance_threshold_cents: int


class Party(TypedDict):
    """Who did something, or to what it was done."""

    type: str
    id: str


class AuditEvent(TypedDict):
    """One entry of the audit trail."""

    object: Literal["audit_event"]
    id: str
    event_type: str
    sequence: int
    occurred_at: str
    recorded_at: str
    actor: Party
    resource: Party
    job_id: str | None
    request_id: str
    data: dict[str, Any]
    hash: str
    environment: Environment
    livemode: bool


class RequestRecord(TypedDict):
    """What a request did."""

    object: Literal["request"]
    id: str
    events: list[AuditEvent]
