"""Random ledgers, published by the real rollups, and random questions about them."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.warehouse.brute_force import BruteForce
from tests.warehouse.conftest import EPOCHS
from tests.warehouse.replica import Replica, random_turn
from warehouse.clickhouse.client import Writer
from warehouse.periods import QUARTER, Bucket, Period, PeriodName
from warehouse.reports import NO_FILTERS, Condition, Filters

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "1"))
"""More in `make check-all`."""
QUESTIONS = 6
"""Asked of each ledger."""
DAYS = 16
REPORT_ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"),
    "America/Winnipeg",  # since November 2026 an hour apart in the engine's own zones
)
ZONES = (*REPORT_ZONES, "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo", "America/St_Johns")
# Weeks in which clocks change: forward in New York and Berlin, back in both, Sydney the other way.
# From November 2026 on databases of zones differ about Winnipeg.
BEGINNINGS = (
    *("2026-03-01", "2026-03-22", "2025-10-19", "2025-10-28", "2026-04-01"),
    "2026-10-25",
)

property_test = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**32)


class Ledger:
    """A random ledger in the warehouse, with replays, corrections and deletions behind it."""

    def __init__(self, writer: Writer, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.begin = datetime.fromisoformat(f"{chance.choice(BEGINNINGS)}T00:00:00+00:00")
        self.now = self.begin + timedelta(days=DAYS)
        self.replica = Replica(writer, zone=chance.choice(REPORT_ZONES), epoch=next(EPOCHS))
        turns = [self._turn() for _ in range(chance.randint(20, 400))]
        half = len(turns) // 2
        self.replica.store(turns[:half])
        self.replica.publish(self.now)
        self.replica.store(turns[half:])
        # Replayed rows, corrected rows, and rows that are deleted for good.
        self.replica.store(chance.sample(turns, k=len(turns) // 5))
        self.replica.store(
            {**row, "answer_parts": row["answer_parts"] + 1}
            for row in chance.sample(turns, k=len(turns) // 10)
        )
        self.replica.store(chance.sample(turns, k=len(turns) // 10), is_deleted=True)
        self.replica.publish(self.now)
        self.brute_force = BruteForce(self.replica.turns.values())

    def _turn(self) -> dict[str, Any]:
        at = self.begin + timedelta(seconds=self.chance.uniform(0, DAYS * 86_400))
        return random_turn(self.chance, at, users=25)

    def period(self, bucket: Bucket | None = None) -> Period:
        chance = self.chance
        quarters = DAYS * 96
        since = self.begin + QUARTER * chance.randint(-200, quarters - 1)
        until = since + QUARTER * chance.choice([1, 7, 96, chance.randint(1, quarters)])
        tz = chance.choice(ZONES)
        bucket = bucket or chance.choice(list(Bucket))
        period = Period(PeriodName.CUSTOM, since, until, tz, bucket)
        if chance.random() < 0.5:
            # Whole days of a zone, so that the daily tier has its share.
            whole = Period(PeriodName.CUSTOM, since, until, tz, Bucket.DAY).bucket_starts()
            if len(whole) > 1:
                period = Period(PeriodName.CUSTOM, whole[0], whole[-1], tz, bucket)
        return period

    def filters(self) -> Filters:
        chance = self.chance
        if chance.random() < 0.4:
            return NO_FILTERS
        return Filters(
            bot_id=chance.choice([None, 7, 8]),
            chat_type=chance.choice([None, None, "private"]),
            language=chance.choice([None, None, "en", ""]),
            model=chance.choice([None, None, "large", ""]),
            conditions=self._conditions() if chance.random() < 0.5 else (),
        )

    def _conditions(self) -> tuple[Condition, ...]:
        chance = self.chance
        turns = list(self.replica.turns.values())
        some = [chance.choice(turns) for _ in range(chance.randint(1, 4))] if turns else []
        values: dict[str, tuple[Any, ...]] = {
            "bot": (chance.choice([7, 8]),),
            "language": ("en", ""),
            "source": ("ads", ""),
            "person": (*sorted({turn["user_key"] for turn in some}), 99),
            "dialog": tuple(sorted({str(turn["dialog_id"]) for turn in some})),
            "status": (chance.choice(["answered", "failed"]),),
            "cause": ("", chance.choice(["timeout", "incomplete"])),
            "fallback_cause": ("",),
        }
        found = [
            Condition(chance.choice(["is", "is_not"]), name, values[name])
            for name in chance.sample(sorted(values), k=chance.randint(1, 2))
            if values[name]
        ]
        if chance.random() < 0.3:
            found.append(Condition(chance.choice(["contains", "contains_not"]), "model", ("la",)))
        return tuple(found)
