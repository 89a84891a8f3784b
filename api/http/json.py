"""Writes the API's JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    """JSON with exact decimals as numbers and times in UTC with Z."""
    return orjson.dumps(value, default=_json_default, option=JSON_OPTIONS)


def unstored_json(content: Any, *, status: int = 200) -> Response:
    """A response that no browser and no proxy stores."""
    return Response(
        to_json(content),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, UUID):  # the driver's own subclass
        return str(value)
    raise TypeError(type(value).__name__)
