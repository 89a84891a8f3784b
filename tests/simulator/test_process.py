"""`python -m simulator` as the process that it is: start, kill, resume, stop, refusals, memory."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientSession

from embedded.stack.readiness import free_ports
from simulator.client import ControlClient
from simulator.settings import DEFAULT_TOKEN

MAX_MEMORY_MIB = 80
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def port() -> int:
    # Killed and started again on it: no connection may take it meanwhile.
    (number,) = free_ports(1)
    return number


@pytest.fixture
async def start(port: int, tmp_path: Path) -> AsyncIterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start_process() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator"],
            env={
                "PYTHONPATH": ".",
                "SIMULATOR_PORT": str(port),
                "SIMULATOR_STATE_DIR": str(tmp_path / "state"),
            },
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        process.wait()


async def answering(http: ClientSession, port: int) -> ControlClient:
    client = ControlClient(f"http://127.0.0.1:{port}", session=http)
    for _ in range(900):
        try:
            await client.state()
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return client
    raise TimeoutError("the simulator does not answer")


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) / 1024


async def test_a_kill_loses_no_accepted_update(
    start: Start, port: int, http: ClientSession
) -> None:
    process = start()
    control = await answering(http, port)
    before = await control.write([{"text": f"text {number}"} for number in range(50)])
    process.kill()
    process.wait()
    start()
    await answering(http, port)
    url = f"http://127.0.0.1:{port}/bot{DEFAULT_TOKEN}/getUpdates"
    async with http.get(url) as response:
        after = (await response.json())["result"]
    assert [update["update_id"] for update in after] == [ids[0] for ids in before]


async def test_sigterm_stops_it_at_once_even_under_a_long_poll(
    start: Start, port: int, http: ClientSession
) -> None:
    process = start()
    control = await answering(http, port)
    url = f"http://127.0.0.1:{port}/bot{DEFAULT_TOKEN}/getUpdates"
    poll = asyncio.create_task(http.get(url, params={"timeout": "50"}).__aenter__())
    while (await control.state())["counters"]["methods"].get("getupdates") != 1:  # noqa: ASYNC110 # another process
        await asyncio.sleep(0.02)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 60) == 0
    # Were the poll waited for, it would be fifty seconds.
    assert time.monotonic() - began < 30
    await asyncio.gather(poll, return_exceptions=True)


async def test_a_large_backlog_stays_small_in_memory(
    start: Start, port: int, http: ClientSession
) -> None:
    process = start()
    control = await answering(http, port)
    for _ in range(20):
        await control.write([{"text": "a text of some length " * 3}] * 500)
    assert peak_mib(process.pid) < MAX_MEMORY_MIB


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"SIMULATOR_PORT": "0"}, "SIMULATOR_PORT: "),
        ({"TELEGRAM_TOKEN": "nonsense"}, "TELEGRAM_TOKEN: must look like"),
        ({"SIMULATOR_STATE_DIR": "/proc/nowhere"}, "SIMULATOR_STATE_DIR: cannot write"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    environment: dict[str, str], line: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulator"],
        env={"PYTHONPATH": ".", **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_one_line_and_exit_code_2(port: int) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "simulator"],
            env={**os.environ, "PYTHONPATH": ".", "SIMULATOR_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 2
    assert f"SIMULATOR_PORT: port {port} is already in use\n" in done.stderr
