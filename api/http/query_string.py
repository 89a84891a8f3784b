"""Parses query strings: each argument has one value, unless the route takes several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import parse_qsl

from api.errors import InvalidRequestError, invalid_arguments, unknown_field

MAX_ARGUMENTS = 50


def single_values(raw: bytes, *, repeatable: Collection[str] = ()) -> dict[str, str]:
    """The arguments of a query string; of a repeatable one the last value.

    Raises:
        InvalidRequestError: another one is given more than once, or there are too many.
    """
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_ARGUMENTS
        )
    except ValueError as error:
        raise InvalidRequestError("Too many arguments.", code="invalid_request") from error
    given = dict(pairs)
    if len(given) == len(pairs):
        return given
    counts = Counter(name for name, _ in pairs)
    if repeated := [name for name in given if counts[name] > 1 and name not in repeatable]:
        raise InvalidRequestError(
            "An argument is given more than once.",
            code="invalid_request",
            details=[
                {"where": ["query", name], "problem": "given more than once"} for name in repeated
            ],
        )
    return given


def refuse_unknown(given: Iterable[str], permitted: Sequence[str]) -> None:
    """Check that a route has all arguments.

    Raises:
        InvalidRequestError: it does not have one of them.
    """
    problem = unknown_field(permitted)
    if unknown := [name for name in given if name not in permitted]:
        raise invalid_arguments([{"loc": ("query", name), "msg": problem} for name in unknown])
