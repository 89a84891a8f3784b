"""The stack refuses what cannot work: one line, the setting's name, exit code 2, nothing left."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.stack.readiness import free_ports
from tests.embedded.commands import run_command
from tests.embedded.constants import PORTS
from tests.running import left_running, mentioning


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path / "data"),
        **ports,
    }


def refusal(environment: dict[str, str], *arguments: str) -> str:
    """Run the command; it must end with code 2 and exactly one line of error."""
    outcome = run_command("embedded.stack", *(arguments or ("demo",)), environment=environment)
    return line_of(outcome, environment)


def line_of(outcome: subprocess.CompletedProcess[str], environment: dict[str, str]) -> str:
    assert outcome.returncode == 2, outcome.stderr
    lines = outcome.stderr.strip().splitlines()
    assert len(lines) == 1, outcome.stderr
    assert left_running(mentioning(environment["DATA_DIR"])) == []
    return lines[0]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("setting", PORTS)
def test_a_taken_port_is_named(environment: dict[str, str], taken_port: int, setting: str) -> None:
    line = refusal(environment | {setting: str(taken_port)})
    assert line.startswith(f"{setting}: port {taken_port} on 127.0.0.1 is already in use")


def test_two_programs_on_one_port_are_named(environment: dict[str, str]) -> None:
    line = refusal(environment | {"BOT_PORT": environment["API_PORT"]})
    assert "BOT_PORT" in line
    assert "API_PORT" in line


def test_a_data_directory_in_use_is_named(environment: dict[str, str]) -> None:
    data = Path(environment["DATA_DIR"])
    data.mkdir()
    with (data / "stack.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "DATA_DIR" in refusal(environment)


def test_an_unwritable_data_directory_is_named(environment: dict[str, str]) -> None:
    # The keys lie beside it unless KEYS_DIR says otherwise.
    line = refusal(environment | {"DATA_DIR": "/proc/dialytics"})
    assert line.startswith("DATA_DIR: cannot use /proc/dialytics.keys")
    line = refusal(
        environment | {"DATA_DIR": "/proc/dialytics", "KEYS_DIR": environment["DATA_DIR"]}
    )
    assert line.startswith("DATA_DIR: cannot write to /proc/dialytics")


def test_a_path_too_long_for_a_socket_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    assert refusal(environment | {"DATA_DIR": str(deep)}).startswith("DATA_DIR: ")


@pytest.mark.parametrize("value", ["0", "65536", "http"])
def test_what_is_no_port_is_named(environment: dict[str, str], value: str) -> None:
    assert refusal(environment | {"API_PORT": value}).startswith("API_PORT: ")


def test_up_without_a_token_is_named(environment: dict[str, str]) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "embedded.stack", "up"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert line_of(outcome, environment).startswith("TELEGRAM_TOKEN: is not set")


def test_an_external_database_needs_one_for_dagster(environment: dict[str, str]) -> None:
    line = refusal(environment | {"DATABASE_URL": "postgresql://u@127.0.0.1/db"})
    assert line.startswith("DAGSTER_DATABASE_URL: ")


@pytest.mark.parametrize("command", ["demo", "smoke"])
def test_a_missing_data_file_is_named(environment: dict[str, str], command: str) -> None:
    assert refusal(environment, command, "--data", "/absent.jsonl.gz").startswith("DATA: ")


def test_a_file_that_is_not_gzip_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"ts": "2004-12-25T09:14:00Z", "user": "a", "text": "b"}\n')
    assert refusal(environment, "smoke", "--data", str(plain)).startswith("DATA: ")


def test_a_limit_that_is_no_number_is_named(environment: dict[str, str]) -> None:
    assert refusal(environment, "smoke", "--limit", "many").startswith("LIMIT: ")


def test_an_interrupt_while_starting_leaves_nothing_running(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "embedded.stack", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Starting PostgreSQL" in line:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(timeout=200) in {0, 130}
    assert left_running(mentioning(environment["DATA_DIR"])) == []
