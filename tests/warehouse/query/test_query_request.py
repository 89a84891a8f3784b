"""Valid queries, and the place that the error of an invalid one names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.warehouse.constants import NOW
from warehouse import query
from warehouse.catalogue import BY_NAME, OPERATORS
from warehouse.periods import Bucket
from warehouse.query import InvalidQueryError
from warehouse.query.request import DIMENSIONS, GROUPS
from warehouse.reports.metric_values import METRIC_VALUES

PLAIN = {"metrics": ["turns"], "date_range": "7d"}


def parse(**changes):
    return query.parse({**PLAIN, **changes}, now=NOW, default_tz="Europe/Berlin")


def test_what_is_left_out_is_filled_in_and_echoed():
    request = parse(dimensions=["time", "model"])
    assert request.normalised == {
        "metrics": ["turns"],
        "date_range": ["2026-03-12T00:00:00+01:00", "2026-03-19T00:00:00+01:00"],
        "dimensions": ["time:day", "model"],
        "filters": [],
        "order_by": [["time:day", "asc"], ["turns", "desc"]],
        "include": {"total_rows": False, "time_labels": False},
        "pagination": {"limit": 100, "offset": 0},
        "tz": "Europe/Berlin",
    }


@pytest.mark.parametrize(
    ("date_range", "since", "until"),
    [
        ("day", "2026-03-18T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        ("24h", "2026-03-17T21:45:00+01:00", "2026-03-18T21:45:00+01:00"),
        ("today", "2026-03-18T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        ("28d", "2026-02-19T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        ("90d", "2025-12-19T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        ("month_to_date", "2026-03-01T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        ("month", "2026-03-01T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        ("6mo", "2025-10-01T00:00:00+02:00", "2026-03-19T00:00:00+01:00"),
        ("12mo", "2025-04-01T00:00:00+02:00", "2026-03-19T00:00:00+01:00"),
        ("year", "2026-01-01T00:00:00+01:00", "2026-03-19T00:00:00+01:00"),
        (
            ["2026-03-29", "2026-03-29"],
            "2026-03-29T00:00:00+01:00",
            "2026-03-30T00:00:00+02:00",
        ),
        (
            ["2026-03-01T00:00:00Z", "2026-03-01T06:15:00+03:00"],
            "2026-03-01T01:00:00+01:00",
            "2026-03-01T04:15:00+01:00",
        ),
    ],
)
def test_date_ranges_are_days_of_the_zone(date_range, since, until):
    period = parse(date_range=date_range).period
    assert period.since == datetime.fromisoformat(since)
    assert period.until == datetime.fromisoformat(until)


def test_all_begins_with_the_data():
    body = {**PLAIN, "date_range": "all"}
    first = datetime(2026, 1, 5, tzinfo=UTC)
    request = query.parse(body, now=NOW, default_tz="UTC", beginning=first)
    assert request.period.since == first
    # In New York the data begin on the day before.
    west = {**body, "tz": "America/New_York"}
    request = query.parse(west, now=NOW, default_tz="UTC", beginning=first)
    assert request.period.since == datetime(2026, 1, 4, 5, tzinfo=UTC)
    assert parse(date_range="all").period.since < datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"metrics": []}, "metrics"),
        ({"metrics": "turns"}, "metrics"),
        ({"metrics": ["turns", "turns"]}, "metrics[1]"),
        ({"metrics": ["wau"]}, "metrics[0]"),
        ({"metrics": [{"turns": 1}]}, "metrics[0]"),
        ({"metrics": [["turns"]]}, "metrics[0]"),
        ({"date_range": "tomorrow"}, "date_range"),
        ({"date_range": None}, "date_range"),
        ({"date_range": ["2026-03-01"]}, "date_range"),
        ({"date_range": ["2026-03-02", "2026-03-01"]}, "date_range"),
        ({"date_range": ["0001-01-01", "9999-12-31"]}, "date_range"),
        ({"date_range": ["9999-12-31", "9999-12-31"]}, "date_range"),
        ({"date_range": ["0001-01-01", "0001-01-01"]}, "date_range"),
        ({"date_range": ["2026-03-01T00:00:00", "2026-03-02T00:00:00"]}, "date_range"),
        ({"date_range": ["1969-12-30", "1970-01-02"]}, "date_range"),
        ({"date_range": ["1999-12-30", "2000-01-02"]}, "date_range"),
        ({"date_range": ["2099-12-30", "2100-01-02"]}, "date_range"),
        ({"date_range": ["1969-12-31T00:00:00Z", "1970-01-02T00:00:00Z"]}, "date_range"),
        ({"date_range": ["0001-01-01T00:00:00+14:00", "9999-12-31T23:45:00-12:00"]}, "date_range"),
        ({"tz": ""}, "tz"),
        ({"tz": "right/Europe/Berlin"}, "tz"),
        ({"tz": "localtime"}, "tz"),
        ({"tz": "Factory"}, "tz"),
        ({"date_range": ["2026-03-01T00:01:00Z", "2026-03-02T00:00:00Z"]}, "date_range"),
        ({"date_range": "12mo", "dimensions": ["time:15m"]}, "dimensions"),
        ({"dimensions": ["time", "time:day"]}, "dimensions"),
        ({"dimensions": ["user_key"]}, "dimensions[0]"),
        ({"filters": [["is", "model"]]}, "filters[0]"),
        ({"filters": [["matches", "model", ["a"]]]}, "filters[0][0]"),
        ({"filters": [["is", "weather", ["a"]]]}, "filters[0][1]"),
        ({"filters": [["is", "person", ["a"]]]}, "filters[0][2][0]"),
        ({"filters": [["is", "person", [2**32]]]}, "filters[0][2][0]"),
        ({"filters": [["contains", "person", [7]]]}, "filters[0][0]"),
        ({"filters": [["is", "dialog", ["a"]]]}, "filters[0][2][0]"),
        ({"filters": [["contains", "model", ["a"]], ["contains", "model", ["b"]]]}, "filters"),
        ({"filters": [["is", "model", []]]}, "filters[0][2]"),
        ({"filters": [["is", "model", [7]]]}, "filters[0][2][0]"),
        ({"filters": [["is", "bot", ["7"]]]}, "filters[0][2][0]"),
        ({"filters": [["is", "bot", [True]]]}, "filters[0][2][0]"),
        ({"filters": [["is", "bot", [2**63]]]}, "filters[0][2][0]"),
        ({"filters": [["contains", "bot", [7]]]}, "filters[0][0]"),
        ({"filters": [["is", "model", ["a\x00b"]]]}, "filters[0][2][0]"),
        ({"order_by": [["answers", "asc"]]}, "order_by[0][0]"),
        ({"order_by": [["turns", "up"]]}, "order_by[0]"),
        ({"include": {"everything": True}}, "include"),
        ({"include": {"time_labels": True}}, "include.time_labels"),
        ({"include": {"total_rows": 1}}, "include.total_rows"),
        ({"pagination": {"limit": 1_001}}, "pagination.limit"),
        ({"pagination": {"offset": -1}}, "pagination.offset"),
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"tz": 3}, "tz"),
        ({"site_id": "x"}, "query"),
    ],
)
def test_the_place_that_is_wrong_is_named(changes, path):
    with pytest.raises(InvalidQueryError) as caught:
        parse(**changes)
    assert caught.value.path == path


@pytest.mark.parametrize("body", [None, [], "x", 3, {}, {"metrics": ["turns"]}])
def test_a_body_that_is_no_query_is_refused(body):
    with pytest.raises(InvalidQueryError):
        query.parse(body, now=NOW, default_tz="UTC")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    body=st.fixed_dictionaries(
        {},
        optional={
            "metrics": st.lists(st.sampled_from(sorted(METRIC_VALUES)) | json_values, max_size=3)
            | json_values,
            "date_range": st.sampled_from(["7d", "all", "24h"])
            | st.lists(st.datetimes().map(str) | st.dates().map(str), max_size=3)
            | json_values,
            "dimensions": st.lists(st.sampled_from(DIMENSIONS) | json_values, max_size=3),
            "filters": st.lists(
                st.tuples(
                    st.sampled_from(OPERATORS) | json_values,
                    st.sampled_from(GROUPS) | json_values,
                    st.lists(st.text(max_size=5) | json_values, max_size=3) | json_values,
                ).map(list),
                max_size=2,
            )
            | json_values,
            "order_by": json_values,
            "include": json_values,
            "pagination": json_values,
            "tz": st.sampled_from(["UTC", "Asia/Kathmandu"]) | json_values,
        },
    )
)
@example(body={"metrics": ["active_users"], "date_range": "7d"})
@example(body={"metrics": ["turns"], "date_range": "24h", "tz": "Asia/Kathmandu"})
def test_any_body_is_a_query_or_a_query_error_and_its_echo_means_the_same(body):
    try:
        request = query.parse(body, now=NOW, default_tz="UTC")
    except InvalidQueryError:
        return
    again = query.parse(request.normalised, now=NOW, default_tz="UTC")
    assert again.normalised == request.normalised
    # The echo names the moments themselves, however the request named them.
    assert again.period == replace(request.period, name=again.period.name)


def test_every_metric_of_a_query_is_in_the_catalogue():
    assert set(METRIC_VALUES) <= set(BY_NAME)


def test_every_bucket_is_a_dimension():
    assert {f"time:{bucket.value}" for bucket in Bucket} <= set(DIMENSIONS)
