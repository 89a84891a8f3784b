"""A ClickHouse with demo rows, published by the real rollups; and a whole stack at work."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from dashboards.grafana.probing import Asker
from embedded.stack.api_client import ApiClient
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.smoke import SmokeResult, isolated_plan, measure
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from tests.observability.prometheus import scraping
from tests.observability.whole_stack import PASSWORD, targets, write_lines
from tests.otlp_collector import Collector, collecting
from tests.running import left_running, mentioning
from tests.warehouse.replica import Replica, random_turn
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

REPORT_ZONE = "Europe/Berlin"
TURNS = 3_000
DAYS = 40
NOW = datetime(2025, 11, 10, 20, 45, tzinfo=UTC)
"""The same rows on the same days in every run; within them clocks go back, in Berlin, then in New
York."""


@dataclass(frozen=True)
class Demo:
    """Where the demo rows are."""

    settings: WarehouseSettings
    now: datetime
    """Everything before it is published; a whole quarter of an hour."""


@pytest.fixture(scope="session")
def demo(clickhouse_server: ClickHouseProcess) -> Iterator[Demo]:
    chance = random.Random(7)
    now = NOW
    with migrated(clickhouse_server) as settings, Writer(settings) as writer:
        replica = Replica(writer, zone=REPORT_ZONE)
        replica.store(
            random_turn(chance, now - timedelta(seconds=chance.uniform(1, DAYS * 86_400)), users=60)
            for _ in range(TURNS)
        )
        replica.publish(now)
        yield Demo(settings, now)


@pytest.fixture(scope="module")
def asker(demo: Demo) -> Iterator[Asker]:
    asker = Asker(demo.settings.reader_url)
    yield asker
    asker.close()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def smoked(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> Iterator[tuple[Stack, SmokeResult]]:
    """A stack that `make smoke` has measured: people have written, the numbers are published."""
    directory = tmp_path_factory.mktemp("stack")
    plan = isolated_plan(
        directory,
        data=write_lines(directory / "dialogs.jsonl.gz"),
        JOIN_SHORT_SECONDS="0",
        LOG_LEVEL="DEBUG",
        # Its gauges exist only under a limit.
        TOTAL_DAILY_USD_LIMIT="1000",
        LOG_FORMAT="json",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        BIND_HOST="0.0.0.0",  # noqa: S104 # shows what else it would open
    )
    with Stack(plan, progress=(progress := Progress())) as stack:
        stack.start_services()
        result = measure(stack, progress, limit=1000, started=time.monotonic())
        yield stack, result
        programs = psutil.Process(stack.supervisor.pid).children(recursive=True)
    assert left_running([*programs, *mentioning(str(directory))]) == []


@pytest.fixture(scope="module")
def stack(smoked: tuple[Stack, SmokeResult]) -> Stack:
    """An analyst has asked it, too."""
    stack, _ = smoked
    client = ApiClient(stack.plan.api_url, username="analyst", password=PASSWORD)
    client.register(stack.plan.secret("admin_registration_token"))
    client.stats("day")
    client.close()
    return stack


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes the stack all the time, with the project's own rules."""
    directory = tmp_path_factory.mktemp("prometheus")
    with scraping(targets(stack), directory, seconds=3) as url:
        yield url
