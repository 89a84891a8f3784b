"""Named and custom periods cover the right times in any zone, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.constants import NOW
from warehouse.moments import PeriodError, on_clock
from warehouse.periods import (
    Bucket,
    Period,
    PeriodName,
    TimeRange,
    midnight,
    resolve,
)

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "Pacific/Apia",
    "Pacific/Chatham",
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_day_is_the_running_hour_and_the_23_before_it():
    period = resolve(PeriodName.DAY, now=NOW, tz="UTC")
    assert period.since == at("2026-03-17T21:00:00+00:00")
    assert period.until == at("2026-03-18T21:00:00+00:00")
    assert period.bucket is Bucket.HOUR
    assert len(period.bucket_starts()) == 24


def test_day_starts_on_the_hour_of_a_zone_that_is_45_minutes_off():
    period = resolve(PeriodName.DAY, now=NOW, tz="Asia/Kathmandu")
    assert period.since.astimezone(ZoneInfo("Asia/Kathmandu")).minute == 0
    assert len(period.bucket_starts()) == 24


@pytest.mark.parametrize(("name", "days"), [(PeriodName.WEEK, 7), (PeriodName.MONTH, 30)])
@pytest.mark.parametrize("tz", ZONES)
def test_week_and_month_are_today_and_the_days_before_it(name, days, tz):
    period = resolve(name, now=NOW, tz=tz)
    local = [start.astimezone(ZoneInfo(tz)).date() for start in period.bucket_starts()]
    today = NOW.astimezone(ZoneInfo(tz)).date()
    assert local == [today - timedelta(days=days - 1 - n) for n in range(days)]
    assert period.until == midnight(today + timedelta(days=1), ZoneInfo(tz))


def test_the_day_clocks_go_forward_has_23_hours_and_back_25():
    spring = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="Europe/Berlin",
        since=at("2026-03-29T00:00:00+01:00"),
        until=at("2026-03-30T00:00:00+02:00"),
        bucket=Bucket.HOUR,
    )
    autumn = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="Europe/Berlin",
        since=at("2026-10-25T00:00:00+02:00"),
        until=at("2026-10-26T00:00:00+01:00"),
        bucket=Bucket.HOUR,
    )
    assert len(spring.bucket_starts()) == 23
    assert len(autumn.bucket_starts()) == 25


def test_midnight_that_the_clock_skips_is_one_o_clock():
    start = midnight(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
    assert start.astimezone(ZoneInfo("America/Sao_Paulo")).hour == 1


def test_a_day_that_the_calendar_skips_makes_no_bucket():
    period = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="Pacific/Apia",
        since=at("2011-12-29T00:00:00-10:00"),
        until=at("2012-01-01T00:00:00+14:00"),
        bucket=Bucket.DAY,
    )
    days = [s.astimezone(ZoneInfo("Pacific/Apia")).day for s in period.bucket_starts()]
    assert days == [29, 31]


def test_the_period_before_is_cut_where_the_data_end():
    period = resolve(PeriodName.WEEK, now=NOW, tz="UTC")
    before = period.previous(data_through=at("2026-03-18T20:41:00+00:00"))
    assert before == TimeRange(at("2026-03-05T00:00:00+00:00"), at("2026-03-11T20:45:00+00:00"))


def test_the_period_before_is_cut_at_the_same_wall_clock_across_a_change_of_clocks():
    now = at("2026-04-01T09:30:00+02:00")
    period = resolve(PeriodName.WEEK, now=now, tz="Europe/Berlin")
    before = period.previous(data_through=now)
    assert before.until == at("2026-03-25T09:30:00+01:00")
    assert before.since == at("2026-03-19T00:00:00+01:00")


def test_a_period_that_is_over_is_compared_with_a_whole_one():
    period = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="UTC",
        since=at("2026-03-01T00:00:00+00:00"),
        until=at("2026-03-03T00:00:00+00:00"),
    )
    assert period.previous(data_through=NOW) == TimeRange(
        at("2026-02-27T00:00:00+00:00"), at("2026-03-01T00:00:00+00:00")
    )
    assert not period.is_partial_at(NOW)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"since": None, "until": NOW}, "from"),
        ({"since": at("2026-03-01T00:00:00+00:00"), "until": None}, "to"),
        ({"since": at("2026-03-01T00:07:00+00:00"), "until": NOW}, "from"),
        ({"since": datetime(2026, 3, 1), "until": NOW}, "from"),  # noqa: DTZ001 # the error
        (
            {
                "since": at("2026-03-02T00:00:00+00:00"),
                "until": at("2026-03-01T00:00:00+00:00"),
            },
            "to",
        ),
        (
            {
                "since": at("2016-03-02T00:00:00+00:00"),
                "until": at("2026-03-01T00:00:00+00:00"),
            },
            "to",
        ),
        (
            {
                "since": at("2026-01-01T00:00:00+00:00"),
                "until": at("2026-03-01T00:00:00+00:00"),
                "bucket": Bucket.QUARTER_HOUR,
            },
            "bucket",
        ),
    ],
)
def test_a_custom_period_names_the_argument_that_is_wrong(arguments, field):
    with pytest.raises(PeriodError) as caught:
        resolve(PeriodName.CUSTOM, now=NOW, tz="UTC", **arguments)
    assert caught.value.field == field


def test_a_named_period_refuses_from_and_to():
    with pytest.raises(PeriodError, match=r"^from"):
        resolve(PeriodName.WEEK, now=NOW, tz="UTC", since=NOW)


@pytest.mark.parametrize(
    ("since", "until", "tz", "days"),
    [
        # October: 31 days, the first of which ends the period before.
        ("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", "Europe/Berlin", 31),
        ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", "Europe/Berlin", 1),
        # Midnight is skipped on the last edge, and on the first of the period before.
        ("2018-10-25T00:00:00-03:00", "2018-11-04T01:00:00-02:00", "America/Sao_Paulo", 10),
        ("2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00", "America/Sao_Paulo", 1),
        ("2018-11-05T00:00:00-02:00", "2018-11-06T00:00:00-02:00", "America/Sao_Paulo", 1),
    ],
)
def test_whole_days_are_compared_with_as_many_whole_days(since, until, tz, days):
    period = resolve(
        PeriodName.CUSTOM, now=NOW, tz=tz, since=at(since), until=at(until), bucket=Bucket.DAY
    )
    before = period.previous(data_through=NOW.replace(year=2027))
    assert before.until == period.since
    assert len(period.bucket_starts(before)) == len(period.bucket_starts()) == days
    assert period.bucket_starts(before)[0] == before.since


def test_hours_are_compared_with_as_many_hours():
    since, until = at("2026-03-30T09:00:00+02:00"), at("2026-03-31T00:00:00+02:00")
    period = resolve(PeriodName.CUSTOM, now=NOW, tz="Europe/Berlin", since=since, until=until)
    before = period.previous(data_through=until)
    assert before == TimeRange(since - timedelta(hours=15), since)


@pytest.mark.parametrize(
    "tz",
    [
        *("Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "UTC\x00", "europe/berlin"),
        *("localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/Europe/Berlin"),
        *("Europe", "Europe/", "Europe/Berlin/", " UTC", "zone.tab", "tzdata.zi", "x" * 4_000),
    ],
)
def test_an_unknown_zone_is_refused(tz):
    with pytest.raises(PeriodError, match=r"^tz: .* is not an IANA time zone$"):
        resolve(PeriodName.DAY, now=NOW, tz=tz)


@pytest.mark.parametrize(
    ("since", "until", "problem"),
    [
        # One second in the repeated hour lies before the other, whatever the clock shows.
        ((2026, 10, 25, 2, 30, 1), (2026, 10, 25, 2, 45, 0), "to: must be later than from"),
        ((1969, 12, 31, 0, 0, 0), (1970, 1, 2, 0, 0, 0), "from: must lie in the years 2000 to"),
        ((1, 1, 1, 0, 0, 0), (2026, 1, 1, 0, 0, 0), "from: must lie in the years 2000 to"),
        ((2026, 1, 1, 0, 0, 0), (9999, 12, 31, 23, 45, 0), "to: must lie in the years 2000 to"),
        ((2026, 3, 29, 2, 30, 0), (2026, 3, 29, 3, 0, 0), "to: must be later than from"),
    ],
)
def test_moments_of_one_zone_are_compared_in_utc(since, until, problem):
    begin, end = (
        datetime(*edge[:5], tzinfo=ZoneInfo("Europe/Berlin"), fold=edge[5])
        for edge in (since, until)
    )
    with pytest.raises(PeriodError, match=f"^{problem}"):
        resolve(PeriodName.CUSTOM, now=NOW, tz="Europe/Berlin", since=begin, until=end)


@pytest.mark.parametrize(
    ("wall", "tz"),
    [
        ("2026-03-29T02:00", "Europe/Berlin"),
        ("2026-03-29T02:45", "Europe/Berlin"),
        ("2018-11-04T00:00", "America/Sao_Paulo"),
        ("2026-10-04T02:15", "Australia/Lord_Howe"),
        ("2011-12-30T12:00", "Pacific/Apia"),
    ],
)
def test_a_time_that_clocks_skip_is_none(wall, tz):
    with pytest.raises(PeriodError, match=f"^from: clocks in {tz} skip"):
        on_clock("from", datetime.fromisoformat(wall), ZoneInfo(tz))


def test_a_time_that_clocks_show_twice_is_the_first_of_them():
    wall = datetime.fromisoformat("2026-10-25T02:30")
    assert on_clock("from", wall, ZoneInfo("Europe/Berlin")) == at("2026-10-25T02:30:00+02:00")


@settings(max_examples=300, deadline=None)
@given(
    tz=st.sampled_from(sorted(available_timezones())),
    quarter=st.integers(4 * 24 * 365 * 36, 4 * 24 * 365 * 60),
    length=st.integers(1, 4 * 24 * 40),
    bucket=st.sampled_from([Bucket.HOUR, Bucket.DAY, Bucket.WEEK, Bucket.MONTH]),
)
def test_buckets_partition_every_period_in_every_zone(tz, quarter, length, bucket):
    since = datetime.fromtimestamp(quarter * 900, tz=UTC)
    period = Period(PeriodName.CUSTOM, since, since + length * timedelta(minutes=15), tz, bucket)
    starts = period.bucket_starts()
    assert starts[0] <= period.since
    assert starts[-1] < period.until
    assert all(earlier < later for earlier, later in pairwise(starts))
    assert all(start.minute % 15 == 0 for start in starts)
    assert len(starts) == 1 or starts[1] > period.since
