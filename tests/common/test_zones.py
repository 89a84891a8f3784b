"""Zones come from the pinned database, and a clock says of every moment what its zone says."""

from __future__ import annotations

import os
import subprocess
import sys
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.zones import NAMES, RELEASE, UnknownZoneError, clock_of, ledger_clock, zone_named
from warehouse.periods import midnight

PROJECT = Path(__file__).parents[2]
BEGIN, END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2015, 2038))
ENTRY_POINTS = (
    *("bot.app", "bot.parked", "bot.rotation", "api.__main__", "api.accounts.__main__"),
    *("pipelines.__main__", "pipelines.backfill", "pipelines.reconcile", "pipelines.proof"),
    *("pipelines.ending", "pipelines.definitions", "migrations.__main__", "common.probe"),
    *("embedded.stack.__main__", "embedded.chaos.__main__", "embedded.soak.__main__"),
)

PROBE = """
import datetime, importlib, sys, zoneinfo
importlib.import_module(sys.argv[1])
berlin = zoneinfo.ZoneInfo("Europe/Berlin")
print(zoneinfo.TZPATH, datetime.datetime(2026, 1, 1, tzinfo=berlin).utcoffset())
"""


@settings(max_examples=300, deadline=None)
@given(tz=st.sampled_from(sorted(NAMES)), moment=st.integers(BEGIN, END))
def test_a_clock_says_what_its_zone_says(tz: str, moment: int) -> None:
    zone = zone_named(tz)
    clock = clock_of(zone, BEGIN, END)
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


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_a_service_reads_no_zone_of_the_machine(module: str, tmp_path: Path) -> None:
    # A machine that takes Berlin for a place in Asia: not even a variable makes it count.
    tokyo = files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Berlin").write_bytes(tokyo)
    seen = subprocess.run(
        [sys.executable, "-c", PROBE, module],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONTZPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert seen.stdout.splitlines()[-1] == "() 1:00:00"
