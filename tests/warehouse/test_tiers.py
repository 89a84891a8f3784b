"""One test per rule of the choice of a tier."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.constants import ZONE
from warehouse.periods import Bucket, Period, PeriodName, TimeRange
from warehouse.tiers import day_number, run_length_encode, split_by_tier, split_span, touched_days


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def days(since: str, until: str, tz: str, bucket: Bucket) -> tuple[list[int], list[int]]:
    """Days of the month that the daily tier answers for, and those that an edge cuts."""
    period = Period(PeriodName.CUSTOM, at(since), at(until), tz, bucket)
    first, last = touched_days(period.span, ZONE)
    touched = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    edges = (period.since, period.until, *period.bucket_starts()[1:])
    whole, cut = split_by_tier(touched, edges, ZONE)
    return [day.day for day in whole], [day.day for day in cut]


def test_days_of_the_report_zone_are_answered_by_the_daily_tier():
    begin, end = "2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00"
    for bucket in (Bucket.DAY, Bucket.WEEK, Bucket.MONTH):
        assert days(begin, end, "Europe/Berlin", bucket) == ([28, 29, 30], [])


def test_another_zone_with_the_same_midnights_is_answered_by_the_daily_tier():
    begin, end = "2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00"
    assert days(begin, end, "Europe/Paris", Bucket.DAY) == ([28, 29, 30], [])


def test_days_of_another_zone_need_quarters_of_an_hour():
    begin, end = "2026-03-28T00:00:00+00:00", "2026-03-31T00:00:00+00:00"
    assert days(begin, end, "UTC", Bucket.DAY) == ([], [28, 29, 30, 31])


def test_weeks_of_another_zone_need_quarters_only_where_they_meet():
    begin, end = "2026-03-14T00:00:00+00:00", "2026-03-25T00:00:00+00:00"
    assert days(begin, end, "UTC", Bucket.WEEK) == (
        [15, 17, 18, 19, 20, 21, 22, 24],
        [14, 16, 23, 25],
    )


def test_buckets_shorter_than_a_day_need_quarters_of_an_hour():
    begin, end = "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"
    assert days(begin, end, "Europe/Berlin", Bucket.HOUR) == ([], [28])


def test_a_range_that_cuts_a_day_needs_quarters_of_that_day():
    begin, end = "2026-03-28T00:00:00+01:00", "2026-03-29T09:15:00+02:00"
    assert days(begin, end, "Europe/Berlin", Bucket.DAY) == ([28], [29])


def test_a_total_takes_whole_days_from_the_daily_tier_and_the_edges_from_quarters():
    span = TimeRange(at("2026-03-27T22:00:00+01:00"), at("2026-03-30T09:15:00+02:00"))
    cut = split_span(span, ZONE)
    assert (cut.first_day, cut.last_day) == (date(2026, 3, 28), date(2026, 3, 29))
    assert cut.days == TimeRange(at("2026-03-28T00:00:00+01:00"), at("2026-03-30T00:00:00+02:00"))


def test_a_total_within_a_day_takes_nothing_from_the_daily_tier():
    cut = split_span(
        TimeRange(at("2026-03-28T01:00:00+01:00"), at("2026-03-28T23:00:00+01:00")), ZONE
    )
    assert cut.first_day > cut.last_day
    assert cut.days.since == cut.days.until


def test_a_span_touches_the_days_that_it_cuts_but_not_the_one_that_it_ends_at():
    span = TimeRange(at("2026-03-27T22:00:00+01:00"), at("2026-03-30T00:00:00+02:00"))
    assert touched_days(span, ZONE) == (date(2026, 3, 27), date(2026, 3, 29))


def test_days_are_numbered_from_1970():
    assert day_number(date(1970, 1, 2)) == 1


@given(edges=st.lists(st.integers(0, 10_000), unique=True).map(sorted))
def test_runs_spell_out_to_the_same_edges(edges):
    spelled = [
        start + step * place
        for start, step, count in run_length_encode(edges)
        for place in range(count)
    ]
    assert spelled == edges


def test_a_year_of_days_with_changes_of_clocks_is_a_handful_of_runs():
    begin = at("2026-01-01T00:00:00+01:00")
    period = Period(
        PeriodName.CUSTOM, begin, begin + timedelta(days=365), "Europe/Berlin", Bucket.DAY
    )
    starts = [int(start.timestamp()) for start in period.bucket_starts()]
    assert len(run_length_encode(starts)) <= 5
