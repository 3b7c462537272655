"""What all resources share."""

import sys
from typing import Any, Generic, Literal, TypeAlias, TypeVar

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:
    from typing_extensions import NotRequired, TypedDict

T = TypeVar("T")

Environment: TypeAlias = Literal["live", "test"]


class Page(TypedDict, Generic[T]):
    """One page of a list."""

    object: Literal["list"]
    data: list[T]
    has_more: bool
    next_cursor: str | None


class ErrorBody(TypedDict):
    """The `error` of a refusal."""

    type: str
    code: str
    message: str
    request_id: str
    doc_url: str
    details: NotRequired[list[dict[str, Any]]]
