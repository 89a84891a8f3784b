"""One DATABASE_URL serves every driver: with TLS, and through PgBouncer."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, LiteralString

import pytest
from alembic import command
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine as create_psycopg2_engine
from sqlalchemy import text

from bot.db.locks import ChatLocks
from bot.db.statements import Statements
from common.errors import SettingError
from common.postgres import check_reachable, create_engine, wait_until_ready
from common.postgres_url import PostgresUrl
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres, as_unprivileged
from embedded.stack.readiness import free_ports
from migrations.stores import current_revision
from pipelines.source.postgres import Source
from tests.conftest import TEMPLATE, alembic_config
from tests.programs import program

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "database-tuning.md"
PASSWORD = "not/a secret"  # of a throw-away server
IN_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def settings_of(url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"database_url": url})


async def ask_everyone(settings: DatabaseSettings, question: LiteralString) -> dict[str, Any]:
    """Each driver's answer to the same query."""
    await check_reachable(settings)
    answers: dict[str, Any] = {}
    engine = create_engine(settings, application_name="tests")
    async with engine.connect() as connection:
        answers["sqlalchemy with asyncpg"] = await connection.scalar(text(question))
    await engine.dispose()
    statements = Statements(settings)
    pool = await statements._connected()
    answers["pool of asyncpg"] = await pool.fetchval(question)
    await statements.close()
    leases = ChatLocks(settings.asyncpg_url, bot_id=1)
    await leases.open()
    answers["asyncpg"] = await leases._connection.fetchval(question)
    await leases.close()
    answers |= await asyncio.to_thread(ask_libpq, settings, question)
    return answers


def ask_libpq(settings: DatabaseSettings, question: LiteralString) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    with Source(settings.libpq_url) as source:
        [row] = source.rows(question)
        [answers["psycopg"]] = row.values()
        answers["adbc"] = source._arrow(question)[0][0].as_py()
    url = PostgresUrl.parse(settings.database_url.get_secret_value()).sqlalchemy()
    engine = create_psycopg2_engine(url)
    with engine.connect() as connection:
        answers["sqlalchemy with psycopg2"] = connection.scalar(text(question))
    engine.dispose()
    return answers


# TLS


def make_certificate(directory: Path) -> None:
    """`server.crt` for localhost, signed by itself: it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.2"))]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a PostgreSQL that takes TCP connections with TLS and a password, no others."""
    postgres = Path(program("postgres"))
    directory = tmp_path_factory.mktemp("tls")
    certificate = directory / "server.crt"
    make_certificate(directory)
    (directory / "password").write_text(PASSWORD)
    as_server = as_unprivileged()
    if as_server:
        for path in (directory, *directory.iterdir()):
            os.chown(path, 65_534, 65_534)
    data = directory / "data"
    subprocess.run(
        [*as_server, str(postgres.with_name("initdb")), f"--pgdata={data}", "--no-sync",
         "--username=me", f"--pwfile={directory / 'password'}", "--auth=scram-sha-256"],
        check=True, capture_output=True,
    )  # fmt: skip
    (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    (directory / "server.key").chmod(0o600)
    [port] = free_ports(1)
    options = {
        "port": str(port), "listen_addresses": "127.0.0.1,127.0.0.2", "fsync": "off", "ssl": "on",
        "ssl_cert_file": str(certificate), "ssl_key_file": str(directory / "server.key"),
        "unix_socket_directories": "",
    }  # fmt: skip
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_server, str(postgres), "-D", str(data), *arguments], stdout=log, stderr=log
        )
    try:
        settings = settings_of(f"postgresql://me:not%2Fa secret@127.0.0.1:{port}/postgres")
        asyncio.run(asyncio.wait_for(wait_until_ready(settings), 100))
        yield port, certificate
    finally:
        server.send_signal(signal.SIGINT)  # fast: it waits for no client
        server.wait(timeout=60)


