"""Starting, stopping, dying and coming back: the embedded ClickHouse server as a process."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.clickhouse_process import PROJECT, READER_PASSWORD, WRITER_PASSWORD, ClickHouseProcess
from tests.embedded.commands import run_command
from tests.running import eventually

KILLS = int(os.environ.get("CLICKHOUSE_KILLS", "2"))
SLOW = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"


def configured(directory: Path) -> ClickHouseProcess:
    return ClickHouseProcess(
        directory,
        CLICKHOUSE_STOP_SECONDS="3",
        CLICKHOUSE_CONCURRENT_QUERIES="4",
        CLICKHOUSE_QUEUE_SECONDS="60",
        CLICKHOUSE_SEND_SECONDS="3",
        LOG_LEVEL="DEBUG",
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseProcess]:
    """A server for one test, which may end it."""
    server = configured(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """A server for all tests that leave it as it was."""
    server = configured(tmp_path_factory.mktemp("steady"))
    server.start()
    yield server
    server.stop()


def start_and_fail(directory: Path, **environment: str) -> str:
    """Standard error of a start that must end with exit code 2 and one line."""
    given = {**ClickHouseProcess(directory).environment, **environment}
    return line_of(run_command("embedded.clickhouse", environment=given))


def line_of(outcome: subprocess.CompletedProcess[str]) -> str:
    assert outcome.returncode == 2, outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1, outcome.stderr
    return outcome.stderr


def client(server: ClickHouseProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=server.url,
        auth=("writer", WRITER_PASSWORD),
        timeout=100,
        limits=httpx.Limits(max_connections=None),
    )


async def runs(http: httpx.AsyncClient, word: str, *, times: int = 1) -> bool:
    """Whether the engine is at queries that hold this word; the question itself does not."""
    asked = f"SELECT count() FROM system.processes WHERE query LIKE '%{word[:3]}' || '{word[3:]}%'"
    return (await http.post("/", content=asked)).text == f"{times}\n"


def test_acknowledged_rows_survive_sigkill(server: ClickHouseProcess) -> None:
    server.execute("CREATE TABLE dialytics.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    chance = random.Random(1)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        asyncio.run(_insert_until_killed(server, acknowledged, chance.uniform(0.1, 0.6)))
        server.start()
        found = {int(row) for row in server.execute("SELECT a FROM dialytics.t").split()}
        assert set(acknowledged) <= found
    assert len(acknowledged) > KILLS


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_never_had_a_table_starts_again(
    server: ClickHouseProcess, end: signal.Signals
) -> None:
    for _ in range(2):
        server.signal(end)
        server.wait()
        server.start()
    assert server.execute("SELECT engine FROM system.databases WHERE name = 'default'") == (
        "Atomic\n"
    )


def test_every_database_keeps_its_tables_over_a_restart(server: ClickHouseProcess) -> None:
    for database in ("default", "dialytics", "another"):
        server.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
        server.execute(f"CREATE TABLE {database}.t ENGINE = MergeTree ORDER BY a AS SELECT 7 AS a")
    for _ in range(2):
        server.stop()
        server.start()
        for database in ("default", "dialytics", "another"):
            assert server.execute(f"EXISTS TABLE {database}.t") == "1\n"
            assert server.execute(f"CHECK TABLE {database}.t FORMAT JSONEachRow") != ""


async def _insert_until_killed(
    server: ClickHouseProcess, acknowledged: list[int], seconds: float
) -> None:
    before = len(acknowledged)

    async def insert(worker: int) -> None:
        async with client(server) as http:
            for number in range(100_000):
                value = len(acknowledged) * 1_000_000 + worker * 100_000 + number
                statement = f"INSERT INTO dialytics.t FORMAT TSV\n{value}\n"
                try:
                    answer = await http.post("/", content=statement)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                acknowledged.append(value)

    async def is_inserting() -> bool:
        return len(acknowledged) > before + 1

    workers = [asyncio.create_task(insert(worker)) for worker in range(3)]
    await eventually(is_inserting)
    await asyncio.sleep(seconds)
    server.signal(signal.SIGKILL)
    await asyncio.gather(*workers)
    server.wait()


async def test_a_running_query_is_finished_before_the_server_stops(tmp_path: Path) -> None:
    server = ClickHouseProcess(tmp_path, CLICKHOUSE_STOP_SECONDS="60")
    server.start()
    try:
        async with client(server) as http:
            slow = asyncio.create_task(http.post("/", content="SELECT sleep(3), 'done'"))
            await eventually(lambda: runs(http, "sleep("))
            server.signal(signal.SIGTERM)
            assert (await slow).text == "0\tdone\n"
        assert server.wait() == 0
    finally:
        server.stop()


async def test_a_query_that_does_not_end_is_killed_at_stop(server: ClickHouseProcess) -> None:
    async with client(server) as http:
        slow = asyncio.create_task(http.post("/", content=SLOW))
        await eventually(lambda: runs(http, "sipHash64"))
        started = time.monotonic()
        server.signal(signal.SIGINT)
        assert (await slow).headers["X-ClickHouse-Exception-Code"] == "394"
    assert server.wait() == 0
    # By itself it would run for minutes.
    assert time.monotonic() - started < 60


@pytest.mark.measures
async def test_a_slow_query_delays_no_other_and_too_many_are_refused(tmp_path: Path) -> None:
    server = ClickHouseProcess(
        tmp_path, CLICKHOUSE_CONCURRENT_QUERIES="3", CLICKHOUSE_QUEUE_SECONDS="0.5"
    )
    server.start()
    async with client(server) as http:
        leaves = {"cancel_http_readonly_queries_on_client_close": "1"}

        def ask_slowly() -> asyncio.Task[httpx.Response]:
            return asyncio.create_task(http.post("/", content=SLOW, params=leaves))

        slow = [ask_slowly(), ask_slowly()]
        await eventually(lambda: runs(http, "sipHash64", times=2))
        seconds = []
        for _ in range(5):
            started = time.monotonic()
            assert (await http.post("/", content="SELECT 1")).text == "1\n"
            seconds.append(time.monotonic() - started)
        assert not any(task.done() for task in slow)
        # The fastest of five, since the machine runs other processes too.
        assert min(seconds) < 0.4

        slow.append(ask_slowly())
        answers: list[httpx.Response] = []

        async def ask() -> httpx.Response:
            answers.append(await http.post("/", content="SELECT 1"))
            return answers[-1]

        async def is_refused() -> bool:
            return (await ask()).status_code != httpx.codes.OK

        async def is_answered() -> bool:
            return not await is_refused()

        # Once the third runs, too.
        await eventually(is_refused)
        assert answers[-1].status_code == 503
        assert answers[-1].headers["X-ClickHouse-Exception-Code"] == "202"
        assert (await http.get("/ping")).text == "Ok.\n"
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        # A client that leaves, and asked for that, gives its place back.
        await eventually(is_answered)
        await eventually(lambda: runs(http, "sipHash64", times=0))
    server.stop()


async def test_a_query_is_killed_by_the_id_that_processes_show(steady: ClickHouseProcess) -> None:
    async with client(steady) as http:
        # A query that another test has killed is shown until its thread has ended.
        await eventually(lambda: runs(http, "sipHash64", times=0))
        slow = asyncio.create_task(http.post("/", content=SLOW))
        await eventually(lambda: runs(http, "sipHash64"))
        shown = "SELECT query_id FROM system.processes WHERE query LIKE '%sip' || 'Hash64%'"
        query_id = (await http.post("/", content=shown)).text.strip()
        killed = await http.post("/", content=f"KILL QUERY WHERE query_id = '{query_id}' SYNC")
        assert killed.text.split("\t")[:2] == ["finished", query_id]
        assert (await slow).headers["X-ClickHouse-Exception-Code"] == "394"


async def test_a_query_is_killed_by_the_id_that_its_client_gave(
    steady: ClickHouseProcess,
) -> None:
    async with client(steady) as http:
        await eventually(lambda: runs(http, "sipHash64", times=0))
        slow = asyncio.create_task(http.post("/", params={"query_id": "slow-1"}, content=SLOW))
        await eventually(lambda: runs(http, "sipHash64"))
        same = await http.post("/", params={"query_id": "slow-1"}, content="SELECT 1")
        assert same.headers["X-ClickHouse-Exception-Code"] == "216"
        killed = await http.post("/", content="KILL QUERY WHERE query_id = 'slow-1' SYNC")
        assert killed.text.split("\t")[:2] == ["finished", "slow-1"]
        assert (await slow).headers["X-ClickHouse-Exception-Code"] == "394"


async def test_a_statement_whose_client_leaves_goes_on(
    server: ClickHouseProcess,
) -> None:
    server.execute("CREATE TABLE default.left_alone (a UInt8) ENGINE = MergeTree ORDER BY a")
    # Blocks of four, since none may sleep longer than three seconds.
    writes = (
        "INSERT INTO default.left_alone SELECT sleepEachRow(0.5) FROM numbers(8)"
        " SETTINGS max_block_size = 4"
    )
    async with client(server) as http:
        url = {"cancel_http_readonly_queries_on_client_close": "1"}
        write = asyncio.create_task(http.post("/", content=writes, params=url))
        # Seen before the others take the processors, while it has most of its seconds left.
        await eventually(lambda: runs(http, "left_alone"))
        read = asyncio.create_task(http.post("/", content=SLOW))
        cancelled = asyncio.create_task(http.post("/", content=SLOW + " OR 0", params=url))
        await eventually(lambda: runs(http, "sipHash64", times=2))
        for task in (write, read, cancelled):
            task.cancel()
        await asyncio.gather(write, read, cancelled, return_exceptions=True)
        await eventually(lambda: runs(http, "OR 0", times=0))
        assert await runs(http, "sipHash64", times=1)
        await eventually(lambda: runs(http, "left_alone", times=0))
        counted = await http.post("/", content="SELECT count() FROM default.left_alone")
        assert counted.text == "8\n"
        await http.post("/", content="KILL QUERY WHERE query LIKE '%sip' || 'Hash64%' SYNC")


def test_readers_that_do_not_read_block_nobody(steady: ClickHouseProcess) -> None:
    statement = b"SELECT number, repeat('x', 1000) FROM numbers(9000000)"
    authorization = base64.b64encode(f"reader:{READER_PASSWORD}".encode())
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + authorization
    request = head + b"\r\nContent-Length: %d\r\n\r\n" % len(statement) + statement
    with ExitStack() as open_connections:
        for number in range(6):
            connection = socket.create_connection(("127.0.0.1", steady.port), timeout=60)
            open_connections.enter_context(connection)
            connection.sendall(request)
            if number < 3:
                assert connection.recv(17) == b"HTTP/1.1 200 OK\r\n"
        # All places of readers are taken, and one is left for the writer.
        assert steady.execute("SELECT 1") == "1\n"
        # A reader waits for the places to come back.
        assert steady.read("SELECT 1") == "1\n"
    assert '"outcome": 209' in steady.log_path.read_text()


async def test_a_large_result_is_streamed_in_bounded_memory(server: ClickHouseProcess) -> None:
    assert server.process is not None
    before = _resident_mib(server.process.pid)
    received = 0
    statement = "SELECT number, repeat('x', 100) FROM numbers(2000000)"
    async with client(server) as http, http.stream("POST", "/", content=statement) as answer:
        async for piece in answer.aiter_bytes():
            received += len(piece)
    assert received > 200_000_000
    assert _resident_mib(server.process.pid) - before < 150


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def test_an_idle_server_is_small(server: ClickHouseProcess) -> None:
    assert server.process is not None
    server.execute("SELECT count() FROM system.tables")
    rollup = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert pss / 1024 < 400


def test_the_log_names_queries_and_never_shows_their_text(steady: ClickHouseProcess) -> None:
    answer = httpx.post(
        steady.url,
        params={"query_id": "logged-1", "log_comment": "a_report"},
        content="SELECT 'a private sentence'",
        auth=("writer", WRITER_PASSWORD),
        timeout=60,
    )
    assert answer.headers["X-ClickHouse-Query-Id"] == "logged-1"
    # Its record follows the answer; that of the next query comes after it.
    deadline = time.monotonic() + 60
    while '"logged-1"' not in (log := steady.log_path.read_text()).rpartition("\n")[0]:
        assert time.monotonic() < deadline, log
        time.sleep(0.02)
    assert "logged-1" in log
    assert "a_report" in log
    assert "a private sentence" not in log
    assert WRITER_PASSWORD not in log


def test_a_directory_in_use_is_one_line_that_names_data_dir(steady: ClickHouseProcess) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "embedded.clickhouse"],
        cwd=PROJECT,
        env=steady.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    error = line_of(outcome)
    assert error.startswith("DATA_DIR: ")
    assert "in use" in error
    assert steady.execute("SELECT 1") == "1\n"


def test_a_port_in_use_is_one_line_that_names_clickhouse_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert start_and_fail(tmp_path, CLICKHOUSE_PORT=port) == (
            f"CLICKHOUSE_PORT: port {port} is already in use\n"
        )


def test_an_unwritable_directory_is_one_line_that_names_data_dir(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert start_and_fail(tmp_path, DATA_DIR=str(tmp_path / "file")).startswith("DATA_DIR: ")
    assert start_and_fail(tmp_path, DATA_DIR="/proc/nowhere").startswith("DATA_DIR: ")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CLICKHOUSE_PORT", "66000"),
        ("CLICKHOUSE_WRITER_PASSWORD", ""),
        ("CLICKHOUSE_READER_PASSWORD", ""),
        ("CLICKHOUSE_MEMORY_MIB", "none"),
        ("CLICKHOUSE_CONCURRENT_QUERIES", "0"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    tmp_path: Path, setting: str, value: str
) -> None:
    assert start_and_fail(tmp_path, **{setting: value}).startswith(f"{setting}: ")


def test_inserts_are_forced_to_disk(steady: ClickHouseProcess) -> None:
    settings = steady.execute(
        "SELECT name, value FROM system.merge_tree_settings WHERE name LIKE 'fsync%' ORDER BY name"
    )
    assert settings == "fsync_after_insert\t1\nfsync_part_directory\t1\n"
