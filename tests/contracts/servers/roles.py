"""A PostgreSQL prepared as deploy/postgres prepares a server: a role per service, and no more."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from embedded.postgres import BINARIES, EmbeddedPostgres

PROJECT = Path(__file__).parents[3]
DATABASE = "dialytics_roles"


def script(name: str, server: EmbeddedPostgres, secrets: Path) -> None:
    outcome = subprocess.run(
        ["bash", PROJECT / "deploy" / "postgres" / name],
        env={
            "PATH": f"{BINARIES}:{os.environ['PATH']}",
            "PGHOST": str(server.directory),
            "PGUSER": "postgres",
            "SECRETS_DIR": str(secrets),
            "DATABASE": DATABASE,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr


def url(server: EmbeddedPostgres, role: str) -> str:
    return server.url(DATABASE).replace("postgres@", f"{role}@", 1)
