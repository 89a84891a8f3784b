"""Pauses between retries."""

from __future__ import annotations

from collections.abc import Iterator


def backoff(first: float, maximum: float) -> Iterator[float]:
    """Seconds to wait before each retry: doubled each time, up to `maximum`. Endless."""
    pause = first
    while True:
        yield min(pause, maximum)
        pause = min(pause * 2, maximum)
