"""Brings the stack up in order, with progress, and down again. Refuses early and clearly."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO, NoReturn, Self

import psutil

from common.encryption.sealing import ACCEPTS_UNBOUND
from common.errors import SettingError, StartupError, UnavailableError
from common.log import redact
from common.postgres import connect
from common.process import EXIT_UNAVAILABLE
from embedded.roles import apply_grants, ensure_roles
from embedded.stack.plan import PROJECT, Plan, bot_environment, migration_environment
from embedded.stack.programs import Program, services, simulators, stores
from embedded.stack.readiness import Probe, is_free
from embedded.stack.supervision import START_SECONDS, Supervisor

UNFINISHED_RESTORE = "restore.unfinished"
"""The file in the data directory for as long as a backup is being restored into it."""
MEBIBYTE = 1024 * 1024
WATCH_SECONDS = 2.0
GIVEN_UP_SECONDS = 60.0


async def _accepts_unbound(database_url: str) -> bool:
    connection = await connect(database_url, application_name="stack")
    try:
        return bool(await connection.fetchval(ACCEPTS_UNBOUND))
    finally:
        await connection.close()


class Progress:
    """Prints progress for the user: seconds since the start, then the step."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, line: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - self._started:6.1f} s] {line}\n")
        sys.stdout.flush()


