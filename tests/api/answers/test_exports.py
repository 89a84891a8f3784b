"""Every dialog as CSV and Arrow: whole, in order, a chunk at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pyarrow as pa
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import ClientDisconnect
from starlette.types import Message

from api.accounts.scopes import Principal
from api.answers.export import MAX_EXPORTS, ExportResponder
from api.answers.formats import Format
from api.answers.report_query import ReportQuery
from api.audit.trail import AuditTrail
from api.errors import ServiceUnavailableError
from api.metrics import ApiMetrics
from api.people.bot_database import BotTables
from api.people.names import UserNames
from api.people.shown_names import ShownNames
from api.stats import export_reports as exports
from api.stats.arguments import DialogsQuery
from api.stats.reports import DIALOG_SCHEMA
from api.stats.reports import dialogs as dialogs_report
from common.postgres import Sessions
from tests.api.conftest import opened_replica
from tests.api.people.people import VAULT, add_person
from tests.api.running import NOW, StartApi, bearer, register
from tests.api.scopes import grant
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Period, PeriodName, resolve
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import resolve as resolve_snapshot

DIALOGS = "/api/v1/stats/dialogs"
COUNT = 2_345
PERIOD = resolve(PeriodName.WEEK, now=NOW, tz="UTC")


class Counting:
    """A reader that remembers what was asked."""

    def __init__(self, reader: ClickHouseReader) -> None:
        self._reader = reader
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def rows(self, name: str, sql: str, parameters: Mapping[str, Any]) -> Any:
        self.asked.append((name, parameters))
        return await self._reader.rows(name, sql, parameters)

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        return await self._reader.explain(name, sql, parameters)


@pytest.fixture
async def reader(warehouse_settings: WarehouseSettings) -> AsyncIterator[Counting]:
    opened = ClickHouseReader(warehouse_settings)
    yield Counting(opened)
    await opened.close()


@pytest.fixture(scope="module")
def many(warehouse_settings: WarehouseSettings) -> Iterator[Replica]:
    """More dialogs than a chunk holds, of three people, two turns each. No test publishes more."""
    with opened_replica(warehouse_settings) as replica:
        store_many(replica)
        yield replica


def store_many(replica: Replica) -> None:
    replica.store(
        [
            turn(
                NOW - timedelta(seconds=30 * number + 10 * repeat),
                user=number % 3 + 1,
                dialog_id=UUID(int=number + 1),
                language=None,
                cost_usd=None,
            )
            for number in range(COUNT)
            for repeat in range(2)
        ]
    )
    replica.publish(NOW)


@pytest.fixture
async def analyst(start_stats: StartApi, many: Replica) -> AsyncIterator[httpx.AsyncClient]:
    assert many.turns
    async with start_stats().client() as client:
        await register(client)
        client.headers.update(await bearer(client))
        yield client


async def test_csv_and_arrow_carry_every_dialog_in_the_order_of_the_pages(
    analyst: httpx.AsyncClient,
) -> None:
    answer = await analyst.get(DIALOGS, params={"format": "csv"})
    assert answer.status_code == 200
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["dialog_id"] for row in rows] == [str(UUID(int=n + 1)) for n in range(COUNT)]
    assert {row["turns"] for row in rows} == {"2"}
    assert answer.headers["x-truncated"] == "false"
    assert answer.headers["x-period"] == "2026-03-12T00:00:00Z/2026-03-19T00:00:00Z"
    assert answer.headers["x-lag-seconds"] == "0.000"
    assert answer.headers["content-disposition"] == 'attachment; filename="dialogs.csv"'
    arrow = await analyst.get(DIALOGS, headers={"Accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table.column("dialog_id").to_pylist() == [row["dialog_id"] for row in rows]
    assert table.schema.field("cost_usd").type == pa.decimal128(38, 10)
    assert table.column("cost_usd").null_count == COUNT
    assert table.schema.metadata[b"X-Truncated"] == b"false"


async def test_a_page_of_json_has_the_same_figures(analyst: httpx.AsyncClient) -> None:
    page = (await analyst.get(DIALOGS, params={"limit": 100})).json()["dialogs"]
    arrow = await analyst.get(DIALOGS, params={"format": "arrow"})
    whole = pa.ipc.open_stream(arrow.content).read_all().slice(0, 100).to_pylist()
    assert [row["tokens"] for row in page] == [row["tokens"] for row in whole]
    assert [row["last_turn_at"] for row in page] == [
        row["last_turn_at"].isoformat().replace("+00:00", "Z") for row in whole
    ]


async def test_a_page_is_a_page_when_it_is_asked_for(analyst: httpx.AsyncClient) -> None:
    answer = await analyst.get(DIALOGS, params={"format": "csv", "limit": 7})
    assert len(answer.text.splitlines()) == 8
    assert "x-truncated" not in answer.headers
    assert answer.headers["etag"]


async def test_a_period_without_dialogs_is_a_table_without_rows(
    analyst: httpx.AsyncClient,
) -> None:
    nobody = {"model": "nobody's"}
    answer = await analyst.get(DIALOGS, params={"format": "csv", **nobody})
    assert answer.text.splitlines() == [",".join(DIALOG_SCHEMA.names)]
    arrow = await analyst.get(DIALOGS, params={"format": "arrow", **nobody})
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert (table.num_rows, table.schema.equals(DIALOG_SCHEMA)) == (0, True)


async def test_names_stand_beside_the_keys_for_who_may_see_them(
    analyst: httpx.AsyncClient, sessions: Sessions, engine: AsyncEngine
) -> None:
    for number, name in enumerate(("Ann", "Jürgen", "=Zoë"), start=1):
        assert await add_person(sessions, telegram_id=number, first_name=name) == number
    await grant(engine, ["stats:read", "names:read"])
    token = await bearer(analyst)
    answer = await analyst.get(DIALOGS, params={"format": "csv"}, headers=token)
    names = [row["name"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert names == [("Ann", "Jürgen", "'=Zoë")[n % 3] for n in range(COUNT)]


async def test_chunks_are_asked_for_as_they_are_taken(many: Replica, reader: Counting) -> None:
    assert many.turns
    snapshot = await resolve_snapshot(reader)
    reader.asked.clear()
    chunks, is_truncated = await reports.every_dialog(
        reader, snapshot=snapshot, period=PERIOD, most=2_100
    )
    assert is_truncated
    sizes = []
    async for chunk in chunks:
        sizes.append(len(chunk))
        assert len(reader.asked) == 1 + len(sizes)
    assert sizes == [1_000, 1_000, 100]
    assert all(len(given["dialogs"]) <= 1_000 for name, given in reader.asked[1:])


async def test_few_exports_run_at_once_and_leave_when_the_client_does(
    many: Replica, reader: Counting, sessions: Sessions, engine: AsyncEngine
) -> None:
    assert many.turns
    metrics, trail = ApiMetrics(engine), AuditTrail(sessions)
    responder = ExportResponder(
        reader=reader,
        names=ShownNames(UserNames(BotTables(sessions, metrics), VAULT, timeout_seconds=60), trail),
        trail=trail,
        metrics=metrics,
    )
    principal = Principal(1, "ann", frozenset({"stats:read"}), "basic")
    question = dialogs_question(PERIOD)
    assert question.export is not None
    snapshot = await resolve_snapshot(reader)

    async def start() -> Any:
        assert question.export is not None
        return await responder.serve(
            principal, question, question.export, snapshot=snapshot, format_=Format.CSV
        )

    started = [await start() for _ in range(MAX_EXPORTS)]
    with pytest.raises(ServiceUnavailableError, match="Too many exports"):
        await start()

    async def gone(message: Message) -> None:
        raise OSError(message["type"])

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await started[0]({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, gone)
    assert await start()


def dialogs_question(period: Period) -> ReportQuery:
    query = DialogsQuery()
    return ReportQuery(
        "dialogs",
        period,
        (),
        lambda reader, on: dialogs_report(reader, on, period, query),
        export=exports.dialogs(period, query),
    )
