"""Which addresses other machines reach."""

from __future__ import annotations

import pytest

from common.listening import is_every_address, is_loopback


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
