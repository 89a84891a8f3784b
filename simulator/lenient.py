"""JSON that may hold lone surrogates, which the strict parser refuses."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """JSON bytes; a lone surrogate becomes its escape."""
    try:
        # Copied: what orjson returns holds on to a much larger buffer, and backlogs are kept.
        return memoryview(orjson.dumps(value)).tobytes()
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def loads(body: bytes) -> Any:
    """Any JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body.decode())