@pytest.mark.parametrize(
    "form",
    [
        "postgres://me:not%2Fa%20secret@localhost:{port}/postgres?sslmode=require",
        (
            "postgresql://me:not%2Fa%20secret@localhost:{port}/postgres"
            "?sslmode=verify-full&sslrootcert={certificate}"
        ),
        (
            "postgresql+asyncpg://me@127.0.0.2:{port}/postgres"
            "?password=not%2Fa%20secret&ssl=verify-full"
        ),
        (
            "postgres://me:not%2Fa%20secret@localhost:1,localhost:{port}/postgres"
            "?sslmode=require&channel_binding=require&connect_timeout=10&pgbouncer=true"
            "&target_session_attrs=read-write&application_name=provided"
            "&options=-c%20work_mem%3D5MB"
        ),
    ],
)
async def test_every_driver_speaks_tls(
    encrypted: tuple[int, Path], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = encrypted
    # The machine's authorities: the one above signs only for its own server.
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(certificate))
    url = form.format(port=port, certificate=certificate)
    assert set((await ask_everyone(settings_of(url), IN_TLS)).values()) == {True}


async def test_migrations_speak_tls(
    encrypted: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = encrypted
    url = (
        f"postgres://me:not%2Fa%20secret@localhost:{port}/postgres"
        f"?sslmode=verify-full&sslrootcert={certificate}"
    )
    await asyncio.to_thread(command.upgrade, alembic_config("postgres", url), "head")
    monkeypatch.setenv("DATABASE_URL", url)
    assert current_revision("postgres") is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={certificate}", "certificate"),
        ("localhost:{port}/postgres?sslmode=disable", "no encryption|pg_hba"),
    ],
)
async def test_a_server_that_is_not_the_one_meant_is_refused_at_once(
    encrypted: tuple[int, Path], change: str, says: str
) -> None:
    port, certificate = encrypted
    address = change.format(port=port, certificate=certificate)
    with pytest.raises(SettingError, match=says):
        await wait_until_ready(settings_of(f"postgresql://me:not%2Fa%20secret@{address}"))


# PgBouncer


@contextmanager
def pgbouncer(server: EmbeddedPostgres, directory: Path) -> Iterator[int]:
    """The port of a PgBouncer in front of the server, as the guide says, with one more mode."""
    [port] = free_ports(1)
    documented = re.search(r"```ini\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert documented is not None
    behind = f"host={server.directory} user=postgres"
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n"
        f"transactions = {behind} dbname={TEMPLATE} pool_mode=transaction\n"
        f"statements = {behind} dbname={TEMPLATE} pool_mode=statement\n"
        f"* = {behind}\n"
        f"{documented[1]}"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
    )
    for path in (directory, configuration):
        path.chmod(0o755)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*as_unprivileged(), program("pgbouncer"), str(configuration)], stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def pooled(postgres_server: EmbeddedPostgres, tmp_path: Path) -> Iterator[str]:
    with pgbouncer(postgres_server, tmp_path) as port:
        yield f"postgresql://postgres@127.0.0.1:{port}"


async def test_every_driver_works_through_a_pool_in_session_mode(
    pooled: str, postgres_server: EmbeddedPostgres
) -> None:
    name = f"pooled_{time.time_ns()}"
    await postgres_server.ensure_databases(name)
    settings = settings_of(f"{pooled}/{name}")
    await asyncio.wait_for(wait_until_ready(settings), 60)
    await asyncio.to_thread(
        command.upgrade, alembic_config("postgres", settings.asyncpg_url), "head"
    )
    answers = await ask_everyone(settings, "SELECT current_setting('statement_timeout')")
    ours = {"sqlalchemy with asyncpg", "pool of asyncpg"}
    assert {name: answers.pop(name) for name in ours} == dict.fromkeys(ours, "30s")
    assert set(answers.values()) == {"0"}


@pytest.mark.parametrize("database", ["transactions", "statements"])
async def test_a_pool_that_splits_sessions_is_refused_with_one_line(
    pooled: str, database: str
) -> None:
    with pytest.raises(SettingError, match=r"transaction mode|statement pooling") as refused:
        await asyncio.wait_for(wait_until_ready(settings_of(f"{pooled}/{database}")), 60)
    assert "\n" not in str(refused.value)


async def test_a_server_that_is_too_old_is_refused(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.postgres.MIN_SERVER_VERSION", 99)
    with pytest.raises(SettingError, match="is too old: 99 or later is needed"):
        await check_reachable(database)
