"""Fixtures of the contracts: a server with the roles of production."""

from __future__ import annotations

import asyncio
import subprocess

import asyncpg
import pytest
from alembic import command

from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from tests.conftest import alembic_config
from tests.contracts.servers.roles import (
    DATABASE,
    PROJECT,
    script,
    url,
)


@pytest.fixture(scope="module")
def server(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> EmbeddedPostgres:
    secrets = tmp_path_factory.mktemp("secrets")
    subprocess.run(
        ["bash", PROJECT / "deploy" / "make-secrets.sh", secrets], check=True, capture_output=True
    )
    for path in secrets.glob("*_database_url"):
        content = path.read_text(encoding="utf-8")
        path.chmod(0o600)
        path.write_text(content.replace("/dialytics\n", f"/{DATABASE}\n"), encoding="utf-8")
    asyncio.run(_drop(postgres_server))  # another module's
    script("roles.sh", postgres_server, secrets)
    script("roles.sh", postgres_server, secrets)  # harmless to repeat
    owner = DatabaseSettings.model_validate(
        {"database_url": url(postgres_server, "dialytics_owner")}
    )
    command.upgrade(alembic_config("postgres", owner.asyncpg_url), "head")
    script("grants.sh", postgres_server, secrets)
    script("grants.sh", postgres_server, secrets)
    return postgres_server


async def _drop(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    finally:
        await connection.close()
