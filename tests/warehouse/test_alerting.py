"""Bands and windows of alerts, over made-up values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.warehouse.constants import ZONE
from warehouse.alerting import (
    AlertRule,
    AlertTest,
    NoData,
    WindowVerdict,
    judge,
)
from warehouse.periods import Bucket, TimeRange
from warehouse.usual import same_windows_before, usual_band, whole_windows

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
WINDOW = TimeRange(MONDAY, MONDAY + timedelta(hours=1))


def rule(
    test: AlertTest, threshold: float | None = None, no_data: NoData = NoData.IGNORE
) -> AlertRule:
    return AlertRule("user_messages", (), Bucket.HOUR, test, threshold=threshold, no_data=no_data)


def verdict(
    rule: AlertRule, value: float | None, history: list[float] | None = None
) -> WindowVerdict:
    return judge(rule, WINDOW, value, history or []).verdict


def test_the_band_is_the_prediction_interval_of_students_t() -> None:
    # Mean 102.5, standard deviation 21.2132, 8 weeks: t = 3.499 at 7 degrees of freedom.
    low, high = usual_band([80, 90, 100, 110, 120, 130, 70, 120], is_count=False) or (0, 0)
    half = 3.499 * 21.2132 * (1 + 1 / 8) ** 0.5
    assert (low, high) == (
        pytest.approx(102.5 - half, abs=1e-3),
        pytest.approx(102.5 + half, abs=1e-3),
    )
    assert (low + high) / 2 == pytest.approx(102.5)


def test_fewer_weeks_make_the_band_wider_and_less_than_four_none() -> None:
    widths = [
        high - low
        for weeks in (4, 5, 6, 7, 8)
        for low, high in [usual_band([1000.0] * weeks, is_count=False) or (0, 0)]
    ]
    assert widths == sorted(widths, reverse=True)
    assert usual_band([100.0] * 3, is_count=True) is None


def test_a_quiet_hour_is_not_unusual_by_one_message() -> None:
    silent = [0.0] * 8
    assert verdict(rule(AlertTest.UNUSUAL), 3, silent) is WindowVerdict.OK
    assert verdict(rule(AlertTest.UNUSUAL), 4, silent) is WindowVerdict.FIRED


def test_both_sides_of_the_band_fire_and_its_edges_do_not() -> None:
    steady = [1000.0] * 8
    low, high = usual_band(steady, is_count=True) or (0, 0)
    for value, expected in (
        (low, WindowVerdict.OK),
        (high, WindowVerdict.OK),
        (low - 0.1, WindowVerdict.FIRED),
        (high + 0.1, WindowVerdict.FIRED),
    ):
        assert verdict(rule(AlertTest.UNUSUAL), value, steady) is expected


def test_there_is_no_verdict_below_four_weeks() -> None:
    for test, threshold in ((AlertTest.UNUSUAL, None), (AlertTest.TIMES_USUAL, 2.0)):
        assert verdict(rule(test, threshold), 10_000, [5.0] * 3) is WindowVerdict.LEARNING
        assert verdict(rule(test, threshold), 10_000, [5.0] * 4) is WindowVerdict.FIRED


def test_twice_the_usual_is_twice_the_median() -> None:
    history = [10.0, 10.0, 12.0, 900.0, 11.0]
    assert verdict(rule(AlertTest.TIMES_USUAL, 2), 22, history) is WindowVerdict.OK
    assert verdict(rule(AlertTest.TIMES_USUAL, 2), 22.1, history) is WindowVerdict.FIRED
    assert verdict(rule(AlertTest.TIMES_USUAL, 2), 5, [0.0] * 8) is WindowVerdict.LEARNING


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        (AlertTest.ABOVE, 5.0, WindowVerdict.OK),
        (AlertTest.ABOVE, 5.1, WindowVerdict.FIRED),
        (AlertTest.BELOW, 5.0, WindowVerdict.OK),
        (AlertTest.BELOW, 4.9, WindowVerdict.FIRED),
    ],
)
def test_a_threshold_itself_does_not_fire(
    test: AlertTest, value: float, expected: WindowVerdict
) -> None:
    assert verdict(rule(test, 5), value) is expected


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [
        (NoData.IGNORE, WindowVerdict.NO_DATA),
        (NoData.ZERO, WindowVerdict.FIRED),
        (NoData.FIRE, WindowVerdict.FIRED),
    ],
)
def test_no_data_means_what_the_alert_says(no_data: NoData, expected: WindowVerdict) -> None:
    judged = judge(rule(AlertTest.BELOW, 1, no_data), WINDOW, None, [])
    assert judged.verdict is expected
    assert judged.value == (0 if no_data is NoData.ZERO else None)
    # Zero is a value, and may well be right.
    assert verdict(rule(AlertTest.ABOVE, 1, NoData.ZERO), None) is WindowVerdict.OK


def test_only_whole_windows_are_judged() -> None:
    span = TimeRange(MONDAY + timedelta(minutes=1), MONDAY + timedelta(hours=3, minutes=59))
    starts = [window.since for window in whole_windows(span, Bucket.HOUR, ZONE)]
    assert starts == [MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2)]
    assert whole_windows(TimeRange(MONDAY, MONDAY), Bucket.HOUR, ZONE) == []


def test_a_day_of_23_hours_is_one_window() -> None:
    span = TimeRange(datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))
    [day] = whole_windows(span, Bucket.DAY, ZONE)
    assert day.until - day.since == timedelta(hours=23)


def test_nine_in_the_morning_is_compared_with_nine_across_a_change_of_clocks() -> None:
    # Summer time begins on 29 March: 09:00 in Berlin is 07:00 UTC after it, 08:00 before.
    window = TimeRange(datetime(2026, 3, 30, 7, tzinfo=UTC), datetime(2026, 3, 30, 8, tzinfo=UTC))
    known: dict[datetime, float | None] = {
        datetime(2026, 3, 23, 9): 1.0,  # noqa: DTZ001 # the zone's clock
        datetime(2026, 3, 16, 9): None,  # noqa: DTZ001 # nothing was measured
        datetime(2026, 3, 9, 9): 3.0,  # noqa: DTZ001
        datetime(2026, 3, 24, 9): 99.0,  # noqa: DTZ001 # a Tuesday
        datetime(2026, 1, 26, 9): 99.0,  # noqa: DTZ001 # nine weeks ago
    }
    assert same_windows_before(window, ZONE, known) == [1.0, 3.0]
