"""Hours and days of a zone whose clocks change: each once, in their order, and adding up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.warehouse.replica import Replica, turn
from warehouse import query
from warehouse.client import Reader
from warehouse.snapshot import resolve as snapshot_now

REPEATED_HOUR = ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"]
"""02:00 to 03:00 in Berlin, twice."""


def ask(**changes: Any) -> query.QueryRequest:
    body = {
        "metrics": ["turns"],
        "date_range": REPEATED_HOUR,
        "dimensions": ["time:15m"],
        "order_by": [["time:15m", "asc"]],
        **changes,
    }
    return query.parse(body, now=datetime(2026, 11, 1, tzinfo=UTC), default_tz="Europe/Berlin")


@pytest.mark.parametrize(("width", "minutes"), [("15m", 15), ("hour", 60)])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_pages_of_a_repeated_hour_have_each_bucket_once_in_its_order(
    replica: Replica, reader: Reader, width: str, minutes: int, direction: str
):
    first = datetime(2026, 10, 25, tzinfo=UTC)
    # Of every bucket another number of turns, so that no two can be taken for each other.
    replica.store(
        turn(first + timedelta(minutes=minutes * place), user=user)
        for place in range(120 // minutes)
        for user in range(1, place + 2)
    )
    replica.publish(datetime(2026, 10, 26, tzinfo=UTC))
    snapshot = await snapshot_now(reader)
    name = f"time:{width}"
    found = []
    for offset in range(120 // minutes):
        request = ask(
            dimensions=[name],
            order_by=[[name, direction]],
            pagination={"limit": 1, "offset": offset},
        )
        answer = await query.run(reader, request, snapshot=snapshot)
        found += [(row.dimensions[0].astimezone(UTC), row.metrics[0]) for row in answer.results]
    expected = [
        (first + timedelta(minutes=minutes * place), place + 1) for place in range(120 // minutes)
    ]
    assert found == (expected if direction == "asc" else expected[::-1])
