"""Reads Accept-Encoding and If-None-Match (RFC 9110)."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def accepts_coding(header: str, coding: str) -> bool:
    """Whether Accept-Encoding allows a coding: named or `*`, and not with a weight of zero."""
    weights: dict[str, bool] = {}
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        weights[name.strip()] = not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameters)
    return weights.get(coding, weights.get("*", False))


def matches_tag(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match matches a tag: `*`, or a list that contains it, weak or strong."""
    header = ", ".join(headers.getlist("if-none-match"))
    return header.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(header)
