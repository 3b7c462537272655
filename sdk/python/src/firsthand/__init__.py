"""Python SDK of FirstHandAPI: original photos, sounds and films from real people."""

from ._async.client import AsyncFirstHandClient
from ._async.stream import AsyncEventStream
from ._core import ApiResponse
from ._errors import (
    FirstHandApiError,
    FirstHandConnectionError,
    FirstHandError,
    FirstHandInsufficientCreditsError,
    FirstHandRateLimitError,
    FirstHandSignatureError,
)
from ._sync.client import FirstHandClient
from ._sync.stream import EventStream
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
