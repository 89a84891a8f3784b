"""A short fault run on a whole stack leaves no defect, and an outcome falsified later is found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from embedded.stack.lifecycle import Progress
from tests.chaos.checks.comparison import Findings, ObservedTraffic
from tests.chaos.checks.rules import FIRST_PERSON, RuleRecord
from tests.chaos.plan import make_plan
from tests.chaos.stack import TestStack, small_disk, start_test_stack
from tests.soak.sampling import (
    allowance,
    of_processes,
    of_stores,
    without_connections,
)

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(600)]
SEED = 2784
# Not Dagster's code server: a run that dies with it during its start times out after two minutes.
KILLED = ("bot", "api", "dagster-webserver")
PLAN = make_plan(SEED, seconds=5.0, freeze_seconds=8.0, stores=["postgres"], killed=KILLED)
# Seconds after a fault run every program still warms up, ClickHouse most of all. `make soak` allows
# much less growth, as its programs are warm.
WARMING = {"handles": 8.0, "connections": 8.0, "threads": 24.0, "parts": 60.0, "memory_mib": 128.0}


@pytest.fixture(scope="module")
def stack() -> Iterator[TestStack]:
    """A stack that has recovered from a fault run."""
    progress = Progress()
    with (
        small_disk(progress) as (directory, filler),
        start_test_stack(directory, filler=filler, seed=SEED, progress=progress) as stack,
    ):
        stack.run_faults(PLAN, say=progress.say)
        assert stack.wait_recovered()
        yield stack


@pytest.fixture(scope="module")
def observed(stack: TestStack) -> ObservedTraffic:
    return stack.observed()


@pytest.fixture(scope="module", autouse=True)
def findings(stack: TestStack, observed: ObservedTraffic) -> Findings:
    """Findings before the first test: some tests falsify the stores."""
    return stack.compare_all(observed)


def holdings(stack: TestStack) -> dict[str, float]:
    """Memory, handles, threads, connections and parts of the stack."""
    stores = of_stores(
        database_url=stack.database_url,
        dagster_url=stack.dagster_url,
        warehouse=stack.warehouse,
    )
    return without_connections(of_processes(stack.pid_of) | asyncio.run(stores))


def warming(series: str) -> float:
    """How much a series may grow in a few seconds of traffic."""
    return WARMING[series.rpartition(" ")[2]]


def rows(stack: TestStack, statement: str) -> list[dict[str, Any]]:
    """Run a statement in PostgreSQL."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_short_fault_run_leaves_nothing_lost_duplicated_or_different(
    stack: TestStack, observed: ObservedTraffic, findings: Findings
) -> None:
    assert stack.fault_run is not None
    assert stack.fault_run.report.kills == len(KILLED)
    assert stack.fault_run.report.left_out == []
    assert len(stack.fault_run.report.bot_starts) > 1
    assert len(observed.sent.update_ids) > PLAN.seconds
    assert findings.details == ()
    assert findings.is_clean
    assert findings.turns_recorded > 0


def test_a_turn_opened_under_a_ban_is_a_difference(
    stack: TestStack, observed: ObservedTraffic
) -> None:
    assert observed.rules.is_capped
    assert observed.rules.bans
    before = stack.compare_all(observed).rows_differ
    always = RuleRecord(bans=[(FIRST_PERSON, 0.0, time.time())])
    assert stack.compare_all(replace(observed, rules=always)).rows_differ > before


def test_a_sent_text_that_is_not_stored_is_lost(
    stack: TestStack, observed: ObservedTraffic
) -> None:
    before = stack.compare_all(observed).lost
    sent = replace(observed.sent, texts=observed.sent.texts | {1: "never stored"})
    assert stack.compare_all(replace(observed, sent=sent)).lost == before + 1


def test_an_unrecorded_call_is_a_duplicate(stack: TestStack, observed: ObservedTraffic) -> None:
    before = stack.compare_all(observed).duplicated_calls
    more = [call for call in observed.calls if call["event"] == "started"][:1]
    calls = [*observed.calls, *(more * len(observed.calls))]
    assert stack.compare_all(replace(observed, calls=calls)).duplicated_calls > before


def test_messages_leave_no_resources_behind(stack: TestStack) -> None:
    stack.client.stats("day")
    before = holdings(stack)
    for _ in range(40):
        stack.client.stats("week")
    stack.send_messages(seconds=4.0)
    assert stack.wait_recovered()
    after = holdings(stack)
    watched = {name for name in after if name.rpartition(" ")[2] in WARMING}
    assert {name.rpartition(" ")[2] for name in watched} == WARMING.keys()
    assert {
        name: (before.get(name, 0), after[name])
        for name in watched
        if after[name] > max(before.get(name, 0) + warming(name), allowance(name).fills_to)
    } == {}


# These tests falsify the stores, some permanently: each compares with the state before it.


def test_an_outcome_that_disappeared_is_lost(stack: TestStack) -> None:
    before = stack.compare_all(stack.observed()).lost
    # An update alone in its turn: otherwise all updates of the turn would count as lost.
    [alone] = rows(
        stack,
        "SELECT min(update_id) AS update_id FROM updates JOIN turns ON turns.id = updates.turn_id"
        " WHERE turns.user_messages = 1",
    )
    update_id = alone["update_id"]
    rows(stack, f"CREATE TABLE kept AS SELECT * FROM updates WHERE update_id = {update_id}")
    rows(stack, f"DELETE FROM updates WHERE update_id = {update_id}")
    assert stack.compare_all(stack.observed()).lost == before + 1
    rows(stack, "INSERT INTO updates SELECT * FROM kept")
    rows(stack, "DROP TABLE kept")


def test_spending_beyond_the_bill_is_a_difference(stack: TestStack) -> None:
    before = stack.compare_all(stack.observed()).rows_differ
    [call] = rows(
        stack,
        "SELECT id, cost_usd FROM llm_calls WHERE model <> 'chaos/saving' AND cost_usd IS NOT NULL"
        " LIMIT 1",
    )
    rows(stack, f"UPDATE llm_calls SET cost_usd = 2 WHERE id = '{call['id']}'")
    # The totals follow the ledger: only the limit is exceeded.
    assert stack.compare_all(stack.observed()).rows_differ == before + 1
    rows(stack, f"UPDATE llm_calls SET cost_usd = {call['cost_usd']} WHERE id = '{call['id']}'")
    rows(stack, "UPDATE bill_totals SET usd = usd + 0.001 WHERE bot_id = 0 AND usd > 0")
    assert stack.compare_all(stack.observed()).rows_differ == before + 1


def test_a_turn_asked_again_after_a_restart_is_a_duplicate(stack: TestStack) -> None:
    before = stack.compare_all(stack.observed()).duplicated_calls
    rows(
        stack,
        "INSERT INTO llm_calls (id, turn_id, attempt, model, started_at) SELECT gen_random_uuid(),"
        " turn_id, 99, model, 'epoch' FROM llm_calls ORDER BY started_at DESC LIMIT 1",
    )
    assert stack.compare_all(stack.observed()).duplicated_calls == before + 1
