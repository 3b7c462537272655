"""Server-sent events, cut anywhere."""

from __future__ import annotations

import pytest

from firsthand._sse import Decoder, ServerSentEvent

TEXT = (
    "\ufeff: a comment\n"
    'id: 1\nevent: job.completed\ndata: {"a":\ndata: "é"}\n\n'
    "retry: 1500\r\ndata:no blank\r\ndata: second\r\n\r\n"
    "id: 2\revent: nothing to tell\r\r"
    "id\ndata\n\n"
    "unknown: field\nretry: soon\nid: with\0nul\ndata:  two blanks\n\n"
    "data: never ended\n"
).encode()
EVENTS = [
    ServerSentEvent("job.completed", '{"a":\n"é"}', "1"),
    ServerSentEvent("message", "no blank\nsecond", "1"),
    ServerSentEvent("message", "", ""),
    ServerSentEvent("message", " two blanks", ""),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 10_000])
def test_pieces_of_any_size_make_the_same_events(size: int) -> None:
    decoder = Decoder()
    read = [
        event for start in range(0, len(TEXT), size) for event in decoder.feed(TEXT[start : start + size])
    ]
    assert read == EVENTS
    assert decoder.retry == 1.5
