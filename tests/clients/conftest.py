"""Programs of the environment that `make clients` installs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clickhouse_process import ClickHouseProcess

PROJECT = Path(__file__).parents[2]
BINARIES = PROJECT / ".venv-clients" / "bin"


@pytest.fixture(scope="session")
def anyone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """A server whose user `default` may do anything."""
    server = ClickHouseProcess(
        tmp_path_factory.mktemp("anyone"), module="tests.clients.server", CLICKHOUSE_PORT="0"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def run_client(anyone: ClickHouseProcess, tmp_path: Path) -> Callable[..., str]:
    """Runs a program of the clients' environment and returns its output."""

    def run(*arguments: str | Path, expected: int = 0, **environment: str) -> str:
        assert BINARIES.exists(), "make clients installs the clients"
        outcome = subprocess.run(
            [BINARIES / arguments[0], *arguments[1:]],
            cwd=tmp_path,
            env={
                **os.environ,
                "HOME": str(tmp_path),
                "CLICKHOUSE_HOST": "127.0.0.1",
                "CLICKHOUSE_PORT": str(anyone.port),
                "CLICKHOUSE_USER": "default",
                "CLICKHOUSE_PASSWORD": "",
                "CLICKHOUSE_SECURE": "false",
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=250,
        )
        assert outcome.returncode == expected, outcome.stdout
        return outcome.stdout

    return run
