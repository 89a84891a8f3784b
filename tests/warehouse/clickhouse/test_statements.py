"""Every statement of the reports: understood by the engine, asked by one function, exactly.

Parameters are values, never SQL, and a reader can neither write nor reach files or networks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.statement_parts import is_made_of
from tests.warehouse.constants import NOW, ZONES
from tests.warehouse.replica import Replica, turn
from warehouse import query, reports
from warehouse.catalogue import TURN_DIMENSIONS
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.clickhouse.statements import all_statements, statement
from warehouse.errors import QueryFailedError, QueryTooExpensiveError, WarehouseError
from warehouse.periods import Bucket, Period, PeriodName, resolve
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

NAMES = sorted(
    name.removeprefix("reports/") for name in all_statements() if name.startswith("reports/")
)
FILTERED = (
    reports.summary,
    reports.activity,
    reports.heatmap,
    reports.models,
    reports.top_users,
    reports.recent_dialogs,
    reports.costs,
    reports.retention,
    reports.stickiness,
    reports.lifecycle,
    reports.funnel,
    reports.feedback,
    reports.commands,
    reports.blocks,
    reports.sessions,
)
VALUES = {"Int64": 7, "UInt32": 7, "UUID": "00000000-0000-0000-0000-000000000007"}
PARAMETER = re.compile(r"\{(\w+):")


class Recorder:
    """A reader that remembers what was asked through it, and asks for the plan as well."""

    def __init__(self, reader: ClickHouseReader) -> None:
        self._reader = reader
        self.asked: dict[str, list[tuple[str, set[str]]]] = {}
        """Name -> each SQL with its parameters."""
        self.plans: dict[str, str] = {}

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        self.asked.setdefault(name, []).append((sql, set(parameters)))
        self.plans[name] = await self.explain(name, sql, parameters)
        return await self._reader.rows(name, sql, parameters)

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        return await self._reader.explain(name, sql, parameters)


def week(tz: str) -> Period:
    return resolve(PeriodName.WEEK, now=NOW, tz=tz, bucket=Bucket.DAY)


async def ask_everything(reader: Recorder) -> Snapshot:
    snapshot = await resolve_snapshot(reader)
    snapshot = await resolve_snapshot(reader, known=snapshot)
    for tz in ZONES:
        about = {"snapshot": snapshot, "period": week(tz)}
        for report in (*FILTERED, reports.dimension_values):
            await report(reader, **about)
        await reports.top_users(reader, **about, by=reports.TopUsersBy.TOKENS)
        await reports.ordered_dialogs(reader, **about, order=reports.DialogOrder.parse("cost_usd"))
        narrow = reports.Filters(chat_type="private")
        for report in FILTERED:
            await report(reader, **about, filters=narrow)
        everything = reports.Filters(
            conditions=tuple(
                reports.Condition(operator, one.name, (VALUES.get(one.type, "x"),))
                for one in TURN_DIMENSIONS
                for operator in one.operators
            )
        )
        for report in (*FILTERED, reports.listed_turns):
            await report(reader, **about, filters=everything)
        await reports.ordered_dialogs(
            reader, **about, filters=everything, order=reports.DialogOrder.parse("cost_usd")
        )
        await reports.person(reader, snapshot=snapshot, user_key=1)
        body = {"metrics": ["turns"], "date_range": "7d", "tz": tz, "dimensions": ["source"]}
        request = query.parse(body, now=NOW, default_tz="UTC")
        await query.run(reader, request, snapshot=snapshot)
    await reports.freshness(reader, snapshot=snapshot)
    await reports.last_minutes(reader, snapshot=snapshot, until=NOW)
    await reports.quality(reader, snapshot=snapshot)
    return snapshot


async def test_every_statement_explains_and_is_given_exactly_its_parameters(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW)])
    replica.publish(NOW)
    recorder = Recorder(reader)
    await ask_everything(recorder)
    assert sorted(recorder.asked) == NAMES
    files = all_statements()
    for name, asked in recorder.asked.items():
        for sql, parameters in asked:
            assert is_made_of(sql, statement(f"reports/{name}"), files), sql
            assert parameters == set(PARAMETER.findall(sql)), name
        assert recorder.plans[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_says_first_what_a_row_means(name: str):
    first = all_statements()[f"reports/{name}"].splitlines()[0]
    assert re.match(r"-- (A row|One row)\b.*[:.]", first)


def test_microseconds_are_compared_with_microseconds():
    """`column < seconds` makes the engine pass over a part that begins within the last second."""
    columns = r"\b(?:received|answered|created|updated|checked|last|first)_at"
    compared = re.compile(rf"{columns} *(?:<=?|>) *\{{\w+:DateTime\('UTC'\)\}}")
    assert {name for name, sql in all_statements().items() if compared.search(sql)} == set()


HOSTILE = (
    "' OR 1=1 --",
    "x') UNION ALL SELECT",
    "\\",
    "{a:String}",
    "'; DROP TABLE turns",
    "\n\t",
)


async def test_a_parameter_is_a_value_whatever_it_holds(replica: Replica, reader: ClickHouseReader):
    replica.store([*(turn(NOW, model_used=value) for value in HOSTILE), turn(NOW, user=2)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    for value in HOSTILE:
        filters = reports.Filters(model=value)
        about = {"snapshot": snapshot, "period": week("UTC"), "filters": filters}
        assert (await reports.summary(reader, **about)).current.turns == 1, value
        assert len(await reports.top_users(reader, **about)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
        "SELECT * FROM executable('id', 'LineAsString', 'a String')",
        "INSERT INTO turns (epoch) VALUES (1)",
        "DROP TABLE turns",
        "ALTER TABLE turns DELETE WHERE 1",
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
    ],
)
async def test_a_reader_neither_writes_nor_leaves_the_warehouse(reader: ClickHouseReader, sql: str):
    with pytest.raises(WarehouseError):
        await reader.rows("intruder", sql, {})


async def test_limits_of_a_reader_hold(warehouse_settings: WarehouseSettings):
    frugal = warehouse_settings.model_copy(update={"query_max_rows": 1_000})
    reader = ClickHouseReader(frugal)
    with pytest.raises(QueryTooExpensiveError):
        await reader.rows("greedy", "SELECT sum(number) FROM numbers(100000)", {})
    with pytest.raises(QueryFailedError):
        await reader.rows("wrong", "SELECT nothing", {})
    await reader.close()


async def test_the_log_knows_a_statement_by_its_name(
    replica: Replica, reader: ClickHouseReader, writer: Writer
):
    replica.publish(NOW)
    rows = await reader.rows("summary", "SELECT getSetting('log_comment') AS name", {})
    assert rows == [{"name": "summary"}]
    assert writer.value("named", sql="SELECT getSetting('log_comment')") == "named"
