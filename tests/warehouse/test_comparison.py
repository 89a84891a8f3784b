"""A period is compared with one of the same length, by the clock of its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from warehouse.comparison import Comparison, compared_range
from warehouse.periods import PeriodName, TimeRange, resolve


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


NOW = at("2026-04-01T09:30:00+02:00")
"""A Wednesday, days after the clocks of Berlin changed."""


@pytest.mark.parametrize(
    ("name", "other", "since", "until"),
    [
        (PeriodName.WEEK, Comparison.BEFORE, "2026-03-19T00:00+01:00", "2026-03-25T09:30+01:00"),
        (PeriodName.WEEK, Comparison.WEEKDAYS, "2026-03-19T00:00+01:00", "2026-03-25T09:30+01:00"),
        (PeriodName.TODAY, Comparison.WEEKDAYS, "2026-03-25T00:00+01:00", "2026-03-25T09:30+01:00"),
        # 30 days are moved by 35.
        (PeriodName.MONTH, Comparison.WEEKDAYS, "2026-01-27T00:00+01:00", "2026-02-25T09:30+01:00"),
        (PeriodName.DAY, Comparison.WEEKDAYS, "2026-03-24T10:00+01:00", "2026-03-25T09:30+01:00"),
        (PeriodName.WEEK, Comparison.YEAR, "2025-03-26T00:00+01:00", "2025-04-01T09:30+02:00"),
        (PeriodName.WEEK, date(2026, 1, 1), "2026-01-01T00:00+01:00", "2026-01-07T09:30+01:00"),
        (
            PeriodName.YESTERDAY,
            date(2026, 5, 1),
            "2026-05-01T00:00+02:00",
            "2026-05-02T00:00+02:00",
        ),
    ],
)
def test_the_other_period_has_the_same_clock_times_and_ends_at_the_same_point(
    name: PeriodName, other: Comparison | date, since: str, until: str
) -> None:
    period = resolve(name, now=NOW, tz="Europe/Berlin")
    found = compared_range(period, other, data_through=NOW)
    assert found == TimeRange(at(since), at(until))


def test_a_leap_day_is_compared_with_the_day_before_it() -> None:
    period = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="UTC",
        since=at("2028-02-29T00:00+00:00"),
        until=at("2028-03-01T00:00+00:00"),
    )
    found = compared_range(period, Comparison.YEAR, data_through=at("2029-01-01T00:00+00:00"))
    assert found == TimeRange(at("2027-02-28T00:00+00:00"), at("2027-03-01T00:00+00:00"))


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        (PeriodName.YESTERDAY, "2026-03-31T00:00+02:00", "2026-04-01T00:00+02:00"),
        (PeriodName.LAST_MONTH, "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        (PeriodName.YEAR_TO_DATE, "2026-01-01T00:00+01:00", "2026-04-02T00:00+02:00"),
    ],
)
def test_periods_that_end_before_today_are_whole(name: PeriodName, since: str, until: str) -> None:
    period = resolve(name, now=NOW, tz="Europe/Berlin")
    assert period.span == TimeRange(at(since), at(until))
