"""Counts what held and what did not, a line for each."""

from __future__ import annotations


class Checks:
    """The tally of a run."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def that(self, holds: bool, what: str, seen: object = "") -> bool:
        """Notes one check; `seen` explains a failure."""
        if holds:
            self.passed += 1
            print(f"ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {what}{f': {seen}' if seen != '' else ''}", flush=True)
        return holds
