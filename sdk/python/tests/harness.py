"""What the tests need of the service besides the SDK: workers, their photos, and money."""

from __future__ import annotations

import json
import random
import struct
import time
import urllib.request
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, get_args, get_origin

import httpx
from product import Product
from typing_extensions import get_type_hints, is_typeddict

from either import Either
from firsthand import FirstHandClient

WITHIN_SECONDS = 60


async def until(what: str, holds: Callable[[], Awaitable[Any]]) -> Any:
    """Asks again until the answer is true, and returns it. Each question is a request, which takes its
    own time: there is nothing to pause for."""
    end = time.monotonic() + WITHIN_SECONDS
    while not (answer := await holds()):
        assert time.monotonic() < end, f"{what}: not within {WITHIN_SECONDS} s"
    return answer


def photo(width: int = 640, height: int = 480) -> bytes:
    """A PNG with edges and contrast, unlike any other."""
    columns, rows = width // 32, height // 32
    tiles = [[random.randbytes(3) for _ in range(columns)] for _ in range(rows)]
    lines = []
    for y in range(height):
        row = tiles[min(y // 32, rows - 1)]
        lines.append(b"\0" + b"".join(row[min(x // 32, columns - 1)] for x in range(width)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(b"".join(lines))),
            chunk(b"IEND", b""),
        ]
    )


class WorkForce:
    """People who do what jobs ask for."""

    def __init__(self, product: Product) -> None:
        self._http = httpx.Client(base_url=product.base_url, timeout=30)
        name = f"worker-{random.randrange(10**9)}"
        worker = {"name": name, "email": f"{name}@example.test", "region": "US-NY"}
        token = self._post("/internal/worker/register", json=worker)["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._http.close()

    def available(self) -> list[dict[str, Any]]:
        """The jobs that this worker could accept."""
        answer = self._http.get("/internal/worker/jobs/available?limit=100")
        jobs: list[dict[str, Any]] = answer.json()["data"]
        return jobs

    def _post(self, path: str, **what: Any) -> Any:
        answer = self._http.post(path, **what)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def deliver(self, job_id: str) -> bytes:
        """Sends one photo for a job, and returns it."""
        submission = self._post(f"/internal/worker/jobs/{job_id}/accept")["id"]
        image = photo()
        self._post(
            f"/internal/worker/submissions/{submission}/upload",
            files={"file": ("photo.png", image, "image/png")},
        )
        return image


def pay(checkout_url: str) -> None:
    """Pays as a person would on the page."""
    request = urllib.request.Request(checkout_url + "/pay", data=b"{}", method="POST")  # noqa: S310
    urllib.request.urlopen(request).close()  # noqa: S310


def new_key(product: Product, cents: int = 0) -> str:
    """A buyer's key; with so many cents bought besides the free ones."""
    key = product.buyer()
    if cents:
        with FirstHandClient(key, base_url=product.base_url) as client:
            purchase = client.purchase_credits({"amount_cents": cents})
            pay(purchase["checkout_url"])
            end = time.monotonic() + WITHIN_SECONDS
            while client.get_purchase(purchase["id"])["status"] != "paid":
                assert time.monotonic() < end, "the purchase was not booked"
    return key


def client_of(kind: str, product: Product, key: str, **options: Any) -> Either:
    return Either(kind, key, base_url=product.base_url, **options)


def order(**fields: Any) -> dict[str, Any]:
    """A job for one photo at 50 cents."""
    return {
        "type": "data_collection",
        "description": "One photo of a street sign by daylight.",
        "files_needed": 1,
        "accepted_formats": ["image/png"],
        "price_per_file_cents": 50,
        "min_star_rating": 2,
    } | fields


def assert_shape(value: Any, kind: Any, where: str = "answer") -> Any:
    """Compares an answer with its description: no field is missing, and none is unknown."""
    origin = get_origin(kind)
    described = origin if is_typeddict(origin) else kind
    if is_typeddict(described):
        assert isinstance(value, dict), f"{where} is {json.dumps(value)}"
        names, required = set(described.__annotations__), described.__required_keys__
        assert required <= set(value), f"{where} lacks {required - set(value)}"
        assert set(value) <= names, f"{where} has {set(value) - names} besides"
        hints = get_type_hints(described)
        for name, field in value.items():
            hint = list[get_args(kind)[0]] if name == "data" and origin else hints[name]  # type: ignore[misc]
            assert_shape(field, hint, f"{where}.{name}")
    elif origin is list:
        for index, item in enumerate(value):
            assert_shape(item, get_args(kind)[0], f"{where}[{index}]")
    elif origin is dict:
        assert isinstance(value, dict), f"{where} is {value!r}"
    elif type(None) in get_args(kind):
        if value is not None:
            [inner, *_] = [one for one in get_args(kind) if one is not type(None)]
            assert_shape(value, inner, where)
    elif str(kind).startswith("typing.Literal"):
        assert value in get_args(kind), f"{where} is {value!r}"
    elif isinstance(kind, type) and kind is not Any:  # Any is a class from Python 3.11 on
        fits = (int, float) if kind is float else kind
        assert isinstance(value, fits), f"{where} is {value!r}, not {kind}"
    return value
