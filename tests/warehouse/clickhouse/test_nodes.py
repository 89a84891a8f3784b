"""Connections of a cluster: a node that does not answer is left, and replicas are waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from embedded.stack.readiness import free_ports
from tests.chaos.proxy import CuttingProxy
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings, node_urls

SLOW_READ = "SELECT sum(sleepEachRow(0.5)) AS slept FROM numbers(5)"
SLOW_WRITE = "INSERT INTO written SELECT number + sleepEachRow(0.5) FROM numbers(5)"
CLUSTER_SETTINGS = """
    SELECT name, value FROM system.settings WHERE name IN
    ('insert_quorum', 'insert_quorum_parallel', 'select_sequential_consistency')
"""


def of_nodes(settings: WarehouseSettings, *ports: int) -> WarehouseSettings:
    """The same users and database, at these ports."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    urls = {
        name: url.replace(urlsplit(url).netloc.rpartition("@")[2], hosts)
        for name, url in (
            ("clickhouse_url", settings.writer_url),
            ("clickhouse_reader_url", settings.reader_url),
        )
    }
    return WarehouseSettings.model_validate(urls)


@contextmanager
def two_nodes(settings: WarehouseSettings) -> Iterator[tuple[CuttingProxy, WarehouseSettings]]:
    """A first node that can be lost, and a second one."""
    (port,) = free_ports(1)
    real = urlsplit(settings.writer_url).port
    assert real is not None
    with CuttingProxy(port=port, target_port=real) as first:
        yield first, of_nodes(settings, port, real)


def left_nodes(logs: list[dict[str, object]]) -> list[dict[str, object]]:
    assert not [line for line in logs if line["event"] == "warehouse unavailable"]
    return [line for line in logs if line["event"] == "clickhouse_node_left"]


async def test_reads_in_flight_on_a_lost_node_are_answered_by_the_next_one(
    warehouse_settings: WarehouseSettings,
) -> None:
    with two_nodes(warehouse_settings) as (first, settings), capture_logs() as logs:
        reader = ClickHouseReader(settings)
        assert await reader.rows("before", "SELECT 1 AS one", {}) == [{"one": 1}]
        reads = [asyncio.create_task(reader.rows("slow", SLOW_READ, {})) for _ in range(3)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(first.cut)
        assert await asyncio.gather(*reads) == [[{"slept": 0}]] * 3
        await reader.close()
        # A connection made later does not try the lost node again.
        again = ClickHouseReader(settings)
        assert await again.rows("after", "SELECT 1 AS one", {}) == [{"one": 1}]
        await again.close()
    (line,) = left_nodes(logs)
    hosts = [urlsplit(url).netloc.rpartition("@")[2] for url in settings.reader_urls]
    assert [line["node"], line["next"]] == hosts
    assert line["statement"] == "slow"


def test_a_write_in_flight_on_a_lost_node_is_reported_and_not_repeated(
    warehouse_settings: WarehouseSettings,
) -> None:
    with (
        two_nodes(warehouse_settings) as (first, settings),
        Writer(settings) as writer,
        capture_logs() as logs,
    ):
        create = "CREATE TABLE written (n Float64) ENGINE = MergeTree ORDER BY n"
        writer.run("create", sql=create)
        cut = threading.Timer(0.3, first.cut)
        cut.start()
        with pytest.raises(WarehouseUnavailableError):
            writer.run("slow", sql=SLOW_WRITE)
        cut.join()
        # Written by the lost node or not, but never by both.
        assert writer.value("count", sql="SELECT count() FROM written") in {0, 5}
        writer.run("again", sql="INSERT INTO written VALUES (7)")
        assert writer.value("found", sql="SELECT count() FROM written WHERE n = 7") == 1
        writer.run("drop", sql="DROP TABLE written SYNC")
    assert len(left_nodes(logs)) == 1


async def test_nodes_that_are_all_lost_are_an_unavailable_warehouse(
    warehouse_settings: WarehouseSettings,
) -> None:
    settings = of_nodes(warehouse_settings, *free_ports(2))
    reader = ClickHouseReader(settings)
    with pytest.raises(WarehouseUnavailableError):
        await reader.rows("none", "SELECT 1", {})
    await reader.close()
    with pytest.raises(WarehouseUnavailableError):
        Writer(settings)


async def test_sequential_reads_of_a_cluster_come_with_inserts_one_after_another(
    warehouse_settings: WarehouseSettings,
) -> None:
    settings = warehouse_settings.model_copy(update={"clickhouse_cluster": "dialytics"})
    with Writer(settings) as writer:
        sent = {row["name"]: row["value"] for row in writer.rows("sent", sql=CLUSTER_SETTINGS)}
    assert sent == {
        "insert_quorum": "auto",
        "insert_quorum_parallel": "0",
        "select_sequential_consistency": "1",
    }
    reader = ClickHouseReader(settings)
    rows = await reader.rows("sent", CLUSTER_SETTINGS, {})
    await reader.close()
    assert {"name": "select_sequential_consistency", "value": "1"} in rows


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        (
            "http://u:p,q@one:1,two:2/d?x=1",
            ("http://u:p,q@one:1/d?x=1", "http://u:p,q@two:2/d?x=1"),
        ),
        ("http://[::1]:1,[::2]:2/d", ("http://[::1]:1/d", "http://[::2]:2/d")),
        ("https://one", ("https://one",)),
        ("http://u:p@one/a,b", ("http://u:p@one/a,b",)),
    ],
)
def test_an_address_names_one_node_or_several(url: str, nodes: tuple[str, ...]) -> None:
    assert node_urls(url) == nodes


@pytest.mark.parametrize("hosts", ["one,", ",one", "one,,two", "one,:8123"])
def test_an_address_with_a_node_without_a_host_is_refused(hosts: str) -> None:
    with pytest.raises(ValidationError, match="names no host before or after a comma"):
        WarehouseSettings.model_validate({"clickhouse_url": f"http://u:p@{hosts}/d"})
