"""A snapshot is prepared before it is served, and every answer rests on one snapshot whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from api.answers.formats import RequestedFormat
from api.answers.prepared import PreparedAnswers
from api.answers.recent import MAX_KEY_LENGTH, MAX_REQUESTS, REMEMBERED_SECONDS, RecentRequests
from api.answers.report_query import ReportQuery, ReportRequest
from api.answers.snapshots import AHEAD_SECONDS, Snapshots
from api.stats import reports
from api.stats.arguments import CompareQuery, StatsQuery
from tests.api.constants import STATS
from tests.api.running import NOW, PASSWORD, StartApi, register
from tests.warehouse.replica import Replica, turn
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.errors import QueryTooExpensiveError, WarehouseUnavailableError
from warehouse.periods import PeriodName
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import NOTHING_PUBLISHED, Snapshot

FRESH = 0.1
TRIES = 3_000
LOOKUPS = {"news", "head", "builds"}


class RecordingReader:
    """A reader that notes what it is asked for, can be cut off, and can be made to wait."""

    def __init__(self, reader: ClickHouseReader) -> None:
        self._reader = reader
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.fails_with: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self._event = asyncio.Event()

    async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(name)
        self._event.set()
        if name in LOOKUPS:
            return await self._reader.rows(name, sql, parameters)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
            if self.fails_with:
                raise self.fails_with
            return await self._reader.rows(name, sql, parameters)
        finally:
            self.at_once -= 1

    async def explain(self, name: str, sql: str, parameters: Any) -> str:
        return await self._reader.explain(name, sql, parameters)

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(100):
            while not happened():
                self._event.clear()
                await self._event.wait()

    async def asks_nothing(self) -> bool:
        before = len(self.asked)
        await asyncio.sleep(5 * FRESH)
        return len(self.asked) == before

    @property
    def reports(self) -> list[str]:
        """The statements that are no lookup of a snapshot."""
        return [name for name in self.asked if name not in LOOKUPS]


class ReadPath:
    """The read path of one worker."""

    def __init__(
        self, watched: RecordingReader, *, warm_seconds: float, clock: Callable[[], float]
    ) -> None:
        self.watched = watched
        self.answers = PreparedAnswers(
            watched, clock=lambda: NOW, recent=RecentRequests(clock=clock)
        )
        self.snapshots = Snapshots(
            watched, self.answers, fresh_seconds=FRESH, warm_seconds=warm_seconds, clock=clock
        )

    async def ask(self, request: ReportRequest) -> tuple[Snapshot, dict[str, Any], bool]:
        """Like the responder: the snapshot, the fields of the answer, and whether it was cached."""
        snapshot = await self.snapshots.published()
        question = request.resolve(NOW, snapshot)
        prepared, was_kept = await self.answers.get(question, snapshot)
        self.answers.recent.remember(request)
        age = prepared.age_at(snapshot, question.period)
        assert age.snapshot.id == snapshot.id
        return snapshot, prepared.report.fields, was_kept

    async def turns(self) -> tuple[int, bool]:
        async with asyncio.timeout(60):
            _, fields, was_kept = await self.ask(DASHBOARD)
        return fields["summary"].current.turns, was_kept

    async def until_served(self, found: Callable[[Snapshot], bool]) -> Snapshot:
        for _ in range(TRIES):
            snapshot = await self.snapshots.current()
            if found(snapshot):
                return snapshot
            await asyncio.sleep(0.01)
        raise AssertionError("the new snapshot is not served")


def request_of(name: str, report: Any, query: StatsQuery) -> ReportRequest:
    def question(now: datetime, snapshot: Snapshot) -> ReportQuery:
        period = query.resolved(now=now, default_tz="UTC", beginning=snapshot.beginning)
        return ReportQuery(
            name, period, query.arguments(), lambda reader, on: report(reader, on, period, query)
        )

    return ReportRequest((name, repr(query)), question, RequestedFormat())


DASHBOARD = request_of("dashboard", reports.dashboard, CompareQuery(tz="Asia/Kathmandu"))
SUMMARY = request_of("summary", reports.summary, CompareQuery(model="small"))


@pytest.fixture
async def watched(warehouse_settings: WarehouseSettings) -> AsyncIterator[RecordingReader]:
    reader = ClickHouseReader(warehouse_settings)
    yield RecordingReader(reader)
    await reader.close()


@asynccontextmanager
async def working(
    watched: RecordingReader,
    *,
    warm_seconds: float = 100,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[ReadPath]:
    worker = ReadPath(watched, warm_seconds=warm_seconds, clock=clock)
    task = asyncio.create_task(worker.snapshots.look_ahead())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await worker.snapshots.close()


def publish_one_more(replica: Replica) -> None:
    replica.store([turn(NOW - timedelta(hours=1), user=len(replica.turns) + 1)])
    replica.publish(NOW)


async def test_until_a_snapshot_is_warm_answers_come_whole_from_the_one_before(
    replica: Replica, watched: RecordingReader
):
    publish_one_more(replica)
    async with working(watched) as worker:
        assert await worker.turns() == (1, False)
        old, _, _ = await worker.ask(SUMMARY)
        watched.most_at_once = 0
        watched.open.clear()
        publish_one_more(replica)
        await watched.until(lambda: watched.at_once == 1)

        assert await worker.turns() == (1, True)
        snapshot, fields, was_kept = await worker.ask(SUMMARY)
        assert (snapshot.id, fields["summary"].current.turns, was_kept) == (old.id, 1, True)
        watched.open.set()
        await worker.until_served(lambda snapshot: snapshot.id != old.id)
        asked = len(watched.reports)
        assert await worker.turns() == (2, True)
        _, fields, was_kept = await worker.ask(SUMMARY)
        assert (fields["summary"].current.turns, was_kept) == (2, True)
        assert len(watched.reports) == asked
        # One of the engine's slots, although a dashboard asks for four things at once.
        assert watched.most_at_once == 1


@pytest.mark.parametrize(
    "fails_with",
    [None, WarehouseUnavailableError("away"), QueryTooExpensiveError("a"), ValueError("a bug")],
)
async def test_a_slow_or_failing_statement_does_not_hold_a_snapshot_up(
    replica: Replica, watched: RecordingReader, fails_with: Exception | None
):
    publish_one_more(replica)
    # A failure must not look like slowness on a busy machine.
    async with working(watched, warm_seconds=0.2 if fails_with is None else 100) as worker:
        assert await worker.turns() == (1, False)
        watched.fails_with = fails_with
        if fails_with is None:
            watched.open.clear()
        with capture_logs() as logs:
            for _ in range(2):
                old = (await worker.snapshots.current()).publication
                publish_one_more(replica)
                await worker.until_served(lambda new, old=old: new.publication > old)
        # Queries without a waiting request were cancelled.
        assert watched.at_once == 0
        cold = [line for line in logs if line["event"] == "snapshot_served_cold"]
        assert len(cold) == (0 if isinstance(fails_with, QueryTooExpensiveError) else 1)
        watched.fails_with = None
        watched.open.set()
        assert await worker.turns() == (3, False)


async def test_a_heartbeat_prepares_nothing_and_answers_keep_their_figures(
    replica: Replica, watched: RecordingReader, warehouse_settings: WarehouseSettings
):
    publish_one_more(replica)
    async with working(watched) as worker:
        assert await worker.turns() == (1, False)
        before = await worker.snapshots.current()
        asked = len(watched.reports)
        later = NOW + timedelta(seconds=30)
        with Writer(warehouse_settings) as writer:
            writer.insert(
                "freshness",
                [
                    {
                        "publication": before.publication,
                        "data_through": later,
                        "lag_seconds": 0.0,
                        "held_by": "",
                        "checked_at": datetime.now(UTC),
                    }
                ],
            )
        snapshot = await worker.until_served(lambda snapshot: snapshot.id != before.id)
        assert snapshot.data_through == later
        assert await worker.turns() == (1, True)
        assert len(watched.reports) == asked


async def test_publications_follow_faster_than_they_are_prepared(
    replica: Replica, watched: RecordingReader
):
    publish_one_more(replica)
    async with working(watched, warm_seconds=0.3) as worker:
        assert await worker.turns() == (1, False)
        watched.open.clear()
        for _ in range(3):
            publish_one_more(replica)
        watched.open.set()
        await worker.until_served(
            lambda new: sum(build.turns for build in new.builds.values()) == len(replica.turns)
        )
        assert (await worker.turns())[0] == len(replica.turns)


async def test_nobody_asks_for_long_and_nothing_is_prepared(
    replica: Replica, watched: RecordingReader
):
    publish_one_more(replica)
    passed = 0.0
    async with working(watched, clock=lambda: time.monotonic() + passed) as worker:
        assert await watched.asks_nothing()
        await worker.snapshots.current(is_wanted_again=False)
        assert await watched.asks_nothing()

        await worker.turns()
        await watched.until(lambda: watched.asked.count("news") >= 3)
        passed = AHEAD_SECONDS
        await asyncio.sleep(2 * FRESH)
        assert await watched.asks_nothing()

        # The first who comes back waits for what is published, and for nothing else.
        publish_one_more(replica)
        asked = len(watched.reports)
        await worker.snapshots.current()
        assert len(watched.reports) == asked
        assert await worker.turns() == (2, False)


async def test_what_cannot_be_looked_up_is_not_asked_for_until_somebody_does(
    replica: Replica, watched: RecordingReader, monkeypatch: pytest.MonkeyPatch
):
    publish_one_more(replica)
    async with working(watched) as worker:
        await worker.snapshots.current()
        rows, error = watched._reader.rows, WarehouseUnavailableError("cut off")
        failed = asyncio.Event()

        async def cut_off(*_: Any) -> Any:
            failed.set()
            raise error

        monkeypatch.setattr(watched._reader, "rows", cut_off)
        # A lookup that had begun before this may still succeed, and another follows it.
        async with asyncio.timeout(100):
            await failed.wait()
        assert await watched.asks_nothing()
        with pytest.raises(WarehouseUnavailableError):
            await worker.snapshots.current()

        monkeypatch.setattr(watched._reader, "rows", rows)
        await worker.snapshots.current()
        before = len(watched.asked)
        await watched.until(lambda: len(watched.asked) > before)


def test_the_requests_of_the_last_minute_are_bounded_and_the_newest_come_first():
    now = 0.0
    recent = RecentRequests(clock=lambda: now)

    def request(key: object) -> ReportRequest:
        return ReportRequest((key,), DASHBOARD.make_query, RequestedFormat())

    for number in range(MAX_REQUESTS + 1):
        recent.remember(request(number))
    recent.remember(request(1))
    recent.remember(request("x" * MAX_KEY_LENGTH))
    keys = [found.key for found in recent.newest_first()]
    assert keys[:2] == [(1,), (MAX_REQUESTS,)]
    assert len(keys) == MAX_REQUESTS

    now = REMEMBERED_SECONDS + 1
    recent.remember(request("new"))
    assert [found.key for found in recent.newest_first()] == [("new",)]


def test_the_request_is_remembered_and_not_its_days():
    request = request_of("summary", reports.summary, CompareQuery(period=PeriodName.TODAY))
    evening = datetime(2026, 3, 18, 23, 59, 59, tzinfo=UTC)
    days = [
        request.resolve(evening + timedelta(seconds=passed), NOTHING_PUBLISHED).period
        for passed in (0, 0.5, 1)
    ]
    assert days[0] is days[1]
    assert [day.since.day for day in days if day] == [18, 18, 19]


async def test_every_answer_of_a_page_is_whole_while_snapshots_appear(
    replica: Replica, start_stats: StartApi
):
    """Over HTTP: each answer counts exactly what its snapshot counts, and pages are warm."""
    counted: dict[str, int] = {}

    def publish() -> None:
        publish_one_more(replica)

    publish()
    parts = {
        "/summary": lambda body: body["summary"]["current"]["turns"],
        "/activity?tz=Asia/Kathmandu": lambda body: sum(p["turns"] for p in points(body)),
        "/models?language=en": lambda body: sum(m["turns"] for m in body["models"]["models"]),
    }

    def points(body: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = body["activity"]["points"]
        return found

    async with start_stats().client() as client:
        await register(client)
        client.auth = httpx.BasicAuth("ann", PASSWORD)

        async def page() -> set[str]:
            answers = await asyncio.gather(*(client.get(STATS + part) for part in parts))
            seen = set()
            for answer, turns in zip(answers, parts.values(), strict=True):
                body = answer.json()
                seen.add(body["snapshot"])
                assert counted.setdefault(body["snapshot"], turns(body)) == turns(body)
            return seen

        await page()
        for _ in range(2):
            before = await page()
            await asyncio.to_thread(publish)
            for _ in range(TRIES):
                if not before & await page():
                    break
                await asyncio.sleep(0.05)
        metrics = (await client.get("/metrics")).text
    assert sorted(counted.values()) == [1, 2, 3]
    computed = [
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith("stats_api_requests_total") and 'outcome="computed"' in line
    ]
    # Each part once, at the very first ask: all others were warm.
    assert computed == [1.0, 1.0, 1.0]
