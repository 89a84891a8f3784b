"""Zones come from the pinned database, and their UTC offsets agree with ZoneInfo."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.zones import NAMES, RELEASE, UnknownZoneError, clock_of, ledger_clock, zone_named
from warehouse.periods import midnight

BEGIN, END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2015, 2038))


@settings(max_examples=60, deadline=None)
@given(
    tz=st.sampled_from(sorted(NAMES)),
    moments=st.lists(st.integers(BEGIN, END), min_size=5, max_size=15),
)
def test_a_clock_says_what_its_zone_says(tz: str, moments: list[int]) -> None:
    zone = zone_named(tz)
    clock = clock_of(zone, BEGIN, END)
    for moment in moments:
        offset = clock.offsets[bisect_right(clock.changes, moment) - 1]
        day = date(1970, 1, 1) + timedelta(days=(moment + offset) // 86_400)
        assert day == datetime.fromtimestamp(moment, zone).date()
        assert clock.day_start(day) == midnight(day, zone).timestamp()
        part = clock.days(day, day)
        assert part.day_start(day) == clock.day_start(day)
        assert part.day_start(day + timedelta(days=1)) == clock.day_start(day + timedelta(days=1))
        assert len(part.changes) == len(part.offsets) <= 2


def test_a_clock_before_and_after_its_moments_is_as_at_its_ends() -> None:
    clock = ledger_clock("Asia/Kathmandu")
    assert (clock.changes, clock.offsets) == ((0,), (20_700,))


@pytest.mark.parametrize("name", ["Factory", "localtime", "right/UTC", "utc", ""])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZoneError):
        zone_named(name)


def test_the_release_is_that_of_the_package() -> None:
    assert version("tzdata") == RELEASE
    assert ZoneInfo("Europe/Berlin") is zone_named("Europe/Berlin")
