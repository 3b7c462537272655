"""Python SDK of FirstHandAPI: original photos, sounds and films from real people."""

from ._async_client import AsyncEventStream, AsyncFirstHandClient
from ._client import EventStream, FirstHandClient
from ._core import ApiResponse
from ._errors import (
    FirstHandApiError,
    FirstHandConnectionError,
    FirstHandError,
    FirstHandInsufficientCreditsError,
    FirstHandRateLimitError,
    FirstHandSignatureError,
)
from ._version import __version__
from ._webhooks import construct_webhook_event, verify_webhook_signature

__all__ = [
    "ApiResponse",
    "AsyncEventStream",
    "AsyncFirstHandClient",
    "EventStream",
    "FirstHandApiError",
    "FirstHandClient",
    "FirstHandConnectionError",
    "FirstHandError",
    "FirstHandInsufficientCreditsError",
    "FirstHandRateLimitError",
    "FirstHandSignatureError",
    "__version__",
    "construct_webhook_event",
    "verify_webhook_signature",
]
