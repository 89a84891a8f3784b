"""Only entries by trusted proxies state the client's address."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from common.http.client_address import client_address, may_read_metrics

TOKEN = SecretStr("a token of another machine, long enough")
BEARER = ("Authorization", f"Bearer {TOKEN.get_secret_value()}")
HOME, ELSEWHERE = "127.0.0.1", "10.0.0.7"


@pytest.mark.parametrize(
    ("entries", "hops", "expected"),
    [
        (["1.2.3.4"], 0, HOME),
        (["1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4", "10.0.0.1"], 2, "1.2.3.4"),
        (["1.2.3.4:5678"], 1, "1.2.3.4"),
        (["2001:db8::1"], 1, "2001:db8::1"),
        (["[2001:db8::1]"], 1, "2001:db8::1"),
        (["[2001:db8::1]:5678"], 1, "2001:db8::1"),
        (["::ffff:1.2.3.4"], 1, "1.2.3.4"),
        (["1.2.3.4"], 2, None),
        ([], 1, None),
        (["unknown"], 1, None),
        ([""], 1, None),
    ],
)
def test_the_outermost_trusted_proxy_says_who_asks(
    entries: list[str], hops: int, expected: str | None
) -> None:
    headers = [("X-Forwarded-For", entry) for entry in entries]
    found = client_address(HOME, headers, trusted_hops=hops)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("peer", "headers", "hops", "allowed"),
    [
        (HOME, [], 0, True),
        ("::1", [], 0, True),
        ("::ffff:127.0.0.1", [], 0, True),
        (ELSEWHERE, [], 0, False),
        ("unknown", [], 0, False),
        (ELSEWHERE, [BEARER], 0, True),
        (ELSEWHERE, [("authorization", "Bearer wrong")], 0, False),
        (ELSEWHERE, [("authorization", "Bearer п\udc80")], 0, False),
        (HOME, [("X-Forwarded-For", "8.8.8.8")], 0, False),
        (HOME, [("X-Forwarded-For", "8.8.8.8"), BEARER], 0, True),
        (HOME, [("X-Forwarded-For", HOME)], 0, False),
        (HOME, [("Forwarded", "for=127.0.0.1")], 0, False),
        (HOME, [("Via", "1.1 proxy")], 0, False),
        (HOME, [("X-Real-IP", HOME)], 0, False),
        (HOME, [("X-Forwarded-Proto", "https")], 0, False),
        (HOME, [], 1, True),
        (HOME, [("X-Forwarded-For", HOME)], 1, True),
        (HOME, [("X-Forwarded-For", "127.0.0.1, 8.8.8.8")], 1, False),
        (HOME, [("X-Forwarded-For", "8.8.8.8:4711")], 1, False),
        (HOME, [("X-Forwarded-For", "unknown")], 1, False),
        (HOME, [("X-Forwarded-For", "8.8.8.8")], 2, False),
        (HOME, [("Forwarded", "for=8.8.8.8")], 1, False),
    ],
)
def test_metrics_need_the_local_machine_or_the_token(
    *, peer: str, headers: list[tuple[str, str]], hops: int, allowed: bool
) -> None:
    assert may_read_metrics(peer, headers, token=TOKEN, trusted_hops=hops) is allowed
