"""A short storm over a whole stack ends clean, and an outcome that is then falsified is found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from embedded.stack.lifecycle import Progress
from tests.chaos.checks.verdict import Evidence, Findings
from tests.chaos.plan import plan_of
from tests.chaos.storming import Arena, arena, small_disk
from tests.soak.sampling import (
    allowance,
    of_processes,
    of_stores,
    without_connections,
)

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(600)]
SEED = 2784
# Not Dagster's code server: a run that dies with it while it starts is given up after two minutes.
KILLED = ("bot", "api", "dagster-webserver")
PLAN = plan_of(SEED, seconds=5.0, freeze_seconds=8.0, stores=["postgres"], killed=KILLED)
# Seconds after a storm everything still warms up, ClickHouse above all. `make soak` allows a series
# that is warm much less.
WARMING = {"handles": 8.0, "connections": 8.0, "threads": 24.0, "parts": 60.0, "memory_mib": 128.0}


@pytest.fixture(scope="module")
def struck() -> Iterator[Arena]:
    """A stack after a storm, healed."""
    progress = Progress()
    with (
        small_disk(progress) as (directory, filler),
        arena(directory, filler=filler, seed=SEED, progress=progress) as made,
    ):
        made.rage(PLAN, say=progress.say)
        assert made.wait_healed()
        yield made


@pytest.fixture(scope="module")
def evidence(struck: Arena) -> Evidence:
    return struck.evidence()


@pytest.fixture(scope="module", autouse=True)
def findings(struck: Arena, evidence: Evidence) -> Findings:
    """Before the first test: some of them falsify the stores."""
    return struck.examine(evidence)


def holdings(struck: Arena) -> dict[str, float]:
    """What the stack holds in memory, handles, threads, connections and parts."""
    stores = of_stores(
        database_url=struck.database_url,
        dagster_url=struck.dagster_url,
        warehouse=struck.warehouse,
    )
    return without_connections(of_processes(struck.pid_of) | asyncio.run(stores))


def warming(series: str) -> float:
    """How much more a series may hold after a few seconds of traffic."""
    return WARMING[series.rpartition(" ")[2]]


def rows(struck: Arena, statement: str) -> list[dict[str, Any]]:
    """Ask PostgreSQL, or change it."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(struck.database_url)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_short_storm_strikes_and_leaves_nothing_lost_doubled_or_different(
    struck: Arena, evidence: Evidence, findings: Findings
) -> None:
    assert struck.storm is not None
    assert struck.storm.damage.kills == len(KILLED)
    assert struck.storm.damage.left_out == []
    assert len(struck.storm.damage.bot_births) > 1
    assert len(evidence.sent.update_ids) > PLAN.seconds
    assert findings.details == ()
    assert findings.is_clean
    assert findings.turns_recorded > 0


def test_what_was_sent_and_is_not_there_is_lost(struck: Arena, evidence: Evidence) -> None:
    before = struck.examine(evidence).lost
    sent = replace(evidence.sent, texts=evidence.sent.texts | {1: "never stored"})
    assert struck.examine(replace(evidence, sent=sent)).lost == before + 1


def test_a_call_that_nobody_recorded_is_a_duplicate(struck: Arena, evidence: Evidence) -> None:
    before = struck.examine(evidence).duplicated_calls
    more = [call for call in evidence.calls if call["event"] == "started"][:1]
    calls = [*evidence.calls, *(more * len(evidence.calls))]
    assert struck.examine(replace(evidence, calls=calls)).duplicated_calls > before


def test_messages_pile_up_nothing(struck: Arena) -> None:
    struck.client.stats("day")
    before = holdings(struck)
    for _ in range(40):
        struck.client.stats("week")
    struck.write_to_the_bot(seconds=4.0)
    assert struck.wait_healed()
    after = holdings(struck)
    watched = {name for name in after if name.rpartition(" ")[2] in WARMING}
    assert {name.rpartition(" ")[2] for name in watched} == WARMING.keys()
    assert {
        name: (before.get(name, 0), after[name])
        for name in watched
        if after[name] > max(before.get(name, 0) + warming(name), allowance(name).fills_to)
    } == {}


# These falsify the stores, some of them for good: a test compares with how it found them.


def test_an_outcome_that_disappeared_is_lost(struck: Arena) -> None:
    before = struck.examine(struck.evidence()).lost
    # Of a turn that joined several, all its texts would be missed.
    [alone] = rows(
        struck,
        "SELECT min(update_id) AS update_id FROM updates JOIN turns ON turns.id = updates.turn_id"
        " WHERE turns.user_messages = 1",
    )
    update_id = alone["update_id"]
    rows(struck, f"CREATE TABLE kept AS SELECT * FROM updates WHERE update_id = {update_id}")
    rows(struck, f"DELETE FROM updates WHERE update_id = {update_id}")
    assert struck.examine(struck.evidence()).lost == before + 1
    rows(struck, "INSERT INTO updates SELECT * FROM kept")
    rows(struck, "DROP TABLE kept")


def test_a_turn_asked_again_after_a_restart_is_a_duplicate(struck: Arena) -> None:
    before = struck.examine(struck.evidence()).duplicated_calls
    rows(
        struck,
        "INSERT INTO llm_calls (id, turn_id, attempt, model, started_at) SELECT gen_random_uuid(),"
        " turn_id, 99, model, 'epoch' FROM llm_calls ORDER BY started_at DESC LIMIT 1",
    )
    assert struck.examine(struck.evidence()).duplicated_calls == before + 1
