"""Processes around a bot under measurement: PostgreSQL, the simulators, the bot itself.

Starts and stops them and counts the resources they used; the callers measure.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import asyncpg
import psutil
from alembic.command import upgrade
from alembic.config import Config

from common.errors import StartupError
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from embedded.stack.readiness import free_ports
from simulator.client import ControlClient
from simulator.settings import DEFAULT_TOKEN

PROJECT = Path(__file__).parents[2]
TEMPLATE = "template_migrated"
MODEL = "sim/instant"
KEY = "benchmark-only"
LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)")
# Transactions, and the periodic search for abandoned work.
NOT_COUNTED = re.compile(
    r"\s*(BEGIN|COMMIT|ROLLBACK|SET|;|$|SELECT DISTINCT lane FROM updates)", re.IGNORECASE
)
START_SECONDS = 60.0


@dataclass(frozen=True)
class Used:
    """Processor seconds, and statements that the server executed where they were logged."""

    bot_seconds: float
    simulator_seconds: float
    postgres_seconds: float


class Stage:
    """A PostgreSQL (durable, as in production) and a simulator, both empty.

    Args:
        control: the simulator's.
    """

    database_url: str
    """The database of the bot that was started last."""

    def __init__(
        self,
        *,
        directory: Path,
        postgres: EmbeddedPostgres,
        server: psutil.Process,
        simulator: psutil.Process,
        control: ControlClient,
        url: str,
    ) -> None:
        self.directory = directory
        self.control = control
        self._postgres = postgres
        self._server = server
        self._simulator = simulator
        self._url = url

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, *, first_token_seconds: float = 0.0, token_seconds: float = 0.0
    ) -> AsyncIterator[Stage]:
        """Start both; they end with the block."""
        postgres = EmbeddedPostgres(directory / "pg")
        postgres.prepare()
        [port] = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        server = _start(postgres.command(), directory / "postgres.log", {})
        simulator = _start(
            [sys.executable, "-m", "simulator"],
            directory / "simulator.log",
            {
                "SIMULATOR_PORT": str(port),
                "OPENROUTER_API_KEY": KEY,
                "SIMULATOR_FIRST_TOKEN_SECONDS": str(first_token_seconds),
                "SIMULATOR_TOKEN_SECONDS": str(token_seconds),
                "SIMULATOR_KEEP_RECORDS": "1000000",
            },
        )
        try:
            await postgres.wait_until_ready()
            await postgres.ensure_databases(TEMPLATE)
            settings = DatabaseSettings.model_validate({"database_url": postgres.url(TEMPLATE)})
            await asyncio.to_thread(_migrate, settings.asyncpg_url)
            await _until_listening(port, simulator)
            async with ControlClient.open(url) as control:
                yield cls(
                    directory=directory,
                    postgres=postgres,
                    server=psutil.Process(server.pid),
                    simulator=psutil.Process(simulator.pid),
                    control=control,
                    url=url,
                )
        finally:
            _end(simulator, signal.SIGTERM)
            _end(server, signal.SIGINT)

    @asynccontextmanager
    async def bot(
        self, arguments: list[str], *, log_statements: bool = False, **changes: str
    ) -> AsyncIterator[psutil.Process]:
        """One bot on a fresh database, polling; it ends with the block."""
        database = await self._fresh_database(log_statements=log_statements)
        self.database_url = self._postgres.url(database)
        polls = (await self.counters()).get("getupdates", 0)
        process = _start(
            [sys.executable, *arguments],
            self.directory / f"{arguments[-1]}.log",
            {
                "TELEGRAM_TOKEN": DEFAULT_TOKEN,
                "TELEGRAM_API_URL": self._url,
                "OPENROUTER_API_KEY": KEY,
                "OPENROUTER_BASE_URL": f"{self._url}/v1",
                "LLM_MODEL": MODEL,
                # A call of its own now and then, which the bot in memory does not make.
                "LLM_SUMMARY_TOKENS": "0",
                "DATABASE_URL": self.database_url,
                "DATA_KEY": "a data key of the benchmark, long enough",
                "BOT_PORT": "0",
                "LOG_LEVEL": "WARNING",
                # The send limits, lifted for everyone.
                "TELEGRAM_MESSAGES_PER_SECOND": "1000",
                # The benchmark counts turns: each message is one.
                "JOIN_SHORT_SECONDS": "0",
                "TELEGRAM_CHAT_INTERVAL_SECONDS": "0",
                **changes,
            },
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                while (await self.counters()).get("getupdates", 0) <= polls:
                    if process.poll() is not None:
                        raise StartupError(f"{arguments[-1]} ended: see {self.directory}")
                    await asyncio.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            _end(process, signal.SIGTERM)

    async def counters(self) -> dict[str, int]:
        """Counters of the simulator; Telegram's methods by their name in lower case."""
        counters = (await self.control.state())["counters"]
        methods: dict[str, int] = counters.pop("methods")
        return {**counters, **methods}

    def used(self, bot: psutil.Process) -> Used:
        """Processor time until now; ended connections of PostgreSQL are in it."""
        server = self._server.cpu_times()
        running = sum(
            times.user + times.system
            for child in self._server.children(recursive=True)
            if (times := _times(child))
        )
        return Used(
            sum(bot.cpu_times()[:2]),
            sum(self._simulator.cpu_times()[:2]),
            running + server.user + server.system + server.children_user + server.children_system,
        )

    def logged_statements(self, *, since: int) -> list[str]:
        """Statements executed since the log had `since` bytes, without those in NOT_COUNTED."""
        with (self.directory / "postgres.log").open("rb") as log:
            log.seek(since)
            text = log.read().decode("utf-8", "replace")
        return [
            found.group(1)
            for line in text.splitlines()
            if (found := LOGGED.search(line)) and not NOT_COUNTED.match(found.group(1))
        ]

    def log_size(self) -> int:
        return (self.directory / "postgres.log").stat().st_size

    async def _fresh_database(self, *, log_statements: bool) -> str:
        name = f"bench_{uuid4().hex}"
        admin = await asyncpg.connect(self._postgres.url("postgres"))
        try:
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
            if log_statements:
                await admin.execute(f"ALTER DATABASE \"{name}\" SET log_statement = 'all'")
        finally:
            await admin.close()
        return name


def _times(process: psutil.Process) -> psutil._ntuples.pcputimes | None:
    try:
        return process.cpu_times()
    except psutil.NoSuchProcess:
        return None


def _migrate(url: str) -> None:
    config = Config(PROJECT / "migrations" / "postgres" / "alembic.ini")
    config.attributes["url"] = url
    upgrade(config, "head")


def _start(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    output: IO[bytes]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 # the project's own programs
            command,
            stdout=output,
            stderr=output,
            cwd=PROJECT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "PYTHONPATH": str(PROJECT),
                "ENV_FILE": os.devnull,
                **environment,
            },
        )


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    process.send_signal(number)
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while process.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return
    raise StartupError("the simulator ended")
