"""A network that fails in the middle: what was sent once is done once, and no event is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from product import Product

from either import Either
from firsthand import FirstHandConnectionError
from harness import new_key, order

pytestmark = pytest.mark.anyio


class Network:
    """Stands between a client and the service, and can fail."""

    def __init__(self, product: Product) -> None:
        address = urlsplit(product.base_url)
        self._service = (address.hostname or "", address.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        # How many of the next answers get lost.
        self.losing = 0
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                service = socket.create_connection(self._service)
                with self._lock:
                    self.connections += 1
                    self._open += [client, service]
                for pair in ((client, service, False), (service, client, True)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if answers and self._loses():
                    break
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _loses(self) -> bool:
        with self._lock:
            if self.losing == 0:
                return False
            self.losing -= 1
            return True

    def cut(self) -> None:
        """Breaks every connection."""
        with self._lock:
            broken, self._open = self._open, []
        for end in broken:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


@pytest.fixture
def network(product: Product) -> Iterator[Network]:
    network = Network(product)
    yield network
    network.close()


async def test_an_answer_that_is_lost_is_asked_for_again(
    kind: str, product: Product, network: Network, waits: list[float]
) -> None:
    async with Either(kind, new_key(product), base_url=network.base_url) as client:
        network.losing = 2
        job = await client.create_job(order(price_per_file_cents=10))
        assert len(waits) == 2
        # The service did it once, and said so three times.
        assert [one["id"] for one in await client.all("iter_jobs")] == [job["id"]]
        assert (await client.get_credit_balance())["held_cents"] == 10
        endpoint = await client.create_webhook_endpoint({"url": "http://127.0.0.1:9/"})
        network.losing = 1
        rotated = await client.rotate_webhook_secret(endpoint["id"], idempotency_key="rotation")
        again = await client.rotate_webhook_secret(endpoint["id"], idempotency_key="rotation")
        assert rotated["secret"] == again["secret"] != endpoint["secret"]
        # A change that is bound to a tag succeeds too, though the tag is another once it is done.
        seen = await client.request("GET", "/v1/organization/settings")
        network.losing = 1
        changes = {"low_balance_threshold_cents": 1}
        assert await client.update_settings(changes, if_match=seen.headers["etag"])
        network.losing = 4
        with pytest.raises(FirstHandConnectionError):
            await client.cancel_job(job["id"])
        assert (await client.get_job(job["id"]))["status"] == "cancelled"


async def test_a_stream_survives_the_network(
    kind: str, product: Product, network: Network, waits: list[float]
) -> None:
    key = new_key(product)
    async with (
        Either(kind, key, base_url=network.base_url) as client,
        Either(kind, key, base_url=product.base_url) as direct,
    ):
        made: list[Any] = []

        async def happens() -> None:
            made.append((await direct.create_job(order(price_per_file_cents=10)))["id"])
            await direct.cancel_job(made[-1])

        # The book is empty when the stream begins.
        async with client.stream(types=["job.cancelled"], max_reconnects=100) as stream:
            network.cut()
            await happens()
            seen = [await stream.next()]
            for _ in range(3):
                await happens()
                network.cut()
                await happens()
                seen += [await stream.next() for _ in range(2)]
        assert [event["data"]["job_id"] for event in seen] == made
        assert len(waits) >= 4
