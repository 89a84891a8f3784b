"""PostgreSQL without a superuser: what a role must be allowed, and what is said of a right."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import IO

import psycopg
import pytest
from psycopg import sql

from common.errors import SettingError, StartupError
from embedded.backup.postgres import Postgres
from embedded.postgres import EmbeddedPostgres
from migrations.__main__ import upgrade
from tests.running import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own: roles belong to the whole server."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("pg"), durable=False)
    server.prepare()
    with subprocess.Popen(
        server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: answers(server))
        yield server
        process.terminate()


def answers(server: EmbeddedPostgres) -> bool:
    try:
        psycopg.connect(server.url("postgres")).close()
    except psycopg.OperationalError:
        return False
    return True


def administer(server: EmbeddedPostgres, *statements: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement))  # type: ignore[arg-type] # the test's own


def migrate(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    upgrade("postgres")


def read_as_the_api(url: str) -> int:
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL ROLE dialytics_reader")
        row = connection.execute("SELECT count(*) FROM users").fetchone()
    assert row is not None
    return int(row[0])


def test_an_owner_who_may_create_roles_needs_no_more_and_afterwards_not_that(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    administer(
        server,
        *(f"DROP DATABASE IF EXISTS {name}" for name in ("kept", "restored")),
        "DROP ROLE IF EXISTS dialytics_reader",
        *(f"CREATE ROLE {name} LOGIN" for name in ("first", "other", "plain", "guest")),
        "ALTER ROLE first CREATEROLE; ALTER ROLE other CREATEROLE",
        *(f"CREATE DATABASE {name} OWNER {name}" for name in ("first", "other", "plain")),
    )
    urls = {name: server.url(name, role=name) for name in ("first", "other", "plain")}
    with pytest.raises(
        SettingError,
        match=r"^DATABASE_URL: its role lacks a right: permission denied to create role:"
        r" Only roles with the CREATEROLE attribute may create roles\. \(docs/",
    ):
        migrate(urls["plain"], monkeypatch)
    with pytest.raises(
        SettingError, match=r"^DATABASE_URL: its .*: permission denied for schema public \("
    ):
        migrate(server.url("other", role="guest"), monkeypatch)

    migrate(urls["first"], monkeypatch)
    assert read_as_the_api(urls["first"]) == 0
    administer(server, "ALTER ROLE first NOCREATEROLE")
    migrate(urls["first"], monkeypatch)

    # A second installation on the same server: the role is another's.
    with pytest.raises(SettingError, match=r'ADMIN option on role "dialytics_reader"'):
        migrate(urls["other"], monkeypatch)
    # With the role handed over, CREATEROLE is not needed at all.
    administer(server, "GRANT dialytics_reader TO plain WITH ADMIN OPTION")
    migrate(urls["plain"], monkeypatch)
    assert read_as_the_api(urls["plain"]) == 0


def test_a_backup_is_made_and_restored_without_a_superuser(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    administer(
        server,
        "CREATE ROLE keeper LOGIN CREATEROLE",
        *(f"CREATE DATABASE {name} OWNER keeper" for name in ("kept", "restored", "refused")),
        "CREATE ROLE stranger LOGIN; ALTER DATABASE refused OWNER TO stranger",
        "DROP DATABASE IF EXISTS first",
        "DROP DATABASE IF EXISTS plain",
        "DROP ROLE IF EXISTS dialytics_reader",
    )
    kept = Postgres(server.url("kept", role="keeper"))
    migrate(server.url("kept", role="keeper"), monkeypatch)
    stored = io.BytesIO()

    def write(source: IO[bytes]) -> None:
        stored.write(source.read())

    contents, roles = kept.dump(write), kept.roles()
    assert roles == ["dialytics_reader"]
    # Another server, which has no such role yet.
    administer(server, "DROP DATABASE kept", "DROP ROLE dialytics_reader")
    restored = Postgres(server.url("restored", role="keeper"))
    restored.make_roles(roles)
    assert restored.restore(partial(_pass_on, stored.getvalue())) == contents
    assert read_as_the_api(server.url("restored", role="keeper")) == 0
    with pytest.raises(StartupError, match=r"^DATABASE_URL: .*ADMIN option on role"):
        Postgres(server.url("refused", role="stranger")).make_roles(roles)


def _pass_on(content: bytes, target: IO[bytes]) -> None:
    target.write(content)
