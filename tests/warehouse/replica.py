"""A warehouse without its source: turns are written into it and published by the real rollups."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from common.zones import RELEASE, Clock
from pipelines.replication.watermark import Watermark
from pipelines.rollups.build import Publication, Rollups
from warehouse.clickhouse.client import Writer

Turn = dict[str, Any]


def turn(at: datetime, *, user: int = 1, **columns: Any) -> Turn:
    """One answered turn as the warehouse keeps it; without a cost, its call is unpriced."""
    return {
        "unpriced_calls": int(
            columns.get("cost_usd", 0) is None and columns.get("status") != "rejected"
        ),
        "id": uuid4(),
        "bot_id": 7,
        "user_key": user,
        "dialog_id": UUID(int=user),
        "chat_type": "private",
        "language": "en",
        "source": None,
        "user_messages": 1,
        "received_at": at,
        "sent_at": None,
        "first_token_at": at + timedelta(milliseconds=400),
        "answered_at": at + timedelta(seconds=2),
        "status": "answered",
        "reason": None,
        "model_asked": "small",
        "model_used": "small",
        "fallback_cause": None,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "cost_usd": Decimal("0.0010000001"),
        "finish_reason": "stop",
        "user_chars": 10,
        "answer_chars": 50,
        "answer_parts": 1,
        "flood_wait_ms": 0,
        "pacing_wait_ms": 0,
        "generation_ms": 0,
        "generated_tokens": 0,
        "fallback_wait_ms": 0,
        "fallback_cost_usd": None,
        "is_person": True,
        **columns,
    }


def random_turn(chance: random.Random, at: datetime, *, users: int) -> Turn:
    """A turn with anything that a finished turn may hold."""
    status = chance.choice(["answered"] * 6 + ["failed", "failed", "cancelled", "rejected"])
    # Cancelled while it waited: no model was asked.
    asked = chance.choice(["small", "small", "retired", None if status == "cancelled" else "small"])
    if status == "rejected":
        asked = None
    used = chance.choice(["small", "large"]) if status == "answered" else None
    if status == "failed":
        used = chance.choice(["small", "large", None])
    fallback = used != asked if used and asked else status == "failed" and chance.random() < 0.2
    cost, unpriced = None, 0
    if asked:
        cost = chance.choice(
            [None, Decimal(0), Decimal(chance.randint(1, 10**10)).scaleb(-10), Decimal("1e-10")]
        )
        # A failed attempt before the last may be unpriced beside a known cost.
        unpriced = chance.choice([0, 0, 1, 2]) if cost is not None else chance.choice([0, 1, 1])
    person = chance.randint(1, users)
    # In PostgreSQL only it is known whose turn it is.
    is_counted = chance.random() > 0.1
    streamed = status == "answered" or chance.random() < 0.2
    answered = {"answered": "incomplete" if chance.random() < 0.1 else None}
    return turn(
        at,
        user=person if is_counted else 0,
        # Every seventh is the pseudonym of an anonymous admin or of a channel.
        is_person=is_counted and person % 7 != 0,
        bot_id=chance.choice([7, 7, 7, 8]),
        dialog_id=UUID(int=chance.randint(1, users * 2)),
        chat_type=chance.choice(["private", "private", "group"]),
        language=chance.choice(["en", "ru", None]),
        source=chance.choice([None, None, "ads", "friend"]),
        # None: a question that was asked again.
        user_messages=chance.choice([1, 1, 1, 2, 3, 0]),
        first_token_at=at + timedelta(microseconds=chance.randint(1, 9_000_000))
        if streamed
        else None,
        answered_at=at + timedelta(microseconds=chance.randint(9_000_000, 90_000_000)),
        status=status,
        reason=answered.get(status, chance.choice(["timeout", "edited", "stopped", "blocked"])),
        model_asked=asked,
        model_used=used,
        fallback_cause=chance.choice(["rate_limit", "timeout"]) if fallback else None,
        prompt_tokens=chance.randint(1, 4_000) if cost is not None else None,
        completion_tokens=chance.randint(1, 2_000) if cost is not None else None,
        cached_tokens=chance.randint(0, 100) if cost is not None else None,
        reasoning_tokens=chance.choice([None, 7]) if cost is not None else None,
        cost_usd=cost,
        unpriced_calls=unpriced,
        answer_parts=chance.choice([1, 1, 2]),
        flood_wait_ms=chance.choice([0, 0, 0, 1_500]),
        pacing_wait_ms=chance.choice([0, 0, 250]),
        generation_ms=chance.choice([0, 1, 2_000]),
        generated_tokens=chance.choice([0, 3, 200]),
        fallback_wait_ms=chance.choice([0, 1_200]) if fallback else 0,
        fallback_cost_usd=Decimal("0.0000000003") if fallback else None,
    )


class Replica:
    """One epoch of the warehouse: what is stored, and its publications.

    Args:
        writer: the door.
        zone: the report zone.
        epoch: greater than every one before in the same database.
        tzdata: release of the database of zones.
        clock: the zone's clock in it.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        zone: str,
        epoch: int = 1,
        tzdata: str = RELEASE,
        clock: Clock | None = None,
    ) -> None:
        self._writer = writer
        self.use_tzdata(zone, tzdata=tzdata, clock=clock)
        self._version = 1_000
        self._state = Watermark(
            sequence=1,
            epoch=epoch,
            watermark=0,
            target=0,
            page_table="",
            page_version=0,
            page_id="",
            batch_id=uuid4(),
            system_identifier="1",
            timeline=1,
            data_through=datetime(2000, 1, 1, tzinfo=UTC),
            written_at=datetime(2000, 1, 1, tzinfo=UTC),
        )
        self.turns: dict[UUID, Turn] = {}
        """The current ledger."""

    def use_tzdata(self, zone: str, *, tzdata: str, clock: Clock | None = None) -> None:
        """Publish by another release of the database of zones from now on."""
        self._rollups = Rollups(
            self._writer,
            zone=zone,
            grace_seconds=0,
            confirm_lock=lambda: None,
            tzdata=tzdata,
            clock=clock,
        )

    def store(self, turns: Iterable[Turn], *, is_deleted: bool = False) -> None:
        """Write turns (again), or their tombstones."""
        self._version += 1
        rows = list(turns)
        for start in range(0, len(rows), 5_000):
            self._writer.insert(
                "turns",
                [
                    {
                        "epoch": self._state.epoch,
                        "version": self._version,
                        "is_deleted": int(is_deleted),
                        **row,
                    }
                    for row in rows[start : start + 5_000]
                ],
            )
        for row in rows:
            if is_deleted:
                self.turns.pop(row["id"], None)
            else:
                self.turns[row["id"]] = row

    def rate(self, turn: Turn, **columns: Any) -> Turn:
        """Write a verdict on a turn, and return it."""
        named = {name: turn[name] for name in ("bot_id", "dialog_id", "received_at")}
        verdict = {
            "epoch": self._state.epoch, "id": uuid4(), "version": self._version, "is_deleted": 0,
            "turn_id": turn["id"], "user_key": 1, "verdict": 1, "given_by": "button",
            "given_at": turn["received_at"], **named, **columns,
        }  # fmt: skip
        self._writer.insert("feedback", [verdict])
        return verdict

    def happen(self, at: datetime, kind: str, name: str | None = None, **columns: Any) -> Turn:
        """Store an event of a person; returns its row."""
        event = {
            "epoch": self._state.epoch, "id": uuid4(), "version": self._version, "is_deleted": 0,
            "bot_id": 7, "user_key": 1, "occurred_at": at, "chat_type": "private",
            "language": "en", "kind": kind, "name": name, **columns,
        }  # fmt: skip
        self._writer.insert("user_events", [event])
        return event

    def publish(self, data_through: datetime) -> Publication | None:
        """Publish what was stored since the last time."""
        watermark = self._version + 1
        self._state = replace(
            self._state, watermark=watermark, target=watermark, data_through=data_through
        )
        return self._rollups.follow(self._state)

    def rebuild(self, days: Iterable[date]) -> Publication:
        """Build these days again from all of their turns, as of the last publication."""
        return self._rollups.rebuild(self._state, days)
