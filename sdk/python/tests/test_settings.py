"""How clients are made, and errors as values."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import firsthand
from either import CLIENTS, methods, settled
from firsthand import (
    FirstHandApiError,
    FirstHandClient,
    FirstHandConnectionError,
    FirstHandError,
    FirstHandRateLimitError,
)
from firsthand._core import Request, Settings

pytestmark = pytest.mark.anyio


def test_the_synchronous_client_is_made_of_the_asynchronous_one() -> None:
    tool = Path(__file__).parent.parent / "tools" / "unasync.py"
    made = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout


async def test_key_and_address_come_from_the_environment(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRSTHAND_API_KEY", raising=False)
    monkeypatch.delenv("FIRSTHAND_BASE_URL", raising=False)
    with pytest.raises(ValueError, match="api_key is required"):
        CLIENTS[kind]()
    client = CLIENTS[kind]("fh_test_a")
    assert client._settings.base_url == "https://api.firsthandapi.com"
    await settled(client.close())
    monkeypatch.setenv("FIRSTHAND_API_KEY", "fh_test_b")
    monkeypatch.setenv("FIRSTHAND_BASE_URL", "http://127.0.0.1:1/")
    client = CLIENTS[kind]()
    assert (client._settings.api_key, client._settings.base_url) == ("fh_test_b", "http://127.0.0.1:1")
    await settled(client.close())


async def test_only_a_client_of_ones_own_is_left_open(kind: str) -> None:
    http: Any = httpx.Client() if kind == "sync" else httpx.AsyncClient()
    theirs = CLIENTS[kind]("k", http_client=http)
    await settled(theirs.close())
    assert not http.is_closed
    await settled(http.close() if kind == "sync" else http.aclose())
    ours = CLIENTS[kind]("k")
    await settled(ours.with_options(timeout=1).close())
    assert not ours._http.is_closed
    await settled(ours.close())
    assert ours._http.is_closed


def test_a_key_is_sent_only_where_there_is_one() -> None:
    settings = Settings.of("fh_test_a", "https://api.test", 30.0, 3)
    with httpx.Client() as http:
        for authenticated in (True, False):
            request = Request[None]("POST", "/v1/auth/signup", authenticated=authenticated)
            built = settings.build(http.build_request, request)
            assert ("authorization" in built.headers) is authenticated


def test_errors_have_one_base_and_survive_pickling() -> None:
    errors: list[FirstHandError] = [
        FirstHandApiError(400, "validation_error", "m", "req_1", [{"field": "f"}], code="c"),
        FirstHandRateLimitError("m", "req_2", 1.5),
        FirstHandConnectionError("m"),
    ]
    for error in errors:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
        assert isinstance(copy, FirstHandError)
    assert str(errors[0]) == "m (400 validation_error, c; request req_1)"
    assert "code='c'" in repr(errors[0])
    assert [error.retryable for error in errors] == [False, True, True]
    assert (errors[2].status, errors[2].request_id, errors[2].details) == (None, None, None)


def test_everything_public_is_described() -> None:
    for name in firsthand.__all__:
        if not name.startswith("__"):
            assert getattr(firsthand, name).__doc__, name
    for name in methods():
        assert getattr(FirstHandClient, name).__doc__, name
    assert (Path(firsthand.__file__).parent / "py.typed").is_file()
