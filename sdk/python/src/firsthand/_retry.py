"""When to try again. Decides; does not wait."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter, and obedience to `Retry-After`.

    Full jitter draws from the whole span, so that clients which failed together don't return together.
    """

    max_retries: int = 3
    first_seconds: float = 0.5
    longest_seconds: float = 8.0
    # Who is asked to wait longer than this gets the error instead: it knows better what to do.
    longest_retry_after: float = 60.0
    chance: random.Random = field(default_factory=random.Random, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.max_retries < 0:
            raise ValueError("max_retries must not be negative")

    def backoff(self, failures: int) -> float:
        """Returns how long to wait after that many failures in a row, at least one."""
        # Bounded before it is a power, which would overflow after a thousand failures.
        doubled = self.first_seconds * 2.0 ** min(failures - 1, 30)
        return self.chance.uniform(0.0, min(doubled, self.longest_seconds))

    def delay(self, failures: int, retry_after: float | None = None) -> float | None:
        """Returns how long to wait before the next try; None if there is to be none."""
        if failures > self.max_retries:
            return None
        if retry_after is None:
            return self.backoff(failures)
        if retry_after > self.longest_retry_after:
            return None
        # Never earlier than asked for, and not all at the same moment.
        return retry_after + self.chance.uniform(0.0, self.first_seconds)
