"""Server-sent events, read piece by piece as the HTML standard says. Does no input or output."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class ServerSentEvent:
    """One event as it was framed."""

    event: str
    data: str
    last_event_id: str


class Decoder:
    """Turns pieces of a stream into events, wherever the pieces were cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._event = ""
        self._data: list[str] = []
        self._id: str | None = None
        # The server's wish for the time before a reconnection, in seconds.
        self.retry: float | None = None

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Takes the next piece and returns the events that it completes."""
        text = self._rest + piece
        if not self._begun and len(text) < len(BOM_UTF8) and BOM_UTF8.startswith(text):
            self._rest = text
            return []
        if not self._begun:
            self._begun = True
            text = text.removeprefix(BOM_UTF8)
        events = []
        at = 0
        for end in _LINE_END.finditer(text):
            if end.group() == b"\r" and end.end() == len(text):
                # Its line feed may come with the next piece.
                break
            event = self._line(text[at : end.start()].decode("utf-8", "replace"))
            at = end.end()
            if event is not None:
                events.append(event)
        self._rest = text[at:]
        return events

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch(r"[0-9]{1,9}", value):
            self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        if not data:
            return None
        return ServerSentEvent(event, "\n".join(data), self._id or "")
