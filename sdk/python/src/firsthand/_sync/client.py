# Made of _async/client.py by tools/unasync.py: change that one.
"""The client: everything that can be asked, a file for each resource."""

from __future__ import annotations

from .account import Account
from .api_keys import ApiKeys
from .billing import Billing
from .events import Events
from .jobs import Jobs
from .organization import Organization
from .submissions import Submissions
from .webhook_endpoints import WebhookEndpoints


class FirstHandClient(
    Account,
    Jobs,
    Submissions,
    ApiKeys,
    WebhookEndpoints,
    Events,
    Billing,
    Organization,
):
    """A synchronous client of FirstHandAPI.

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
