"""A count that opens a list of turns is the length of that list."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from tests.warehouse.constants import NOW, REPORT_ZONE
from tests.warehouse.replica import Replica, random_turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import PeriodName, resolve
from warehouse.reports import Condition, Filters
from warehouse.snapshot import resolve as resolve_snapshot

TURNS = 90


def is_(dimension: str, *values: str) -> Condition:
    return Condition("is", dimension, values)


async def test_models_and_causes_count_the_turns_that_their_links_list(
    replica: Replica, reader: ClickHouseReader
) -> None:
    chance = random.Random(7)
    replica.store(
        random_turn(chance, NOW - timedelta(minutes=25 * number), users=9)
        for number in range(TURNS)
    )
    replica.publish(NOW + timedelta(hours=1))
    about: dict[str, Any] = {
        "snapshot": await resolve_snapshot(reader),
        "period": resolve(PeriodName.WEEK, now=NOW, tz=REPORT_ZONE),
    }
    found = await reports.models(reader, **about)
    # As the dashboard's tables link them.
    links: list[tuple[int, tuple[Condition, ...]]] = []
    for model in found.models:
        booked = is_("model", model.model)
        links += [
            (model.turns, (booked,)),
            (model.failed, (booked, is_("status", "failed"))),
            (
                model.handed_over,
                (is_("model_asked", model.model), Condition("is_not", "fallback_cause", ("",))),
            ),
        ]
    for cause in found.causes:
        is_fallback = cause.kind == "fallback"
        dimensions = ("fallback_cause", "model_asked") if is_fallback else ("cause", "model")
        links.append((cause.turns, tuple(map(is_, dimensions, (cause.cause, cause.model)))))
    assert {cause.kind for cause in found.causes} == {"fallback", "outcome"}
    assert sum(model.turns for model in found.models) == TURNS
    for count, conditions in links:
        page = await reports.listed_turns(
            reader, **about, filters=Filters(conditions=conditions), limit=100
        )
        assert len(page.turns) == count, conditions
