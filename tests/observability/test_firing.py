"""Alerts that fire in a real Prometheus: by the shipped expressions, after a shorter wait."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry

from embedded.stack.readiness import free_ports
from pipelines.runtime.metrics import DiskMetrics, PipelineCollector, WarehouseMetrics
from pipelines.runtime.metrics_server import make_registry, serve_metrics
from pipelines.settings import LAST_BACKUP
from tests.clickhouse_process import ClickHouseProcess
from tests.observability.prometheus import RULES, ask, scraping
from tests.running import until
from warehouse.settings import WarehouseSettings

SCRAPE_SECONDS = 6
"""Longer than the pipelines' page takes while a store hangs."""
DAY_SECONDS = 86_400


def impatient_rules(directory: Path) -> Path:
    """The shipped rules, that fire at the second judgement."""
    content = yaml.safe_load(RULES.read_text())
    for group in content["groups"]:
        for rule in group["rules"]:
            rule["for"] = "1s"
    path = directory / "alerts.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def served(registry: CollectorRegistry, exits: ExitStack) -> str:
    """The address of a metrics page."""
    server = serve_metrics(registry, host="127.0.0.1", port=0, token=None)
    assert server is not None
    exits.callback(server.server_close)
    exits.callback(server.shutdown)
    return f"127.0.0.1:{server.server_port}"


@pytest.fixture
def prometheus(warehouse_settings: WarehouseSettings, tmp_path: Path) -> Iterator[str]:
    """The bot and the pipelines answer, the API does not; the last backup is three days old."""
    (tmp_path / LAST_BACKUP).touch()
    old = time.time() - 3 * DAY_SECONDS
    os.utime(tmp_path / LAST_BACKUP, (old, old))
    parts = PipelineCollector([WarehouseMetrics(warehouse_settings), DiskMetrics(tmp_path)])
    with ExitStack() as exits:
        targets = {
            "bot": served(CollectorRegistry(), exits),
            "pipelines": served(make_registry(parts), exits),
            "api": f"127.0.0.1:{free_ports(1)[0]}",
        }
        rules = impatient_rules(tmp_path)
        yield exits.enter_context(scraping(targets, tmp_path, rules=rules, seconds=SCRAPE_SECONDS))


def firing(prometheus: str) -> set[tuple[str, str]]:
    """Alerts, and the job that each is about."""
    try:
        alerts = ask(prometheus, "alerts")["alerts"]
    except httpx.HTTPError:
        return set()  # not there yet
    return {
        (alert["labels"]["alertname"], alert["labels"].get("job", ""))
        for alert in alerts
        if alert["state"] == "firing"
    }


def test_a_service_a_store_and_a_backup_that_are_missing_ring(
    prometheus: str, clickhouse_server: ClickHouseProcess
) -> None:
    until(lambda: {("ServiceDown", "api"), ("BackupOverdue", "")} <= firing(prometheus))
    store_down = ("PipelineStoreDown", "pipelines")
    # The store may have answered too late once.
    until(lambda: store_down not in firing(prometheus))
    clickhouse_server.signal(signal.SIGSTOP)
    try:
        until(lambda: store_down in firing(prometheus))
        # Long enough for what would fire beside it.
        time.sleep(SCRAPE_SECONDS + 1)
        found = firing(prometheus)
    finally:
        clickhouse_server.signal(signal.SIGCONT)
    assert store_down in found
    assert {job for name, job in found if name == "ServiceDown"} == {"api"}