class Stack:
    """The running product. Use as a context manager: leaving it stops everything.

    Args:
        waits: wait as long as a store does not answer; otherwise a start that takes minutes fails.
        restores: the stack restores a backup; any other start is refused until that is done.

    Raises (on entering):
        SettingError: a port is taken, the data directory is in use, cannot be written or holds part
            of a backup.
        StartupError: a program does not start.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        progress: Progress,
        more: Sequence[Program] = (),
        waits: bool = False,
        restores: bool = False,
    ) -> None:
        self.plan = plan
        self._waits = waits
        self._restores = restores
        self._progress = progress
        self._stores = stores(plan)
        self._simulators = simulators(plan)
        self._services = services(plan)
        self._lock: IO[str] | None = None
        self._programs = [*self._stores, *self._simulators, *self._services, *more]
        self.supervisor = Supervisor(
            self._programs,
            keys=plan.keys,
            directory=plan.data,
        )

    def __enter__(self) -> Self:
        self._take_data_directory()
        try:
            self._refuse_taken_ports()
            if self.plan.postgres is not None:
                self.plan.postgres.prepare()
            self.supervisor.__enter__()
            self.start(self._stores)
            if self.plan.postgres is not None:
                asyncio.run(self.plan.postgres.ensure_databases("dialytics", "dagster"))
            self.prepare_databases()
            self.start(self._simulators)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_services(self) -> None:
        """Start bot, Dagster and API (apart, so that history can be loaded before)."""
        self.bind_values()
        self.start(self._services)

    def bind_values(self) -> None:
        """Bind the values that an older version sealed to their rows, once per database."""
        if not asyncio.run(_accepts_unbound(self.plan.database_url())):
            return
        self._progress.say("Binding sealed texts of an older version to their rows")
        try:
            self.run("bot.users.key_rotation", "rewrap", environment=bot_environment(self.plan))
        except StartupError as error:
            # The bot opens the others as before, and says so.
            self._progress.say(f"  some are left: {error}")

    def probes(self) -> dict[str, Probe]:
        """Per program, its test of readiness."""
        programs = [*self._stores, *self._simulators, *self._services]
        return {program.name: program.is_ready for program in programs}

    def __exit__(self, *_exception: object) -> None:
        if self.supervisor.is_running:
            self._progress.say("Stopping: API, Dagster, bot, then the databases")
            self.supervisor.stop()
            self._progress.say("Stopped")
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_data_directory(self) -> None:
        data = self.plan.data
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Held open for the life of the stack.
            self._lock = (data / "stack.lock").open("a")
        except OSError as error:
            raise SettingError("DATA_DIR", f"cannot write to {data}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingError(
                "DATA_DIR", f"{data} is in use by another running stack; choose another directory"
            ) from error
        if not self._restores and (data / UNFINISHED_RESTORE).exists():
            raise SettingError(
                "DATA_DIR",
                f"{data} holds part of a backup, whose restore was interrupted: run restore again",
            )

    def _refuse_taken_ports(self) -> None:
        listeners = self.plan.listeners()
        for name, (host, port) in listeners.items():
            others = (other for other in listeners if other < name)
            if twin := next((other for other in others if listeners[other][1] == port), None):
                raise SettingError(name, f"port {port} is also {twin}; choose another")
            if not is_free(host, port):
                raise SettingError(name, f"port {port} on {host} is already in use")

    def start(self, programs: Sequence[Program]) -> None:
        """Start these together and wait until all are ready."""
        if not programs:
            return
        titles = {program.name: program.title for program in programs}
        self._progress.say(f"Starting {', '.join(titles.values())}")
        seconds = None if self._waits else START_SECONDS
        for name in self.supervisor.start(*titles, seconds=seconds, say=self._progress.say):
            self._progress.say(f"  {titles[name]}: ready")

    def prepare_databases(self) -> None:
        """Roles, schemas, and what each service may do with them. Harmless to repeat."""
        if self.plan.postgres is None:
            self._migrate()
            return
        asyncio.run(ensure_roles(self.plan.postgres))
        self._migrate()
        asyncio.run(apply_grants(self.plan.postgres))

    def _migrate(self) -> None:
        self._progress.say("Migrating both schemas")
        while True:
            try:
                self.run("migrations", environment=migration_environment(self.plan))
            except UnavailableError as error:
                if not self._waits:
                    raise
                self._progress.say(f"  still waiting: {error}")
            else:
                return

    def watch(self) -> NoReturn:
        """Restart programs that ended, and report it, until interrupted.

        Raises:
            StartupError: supervisord itself ended.
        """
        titles = {p.name: p.title for p in self._programs}
        known = len(self.supervisor.ends())
        given_up_since = time.monotonic()
        while True:
            time.sleep(WATCH_SECONDS)
            if not self.supervisor.is_running:
                raise StartupError("supervisord ended: see logs/supervisord.log in DATA_DIR")
            ends = self.supervisor.ends()
            # Fewer than before: supervisord began a new log file.
            for end in ends[known if len(ends) >= known else 0 :]:
                self._progress.say(f"{titles[end.name]} ended ({end.how}) and is started again")
            known = len(ends)
            # Supervisord gives up after many quick ends, as when a database is down for an hour.
            if time.monotonic() - given_up_since > GIVEN_UP_SECONDS:
                given_up_since = time.monotonic()
                for name in self.supervisor.restart_given_up():
                    self._progress.say(f"{titles[name]} is started once more")

    def run(self, module: str, *arguments: str, environment: dict[str, str]) -> str:
        """Run `python -m module` quietly to its end and return what it printed.

        Raises:
            UnavailableError: a store did not answer.
            StartupError: it failed; with its last line.
        """
        outcome = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode != 0:
            lines = outcome.stderr.strip().splitlines() or ["no message"]
            error = UnavailableError if outcome.returncode == EXIT_UNAVAILABLE else StartupError
            raise error(f"{module} failed: {redact(lines[-1])}")
        return outcome.stdout

    def run_showing(self, module: str, *arguments: str, environment: dict[str, str]) -> None:
        """Run `python -m module` to its end; its output is the progress.

        Raises:
            StartupError: it failed; its own last line has been shown.
        """
        outcome = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=PROJECT, env=environment, check=False
        )
        if outcome.returncode != 0:
            raise StartupError(f"{module} failed: see above")

    def memory_mib(self) -> int:
        """Memory of all processes of the stack together (proportional set size)."""
        total = 0
        root = psutil.Process(self.supervisor.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                # It ended while we looked.
                continue
        return round(total / MEBIBYTE)
