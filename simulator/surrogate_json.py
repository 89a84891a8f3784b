"""JSON with lone surrogates, which orjson rejects."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """Encode; lone surrogates are escaped."""
    try:
        # Copied, because orjson's result keeps a much larger buffer alive.
        return memoryview(orjson.dumps(value)).tobytes()
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def loads(body: bytes) -> Any:
    """Decode.

    Raises:
        ValueError: invalid JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body.decode())
