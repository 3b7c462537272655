"""Organizations, phone numbers and API keys."""

import sys
from datetime import datetime
from typing import Literal, TypeAlias

from .common import Environment

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:
    from typing_extensions import NotRequired, TypedDict

Scope: TypeAlias = Literal[
    "jobs:read",
    "jobs:write",
    "webhooks:read",
    "webhooks:write",
    "keys:manage",
    "audit:read",
    "usage:read",
    "billing:read",
    "billing:write",
]


class SignUp(TypedDict):
    """A new organization and its first key, which is shown only here."""

    object: Literal["signup"]
    organization_id: str
    api_key: str
    api_key_id: str
    credits_cents: int
    phone_verification_required: bool


class PhoneVerification(TypedDict):
    """How far the verification of a phone number is."""

    object: Literal["phone_verification"]
    status: Literal["sent", "verified"]
    expires_at: NotRequired[str]
    organization_id: NotRequired[str]
    credits_cents: NotRequired[int]
    available_cents: NotRequired[int]


class Identity(TypedDict):
    """Whose key it is and what it may do."""

    object: Literal["identity"]
    organization_id: str
    environment: Environment
    livemode: bool
    scopes: list[Scope]
    api_key_id: str


class ApiKeyParams(TypedDict):
    """A key to make."""

    name: str
    scopes: NotRequired[list[Scope] | None]
    environment: NotRequired[Environment | None]
    expires_at: NotRequired[str | datetime | None]


class ApiKey(TypedDict):
    """A key without its secret."""

    object: Literal["api_key"]
    id: str
    name: str
    prefix: str
    last4: str
    scopes: list[Scope]
    environment: Environment
    livemode: bool
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None
    previous_secret_expires_at: str | None


class NewApiKey(ApiKey):
    """A key with its secret, which is shown only here."""

    secret: str
