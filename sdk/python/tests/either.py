"""One way to use both clients, so that every test is written once and runs with each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx

from firsthand import AsyncFirstHandClient, FirstHandClient

if TYPE_CHECKING:
    from typing_extensions import Self

KINDS = ("sync", "async")
CLIENTS: dict[str, type[FirstHandClient | AsyncFirstHandClient]] = {
    "sync": FirstHandClient,
    "async": AsyncFirstHandClient,
}


async def settled(value: Any) -> Any:
    """What a method returns, awaited if it has to be."""
    return await value if inspect.isawaitable(value) else value


async def every(items: Any) -> list[Any]:
    """Everything that an iterator of either kind yields."""
    if isinstance(items, Iterator):
        return list(items)
    return [item async for item in items]


def methods() -> set[str]:
    """The names of all public methods."""
    return {
        name for name, _ in inspect.getmembers(FirstHandClient, inspect.isroutine) if not name.startswith("_")
    }


class Either:
    """A client of either kind, every method of which is to be awaited."""

    def __init__(self, kind: str, *arguments: Any, **options: Any) -> None:
        self._use(CLIENTS[kind](*arguments, **options))

    @classmethod
    def of(cls, client: Any) -> Self:
        """Wraps a client that is there already."""
        either = cls.__new__(cls)
        either._use(client)
        return either

    def _use(self, client: Any) -> None:
        self.client = client
        self.called: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await settled(self.client.close())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            self.called.add(name)
            return await settled(method(*arguments, **options))

        return call

    async def all(self, name: str, *arguments: Any, **options: Any) -> list[Any]:
        """Everything that one of the iterating methods yields."""
        self.called.add(name)
        return await every(getattr(self.client, name)(*arguments, **options))

    def stream(self, **options: Any) -> EitherStream:
        """An event stream."""
        self.called.add("stream_events")
        return EitherStream(self.client.stream_events(**options))


class EitherStream:
    """An event stream of either kind."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    async def __aenter__(self) -> Self:
        enter = getattr(self.stream, "__aenter__", None) or self.stream.__enter__
        await settled(enter())
        return self

    async def __aexit__(self, *_: object) -> None:
        await settled(self.stream.close())

    async def next(self) -> Any:
        step = getattr(self.stream, "__anext__", None) or self.stream.__next__
        return await settled(step())


def mocked(kind: str, handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> Either:
    """A client whose requests go to a function."""
    transport = httpx.MockTransport(handler)
    http = httpx.Client(transport=transport) if kind == "sync" else httpx.AsyncClient(transport=transport)
    return Either(kind, "fh_test_key", base_url="https://api.test", http_client=http, **options)
