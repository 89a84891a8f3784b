"""Reads the arguments of a query string. No argument of the API takes several values."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qsl

from api.errors import InvalidRequestError

MAX_ARGUMENTS = 50


def single_values(raw: bytes) -> dict[str, str]:
    """The arguments of a query string.

    Raises:
        InvalidRequestError: one is given more than once.
        ValueError: more arguments than any request needs.
    """
    pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_ARGUMENTS)
    given = dict(pairs)
    if len(given) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise InvalidRequestError(
            "An argument is given more than once.",
            code="invalid_request",
            details=[
                {"where": ["query", name], "problem": "given more than once"}
                for name, count in counts.items()
                if count > 1
            ],
        )
    return given
