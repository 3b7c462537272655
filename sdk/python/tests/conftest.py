"""Fixtures: both kinds of client, and the real service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from product import Product
from receiver import Receiver

from either import KINDS
from harness import WorkForce

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes the clients note how long they would wait, and wait no time at all."""
    noted: list[float] = []

    async def no_time(seconds: float) -> None:
        noted.append(seconds)

    for module in ("calls", "jobs", "stream"):
        monkeypatch.setattr(f"firsthand._sync.{module}.sleep", noted.append)
        monkeypatch.setattr(f"firsthand._async.{module}.sleep", no_time)
    return noted


@pytest.fixture(scope="session")
def binary() -> Path:
    """The service to test: `FIRSTHAND_BINARY`, or what `cargo build --release` made."""
    path = Path(os.environ.get("FIRSTHAND_BINARY") or ROOT / "target" / "release" / "firsthand")
    assert path.is_file(), f"there is no {path}: build the service, or set FIRSTHAND_BINARY"
    return path.resolve()


@pytest.fixture(scope="session")
def product(binary: Path) -> Iterator[Product]:
    """The service, without rate limits."""
    with Product(binary) as product:
        yield product


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def workers(product: Product) -> Iterator[WorkForce]:
    workers = WorkForce(product)
    yield workers
    workers.close()


@pytest.fixture(scope="session")
def limited(binary: Path) -> Iterator[Product]:
    """A service that lets through one request a second and key, after the first few."""
    limits = {
        "FIRSTHAND_RATE_LIMITS": "on",
        "FIRSTHAND_RATE_LIMIT_FREE_REQUESTS_PER_MINUTE": "60",
        "FIRSTHAND_RATE_LIMIT_REQUESTS_PER_MINUTE": "60",
        "FIRSTHAND_RATE_LIMIT_ADDRESS_PER_MINUTE": "1000",
    }
    with Product(binary, **limits) as product:
        yield product
