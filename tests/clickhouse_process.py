"""`python -m embedded.clickhouse` as a child process, for tests that need the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

PROJECT = Path(__file__).parent.parent
WRITER_PASSWORD = "writer-password"
READER_PASSWORD = "reader-password"
PASSWORDS = {"writer": WRITER_PASSWORD, "reader": READER_PASSWORD}


@dataclass(frozen=True)
class ClickHouseDatabase:
    """One database and the two addresses that services are given."""

    name: str
    url: str
    """CLICKHOUSE_URL: the writer's."""
    reader_url: str
    """CLICKHOUSE_READER_URL."""


class ClickHouseProcess:
    """An embedded ClickHouse server on a free port.

    Args:
        directory: DATA_DIR. The log is `clickhouse.log` in it.
        module: the program that serves.
        environment: settings beside the ones given here.
    """

    def __init__(
        self, directory: Path, *, module: str = "embedded.clickhouse", **environment: str
    ) -> None:
        self.directory = directory
        self._module = module
        self.log_path = directory / "clickhouse.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(directory),
            "CLICKHOUSE_PORT": "0",
            "CLICKHOUSE_WRITER_PASSWORD": WRITER_PASSWORD,
            "CLICKHOUSE_READER_PASSWORD": READER_PASSWORD,
            "LOG_FORMAT": "json",
            # The engine is in UTC wherever it runs.
            "TZ": "Asia/Tokyo",
            **environment,
        }
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and self.process.poll() is None:
            # Without a line that is still being written.
            for line in self.log_path.read_bytes()[offset:].split(b"\n")[:-1]:
                if b'"clickhouse_ready"' in line:
                    self.port = int(json.loads(line)["port"])
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"ClickHouse did not start:\n{self.log_path.read_text()}")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = 100.0) -> int:
        assert self.process is not None
        return self.process.wait(timeout=seconds)

    def stop(self) -> None:
        """Stop in order; what hangs is killed."""
        if self.process is None or self.process.poll() is not None:
            return
        self.signal(signal.SIGTERM)
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.wait()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, user: str = "writer", **parameters: str) -> httpx.Client:
        """A client that sends these parameters with every request."""
        auth = (user, PASSWORDS[user])
        return httpx.Client(base_url=self.url, auth=auth, params=parameters, timeout=60)

    def database(self, name: str) -> ClickHouseDatabase:
        return ClickHouseDatabase(
            name=name,
            url=f"http://writer:{WRITER_PASSWORD}@127.0.0.1:{self.port}/{name}",
            reader_url=f"http://reader:{READER_PASSWORD}@127.0.0.1:{self.port}/{name}",
        )

    @contextmanager
    def fresh_database(self) -> Iterator[ClickHouseDatabase]:
        """An empty database, dropped in the end."""
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        yield self.database(name)
        self.execute(f"DROP DATABASE {name} SYNC")

    def copy_tables(self, source: str, target: str) -> None:
        """Make the tables and views of one database in another, with the version of the schema."""
        listed = self.execute(
            "SELECT name, engine = 'View' AS is_view, create_table_query FROM system.tables"
            f" WHERE database = '{source}' ORDER BY is_view, name FORMAT JSONCompactEachRow"
        )
        for name, is_view, query in map(json.loads, listed.splitlines()):
            self.execute(
                query.replace(f"{source}.", f"{target}.")
                if is_view
                else f"CREATE TABLE {target}.{name} AS {source}.{name}"
            )
        self.execute(f"INSERT INTO {target}.alembic_version SELECT * FROM {source}.alembic_version")

    def execute(self, statement: str, *, database: str = "default") -> str:
        """Run one statement as the writer."""
        return self._run(statement, database, user="writer", password=WRITER_PASSWORD)

    def read(self, statement: str, *, database: str = "default") -> str:
        """Run one statement as the reader."""
        return self._run(statement, database, user="reader", password=READER_PASSWORD)

    def _run(self, statement: str, database: str, *, user: str, password: str) -> str:
        answer = httpx.post(
            self.url,
            params={"database": database},
            content=statement,
            auth=(user, password),
            timeout=60,
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.text
