"""A PostgreSQL outside of the stack, with a supervisor that restarts it, as a provider has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from embedded.postgres import EmbeddedPostgres
from embedded.stack.keys import KeyRing
from embedded.stack.programs import Program
from embedded.stack.readiness import Probe, postgres_answers
from embedded.stack.settings import StackSettings
from embedded.stack.supervision import Supervisor


@dataclass(frozen=True, kw_only=True)
class ExternalPostgres:
    """A PostgreSQL server that the stack only knows by its URL."""

    server: EmbeddedPostgres
    supervisor: Supervisor
    is_ready: Probe

    def named_in(self, settings: StackSettings) -> StackSettings:
        """The settings with DATABASE_URL and DAGSTER_DATABASE_URL of this server."""
        names = {"database_url": "dialytics", "dagster_database_url": "dagster"}
        urls = {name: SecretStr(self.server.url(database)) for name, database in names.items()}
        return settings.model_copy(update=urls)


@contextmanager
def start_external_postgres(directory: Path) -> Iterator[ExternalPostgres]:
    """Run a PostgreSQL server in this directory."""
    server = EmbeddedPostgres(directory / "server")
    server.prepare()
    is_ready = postgres_answers(server.url("postgres"))
    program = Program(
        name="postgres",
        title="External PostgreSQL",
        command=server.command(),
        environment={"PATH": os.environ["PATH"]},
        is_ready=is_ready,
        stop_signal="INT",
    )
    with Supervisor([program], keys=KeyRing(directory / "keys"), directory=directory) as supervisor:
        list(supervisor.start(program.name))
        asyncio.run(server.ensure_databases("dialytics", "dagster"))
        yield ExternalPostgres(server=server, supervisor=supervisor, is_ready=is_ready)
