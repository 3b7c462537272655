"""The client: everything that can be asked, a file for each resource."""

from __future__ import annotations

from .account import AsyncAccount
from .api_keys import AsyncApiKeys
from .billing import AsyncBilling
from .events import AsyncEvents
from .jobs import AsyncJobs
from .organization import AsyncOrganization
from .submissions import AsyncSubmissions
from .webhook_endpoints import AsyncWebhookEndpoints


class AsyncFirstHandClient(
    AsyncAccount,
    AsyncJobs,
    AsyncSubmissions,
    AsyncApiKeys,
    AsyncWebhookEndpoints,
    AsyncEvents,
    AsyncBilling,
    AsyncOrganization,
):
    """An asynchronous client of FirstHandAPI.

    Every method makes one call, tried again after failures that pass (connection errors, 408, 429,
    5xx) with backoff. All tries of a call carry the same idempotency key, so that it happens once.

    Args:
        api_key: A key (`fh_live_…` or `fh_test_…`); by default, that of `FIRSTHAND_API_KEY`.
        base_url: Where the API is; by default, `FIRSTHAND_BASE_URL` or FirstHandAPI itself.
        timeout: How long to wait for a connection, and for each piece of an answer, in seconds.
        max_retries: How often a failed call is tried again.
        http_client: The httpx client to use, for proxies or certificates of your own. It is not closed
            with this one.

    Every method may raise `FirstHandApiError` for a refusal and `FirstHandConnectionError` where there
    was no answer, once there is nothing left to try.
    """
