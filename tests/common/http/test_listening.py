"""Which addresses other machines reach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from common.http.listening import is_every_address, is_loopback, warn_if_open

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", "LocalHost", "::ffff:127.0.0.1"]
)
def test_loopback_is_reached_by_this_machine_alone(host: str) -> None:
    assert is_loopback(host)
    assert not is_every_address(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "::ffff:0.0.0.0"])  # noqa: S104 # nothing listens here
def test_an_unspecified_address_stands_for_all(host: str) -> None:
    assert is_every_address(host)
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", "::ffff:192.0.2.1"])
def test_other_addresses_are_neither(host: str) -> None:
    assert not is_loopback(host)
    assert not is_every_address(host)


def test_what_listens_for_others_says_what_that_opens() -> None:
    with capture_logs() as logs:
        warn_if_open("CLICKHOUSE_BIND_HOST", "::1", opens="SQL")
        assert logs == []
        warn_if_open("CLICKHOUSE_BIND_HOST", "192.0.2.1", opens="SQL")
    [line] = logs
    assert (line["setting"], line["host"], line["opens"], line["log_level"]) == (
        "CLICKHOUSE_BIND_HOST", "192.0.2.1", "SQL", "warning",
    )  # fmt: skip


def test_every_address_of_its_own_is_warned_of() -> None:
    """All but those of the API and the webhook, which are for others."""
    listed = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    own = set(re.findall(r"^\| `(\w+_BIND_HOST)`", listed, re.MULTILINE))
    sources = [
        path.read_text(encoding="utf-8")
        for package in ("embedded", "pipelines", "simulator")
        for path in (PROJECT / package).rglob("*.py")
    ]
    warned = set(re.findall(r'warn_if_open\(\s*"(\w+)"', "\n".join(sources)))
    assert warned == own
