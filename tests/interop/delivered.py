"""A delivery as it came."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A delivery as it came: header names in lower case, the body's bytes."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        event_id: str = json.loads(self.body)["id"]
        return event_id
