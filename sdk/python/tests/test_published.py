"""What works with the published client, firsthandapi 0.1.0, works with this one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from inspect import Parameter
from typing import Any

import firsthandapi  # type: ignore[import-untyped]
import pytest

import firsthand


def signatures() -> Iterator[tuple[str, Any, Any]]:
    for name in firsthandapi.__all__:
        theirs, ours = getattr(firsthandapi, name), getattr(firsthand, name)
        yield name, theirs, ours
        if "Client" in name:
            for method, function in inspect.getmembers(theirs, inspect.isfunction):
                if not method.startswith("_"):
                    yield f"{name}.{method}", function, getattr(ours, method)


@pytest.mark.parametrize(("name", "theirs", "ours"), [pytest.param(*one, id=one[0]) for one in signatures()])
def test_it_takes_what_the_published_one_takes(name: str, theirs: Any, ours: Any) -> None:
    taken = inspect.signature(ours).parameters
    order = [one.name for one in taken.values() if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
    positional = []
    for one in inspect.signature(theirs).parameters.values():
        if one.kind is Parameter.VAR_KEYWORD:
            continue
        assert one.name in taken, f"{name} takes no {one.name}"
        same = taken[one.name]
        # What was optional still is; a base_url that is not given comes from the environment or is theirs.
        assert one.default in {Parameter.empty, same.default} or one.name == "base_url", one.name
        if one.kind is Parameter.POSITIONAL_OR_KEYWORD:
            positional.append(one.name)
    assert order[: len(positional)] == positional
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def test_errors_have_what_the_published_ones_have() -> None:
    for name in ("FirstHandApiError", "FirstHandRateLimitError", "FirstHandConnectionError"):
        theirs, ours = getattr(firsthandapi, name), getattr(firsthand, name)
        for parent in (firsthandapi.FirstHandApiError, firsthandapi.FirstHandConnectionError):
            assert issubclass(ours, getattr(firsthand, parent.__name__)) == issubclass(theirs, parent)
    cause = OSError("no route")
    makers: list[tuple[str, tuple[Any, ...]]] = [
        ("FirstHandApiError", (503, "service_unavailable", "m", "req_1", [{"a": 1}])),
        ("FirstHandRateLimitError", ("m", "req_1", 2.0)),
        ("FirstHandConnectionError", ("m", cause)),
    ]
    for name, arguments in makers:
        old, new = getattr(firsthandapi, name)(*arguments), getattr(firsthand, name)(*arguments)
        for field, value in vars(old).items():
            assert getattr(new, field) == value, f"{name}.{field}"
        assert old.args == new.args
        assert getattr(old, "retryable", True) == new.retryable
        assert old.__cause__ is new.__cause__
