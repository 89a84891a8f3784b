"""Days that new turns came to are built from the published build, and equal a whole build."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.warehouse.replica import Replica, Turn, random_turn, turn
from warehouse.clickhouse.client import Writer

NOW = datetime(2025, 10, 26, 18, 30, tzinfo=UTC)
"""A day of 25 hours in Berlin."""
TODAY = NOW.date()


@pytest.fixture
def replica(writer: Writer) -> Replica:
    return Replica(writer, zone="Europe/Berlin")


@pytest.fixture
def ran(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the statements that were run."""
    names: list[str] = []
    run = writer.run

    def recording(name: str, *given: object, **more: object) -> None:
        names.append(name)
        run(name, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "run", recording)
    return names


def builds(ran: list[str]) -> list[str]:
    """How each build was made, the published one last."""
    made: list[str] = []
    for name in ran:
        if name == "rollups/first_days":
            made.append("whole")
        if name == "rollups/untouched_quarters":
            made[-1] = "incremental"
    ran.clear()
    return made


def assert_equals_whole_build(replica: Replica, ran: list[str]) -> None:
    """Compares every row of every table."""
    days = [TODAY - timedelta(days=back) for back in range(-1, 4)]
    assert replica.rebuild(days).rows_differ == 0
    ran.clear()


@pytest.mark.parametrize("seed", range(2))
def test_many_small_builds_equal_a_whole_one(replica: Replica, ran: list[str], seed: int) -> None:
    chance = random.Random(seed)

    def some(number: int, hours: float) -> list[Turn]:
        return [
            random_turn(chance, NOW - timedelta(hours=chance.uniform(0, hours)), users=30)
            for _ in range(number)
        ]

    replica.store(some(300, 60))
    replica.publish(NOW)
    assert builds(ran) == ["whole"]
    for _ in range(4):
        # Most of them now, some late.
        replica.store([*some(chance.randint(0, 20), 0.5), *some(3, 60)])
        replica.publish(NOW)
        assert builds(ran) == ["incremental"]
    assert_equals_whole_build(replica, ran)


def test_a_first_turn_of_a_day_builds_the_whole_day(replica: Replica, ran: list[str]) -> None:
    replica.store([turn(NOW - timedelta(days=1))])
    replica.publish(NOW)
    ran.clear()
    replica.store([turn(NOW)])
    replica.publish(NOW)
    assert builds(ran) == ["whole"]
    assert_equals_whole_build(replica, ran)


def changed(turn: Turn) -> Turn:
    return {**turn, "status": "failed", "model_used": "large"}


def of_another_person(turn: Turn) -> Turn:
    return {**turn, "user_key": 9, "is_person": False}


def of_another_quarter(turn: Turn) -> Turn:
    return {**turn, "received_at": turn["received_at"] + timedelta(minutes=30)}


@pytest.mark.parametrize("change", [changed, of_another_person, of_another_quarter])
def test_a_replaced_turn_is_counted_once(
    replica: Replica, ran: list[str], change: Callable[[Turn], Turn]
) -> None:
    first = turn(NOW - timedelta(hours=2))
    replica.store([first, turn(NOW - timedelta(hours=1)), turn(NOW, user=2)])
    replica.publish(NOW)
    ran.clear()
    replica.store([change(first), turn(NOW, user=3)])
    published = replica.publish(NOW)
    assert (published.turns, published.withheld) == (4, ())
    assert builds(ran) == ["incremental", "whole"]
    assert_equals_whole_build(replica, ran)


def test_a_deleted_turn_is_counted_no_more(replica: Replica, ran: list[str]) -> None:
    first = turn(NOW - timedelta(hours=2))
    replica.store([first, turn(NOW - timedelta(hours=1)), turn(NOW, user=2)])
    replica.publish(NOW)
    ran.clear()
    replica.store([first], is_deleted=True)
    replica.store([turn(NOW, user=3)])
    published = replica.publish(NOW)
    assert (published.turns, published.withheld) == (3, ())
    assert builds(ran) == ["incremental", "whole"]
    assert_equals_whole_build(replica, ran)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_of_two_turns_in_one_moment_the_one_with_the_greater_id_is_the_newest(
    replica: Replica, ran: list[str], status: str
) -> None:
    replica.store([turn(NOW, id=UUID(int=5), model_used="small")])
    replica.publish(NOW)
    ran.clear()
    replica.store([turn(NOW, id=UUID(int=4), status=status)])
    replica.publish(NOW)
    assert builds(ran) == ["whole"]
    assert_equals_whole_build(replica, ran)
