"""Metrics of the pipelines: what batches, checks and runs recorded, for those who may read it."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer
from pathlib import Path
from uuid import uuid4

import dagster as dg
import httpx
import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from pydantic import SecretStr

from pipelines.cycle import run_cycle
from pipelines.definitions import build_definitions
from pipelines.runtime.metrics import (
    JOBS,
    DagsterMetrics,
    DiskMetrics,
    PipelineCollector,
    WarehouseMetrics,
)
from pipelines.runtime.metrics_server import make_registry, serve_metrics
from pipelines.settings import LAST_BACKUP, PipelineSettings
from tests.clickhouse_process import ClickHouseProcess
from tests.pipelines.constants import FIRST_DAY
from tests.pipelines.ledger import Ledger, turn
from warehouse.clickhouse.client import Writer
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings

TOKEN = SecretStr("a token of another machine, long enough")


def scrape(*parts: object) -> dict[str, float]:
    """Values by series."""
    registry = CollectorRegistry()
    registry.register(PipelineCollector(parts))  # type: ignore[arg-type] # parts are protocols
    return values(generate_latest(registry).decode())


def values(exposition: str) -> dict[str, float]:
    """Values by series."""
    lines = exposition.splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_freshness_checks_and_comparison_are_what_was_recorded(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn(), turn())
    began = datetime.now(UTC)
    run_cycle(pipeline_settings)
    now = datetime.now(UTC)
    through = writer.rows("reports/head")[0]["data_through"]
    assert began <= through <= now
    writer.insert(
        "checks",
        [
            {
                "checked_at": now, "run_id": uuid4(), "suite": "expectations", "asset": "turns",
                "name": "odd", "day": None, "blocking": False, "passed": False,
                "observed": "1", "expected": "0",
            }
        ],
    )  # fmt: skip
    found = scrape(
        WarehouseMetrics(pipeline_settings.warehouse, clock=lambda: now + timedelta(seconds=90))
    )
    assert found['pipeline_store_up{store="clickhouse"}'] == 1
    assert found["pipeline_published_turns"] == 2
    age = now + timedelta(seconds=90) - through
    assert found["pipeline_data_age_seconds"] == pytest.approx(age.total_seconds())
    assert found["pipeline_replication_lag_seconds"] < 30
    assert found["pipeline_days_withheld"] == 0
    assert found['pipeline_failing_checks{blocking="false",suite="expectations"}'] == 1
    assert found['pipeline_failing_checks{blocking="true",suite="batch"}'] == 0
    assert found["pipeline_days_different"] == 0


def test_an_empty_warehouse_has_no_age(pipeline_settings: PipelineSettings) -> None:
    found = scrape(WarehouseMetrics(pipeline_settings.warehouse))
    assert found['pipeline_store_up{store="clickhouse"}'] == 1
    assert "pipeline_data_age_seconds" not in found
    assert found["pipeline_days_withheld"] == 0


def test_runs_are_counted_by_job_and_state(
    pipeline_settings: PipelineSettings, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.add(turn())
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        job = build_definitions(pipeline_settings, first_day=FIRST_DAY).resolve_job_def("digest")
        assert job.execute_in_process(instance=instance).success
        found = scrape(DagsterMetrics(lambda: instance))
    assert found['dagster_runs{job_name="digest",status="succeeded"}'] == 1
    assert found['dagster_runs{job_name="follow",status="failed"}'] == 0
    assert found['dagster_last_success_timestamp_seconds{job_name="digest"}'] > 0


def test_every_job_is_measured(pipeline_settings: PipelineSettings) -> None:
    jobs = {
        job.name
        for job in build_definitions(pipeline_settings, first_day=FIRST_DAY)
        .get_repository_def()
        .get_all_jobs()
    }
    assert {name for name in jobs if not name.startswith("__")} == set(JOBS)


def test_a_store_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    nowhere = WarehouseSettings.model_validate({"clickhouse_url": "http://127.0.0.1:9/nowhere"})
    with pytest.raises(WarehouseUnavailableError):
        Writer(nowhere)
    found = scrape(WarehouseMetrics(nowhere), DiskMetrics(tmp_path))
    assert found['pipeline_store_up{store="clickhouse"}'] == 0
    assert found['pipeline_store_up{store="disk"}'] == 1
    assert 0 < found["pipeline_disk_free_ratio"] < 1
    assert found["pipeline_last_backup_timestamp_seconds"] == 0
    (tmp_path / LAST_BACKUP).touch()
    os.utime(tmp_path / LAST_BACKUP, (0, 1_773_866_592))
    assert scrape(DiskMetrics(tmp_path))["pipeline_last_backup_timestamp_seconds"] == 1_773_866_592


def test_metrics_are_answered_while_a_store_hangs(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    clickhouse_server: ClickHouseProcess,
    tmp_path: Path,
) -> None:
    ledger.add(turn())
    run_cycle(pipeline_settings)
    parts = (WarehouseMetrics(pipeline_settings.warehouse), HangingSource(), DiskMetrics(tmp_path))
    server = serve_metrics(
        make_registry(PipelineCollector(parts)), host="127.0.0.1", port=0, token=TOKEN
    )
    assert server is not None
    url = f"http://127.0.0.1:{server.server_port}/metrics"

    def read() -> dict[str, float]:
        # The store that hangs would be waited for without end.
        return values(httpx.get(url, timeout=60).text)

    deadline = time.monotonic() + 60
    while not (before := read())['pipeline_store_up{store="clickhouse"}']:
        assert time.monotonic() < deadline
    clickhouse_server.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as pool:
            during = [future.result() for future in [pool.submit(read) for _ in range(3)]]
    finally:
        clickhouse_server.signal(signal.SIGCONT)
    for found in during:
        assert found['pipeline_store_up{store="clickhouse"}'] == 0
        assert found['pipeline_store_up{store="hangs"}'] == 0
        assert found['pipeline_store_up{store="disk"}'] == 1
        assert found["pipeline_published_turns"] == 1
        assert found["pipeline_data_age_seconds"] > before["pipeline_data_age_seconds"] + 1
        assert found['pipeline_values_age_seconds{store="clickhouse"}'] > 1
        assert 'pipeline_values_age_seconds{store="hangs"}' not in found
    deadline = time.monotonic() + 60
    while not read()['pipeline_store_up{store="clickhouse"}']:
        assert time.monotonic() < deadline
    server.shutdown()
    server.server_close()


class HangingSource:
    """A source of metrics that never answers."""

    name = "hangs"

    def read(self) -> Iterator[GaugeMetricFamily]:
        threading.Event().wait()
        yield GaugeMetricFamily("never", "Never.", 1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HTTPServer]:
    registry = make_registry(PipelineCollector([DiskMetrics(tmp_path)]))
    server = serve_metrics(registry, host="127.0.0.1", port=0, token=TOKEN)
    assert server is not None
    yield server
    server.shutdown()
    server.server_close()


def test_this_machine_reads_metrics_and_nothing_else(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    metrics = httpx.get(f"{url}/metrics", timeout=60).text
    assert "pipeline_disk_free_ratio" in metrics
    assert "process_resident_memory_bytes" in metrics
    assert httpx.get(f"{url}/secrets", timeout=60).status_code == 404
    for path, status in (("/metrics", 200), ("/secrets", 404)):
        head = httpx.head(f"{url}{path}", timeout=60)
        assert (head.status_code, head.content) == (status, b"")
    assert int(httpx.head(f"{url}/metrics", timeout=60).headers["content-length"]) > 100


def test_what_a_proxy_on_this_machine_sends_needs_the_token(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    proxied = {"X-Forwarded-For": "203.0.113.7"}
    bearer = {"Authorization": f"Bearer {TOKEN.get_secret_value()}"}
    assert httpx.get(url, headers=proxied, timeout=60).status_code == 403
    assert httpx.get(url, headers=proxied | bearer, timeout=60).status_code == 200


def test_a_reader_who_goes_away_is_one_record_and_no_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    asked, gone = threading.Event(), threading.Event()

    class Slow:
        def collect(self) -> Iterator[Metric]:
            asked.set()
            assert gone.wait(60)
            # More than a socket's buffers take, so that the answer meets the closed connection.
            yield GaugeMetricFamily("large", "x" * 4_000_000, 1)

    registry = CollectorRegistry()
    registry.register(Slow())
    server = serve_metrics(registry, host="127.0.0.1", port=0, token=TOKEN)
    assert server is not None
    with socket.create_connection(server.server_address) as reader:
        reader.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert asked.wait(60)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.set()
    url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
    assert httpx.get(url, timeout=60).status_code == 200
    server.shutdown()
    server.server_close()
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_taken_port_does_not_stop_the_pipelines(server: HTTPServer, tmp_path: Path) -> None:
    registry = make_registry(PipelineCollector([DiskMetrics(tmp_path)]))
    taken = server.server_port
    assert serve_metrics(registry, host="127.0.0.1", port=taken, token=None) is None


@pytest.mark.parametrize(("argument", "expected"), [("grpc", "True"), ("run", "False")])
def test_only_the_code_server_itself_exports(argument: str, expected: str) -> None:
    # A run sees the arguments of the code server, though it was started with others.
    script = (
        "import sys; sys.argv = ['dagster', 'api', 'grpc'];"
        "from pipelines.runtime.metrics_server import is_code_server; print(is_code_server())"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script, argument], check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == expected
