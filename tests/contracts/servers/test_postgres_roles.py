"""The roles of deploy/postgres, on a real server: enough rights, and no others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker

from bot.db.statements import with_numbered_parameters
from common.postgres import create_engine
from common.settings import DatabaseSettings, ReportSettings
from common.tables.changed_settings import SettingDigests, record_changed_settings
from embedded.postgres import EmbeddedPostgres
from pipelines.commands.erasure_check import check_erasure
from pipelines.cycle import run_cycle
from pipelines.quality.retention import apply_retention
from pipelines.settings import PipelineSection, PipelineSettings
from pipelines.source.postgres import Source
from tests.contracts.servers.roles import (
    DATABASE,
    PROJECT,
    script,
    url,
)
from tests.pipelines.ledger import Ledger, turn
from tests.pipelines.quality.test_retention import add_update
from warehouse.settings import WarehouseSettings

BOT_STATEMENTS = sorted(path.stem for path in (PROJECT / "bot" / "db" / "sql").glob("*.sql"))
REFUSED = asyncpg.InsufficientPrivilegeError


async def attempt(server: EmbeddedPostgres, role: str, *statements: str) -> None:
    connection = await asyncpg.connect(url(server, role))
    try:
        transaction = connection.transaction()
        await transaction.start()
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await transaction.rollback()
    finally:
        await connection.close()


async def test_every_table_is_used_by_some_service(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(url(server, "dialytics_owner"))
    unused = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT EXISTS ("
        " SELECT FROM unnest(ARRAY['dialytics_bot','dialytics_api','dialytics_pipelines']) role"
        " WHERE has_any_column_privilege(role, format('public.%I', tablename), 'SELECT,INSERT'))"
    )
    await connection.close()
    assert not unused


async def test_the_bot_writes_its_tables_and_erasing_leaves_a_tombstone(
    server: EmbeddedPostgres,
) -> None:
    await attempt(
        server,
        "dialytics_bot",
        "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile) VALUES ('a', 'b', 'c')",
        "DELETE FROM users",
        # The changed version becomes an audit event, which the role itself may not write.
        "INSERT INTO bots (bot_id, username, has_operator_chat, version) VALUES (1, 'a', false, 1)",
        "UPDATE bots SET version = 2",
        "SELECT version_num FROM alembic_version",
    )


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("dialytics_bot", "SELECT * FROM api_users"),
        ("dialytics_bot", "UPDATE replication_echo SET epoch = 1"),
        ("dialytics_bot", "CREATE TABLE mine (id int)"),
        ("dialytics_api", "UPDATE messages SET deleted_at = now()"),
        ("dialytics_api", "DELETE FROM text_readings"),
        ("dialytics_api", "DELETE FROM audit_events"),
        ("dialytics_api", "DELETE FROM api_keys"),
        ("dialytics_bot", "SELECT * FROM api_keys"),
        ("dialytics_bot", "SELECT * FROM api_sessions"),
        ("dialytics_pipelines", "SELECT * FROM password_resets"),
        ("dialytics_api", "UPDATE audit_events SET actor = 'x'"),
        ("dialytics_api", "TRUNCATE audit_events"),
        ("dialytics_api", "INSERT INTO audit_events (kind, occurred_at) VALUES ('x', now())"),
        ("dialytics_bot", "SELECT * FROM audit_events"),
        ("dialytics_pipelines", "SELECT actor FROM audit_events"),
        ("dialytics_pipelines", "INSERT INTO audit_events (kind) VALUES ('x')"),
        ("dialytics_bot", "INSERT INTO audit_events (kind) VALUES ('settings_changed')"),
        ("dialytics_api", "UPDATE turns SET cost_usd = 0"),
        ("dialytics_pipelines", "SELECT content FROM messages"),
        ("dialytics_pipelines", "UPDATE turns SET cost_usd = 0"),
        ("dialytics_pipelines", "SELECT payload FROM updates"),
        ("dialytics_pipelines", "UPDATE updates SET payload = NULL"),
        ("dialytics_api", "SELECT erase_parked_payloads(0, 1)"),
        ("dialytics_api", "SELECT erase_provider_messages(0, 1)"),
        ("dialytics_pipelines", "SELECT provider_message FROM llm_calls"),
        ("dialytics_pipelines", "UPDATE updates SET outcome = NULL"),
        ("dialytics_pipelines", "DELETE FROM updates"),
        ("dialytics_pipelines", "SELECT password_hash FROM api_users"),
    ],
)
async def test_a_role_is_refused_what_is_not_its_own(
    server: EmbeddedPostgres, role: str, statement: str
) -> None:
    with pytest.raises(REFUSED):
        await attempt(server, role, statement)


async def test_the_api_reads_the_bots_tables_only_as_the_reader(server: EmbeddedPostgres) -> None:
    await attempt(
        server, "dialytics_api", "SET LOCAL ROLE dialytics_reader", "SELECT key FROM users"
    )
    with pytest.raises(REFUSED):
        await attempt(
            server, "dialytics_api", "SET LOCAL ROLE dialytics_reader", "DELETE FROM users"
        )


async def test_dagster_cannot_enter_the_product_s_database(server: EmbeddedPostgres) -> None:
    with pytest.raises(REFUSED):
        await asyncpg.connect(url(server, "dagster"))


async def test_the_pipelines_see_who_of_another_role_holds_replication_back(
    server: EmbeddedPostgres,
) -> None:
    writer = await asyncpg.connect(url(server, "dialytics_bot"))
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(
        "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile) VALUES ('x', 'b', 'c')"
    )
    try:
        with Source(url(server, "dialytics_pipelines")) as source:
            status = source.status()
        assert f"pid {writer.get_server_pid()}" in status.blocked_by
    finally:
        await transaction.rollback()
        await writer.close()


def test_a_password_that_needs_escapes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "owner_database_url").write_text("postgresql://o:p%40ss'@h/d", encoding="utf-8")
    outcome = subprocess.run(
        ["bash", PROJECT / "deploy" / "postgres" / "roles.sh"],
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 2
    assert "owner_database_url" in outcome.stderr
    assert "p%40ss" not in outcome.stderr


async def test_running_the_roles_again_sets_a_changed_password(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    for service, role in (
        ("owner", "dialytics_owner"),
        ("bot", "dialytics_bot"),
        ("api", "dialytics_api"),
        ("pipelines", "dialytics_pipelines"),
        ("dagster", "dagster"),
    ):
        database = "dagster" if service == "dagster" else DATABASE
        (tmp_path / f"{service}_database_url").write_text(
            f"postgresql://{role}:rotated-{service}@h/{database}", encoding="utf-8"
        )
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'dialytics_bot'"
        before = await connection.fetchval(stored)
        script("roles.sh", server, tmp_path)
        after = await connection.fetchval(stored)
    finally:
        await connection.close()
    assert after != before
    assert after.startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize("name", BOT_STATEMENTS)
async def test_every_statement_of_the_bot_is_allowed_to_its_role(
    server: EmbeddedPostgres, name: str
) -> None:
    statement, _parameters = with_numbered_parameters(name)
    await attempt(server, "dialytics_bot", f"EXPLAIN (GENERIC_PLAN) {statement}")


def test_the_pipelines_role_can_run_a_whole_cycle(
    server: EmbeddedPostgres, warehouse_settings: WarehouseSettings
) -> None:
    with Ledger(url(server, "dialytics_bot")) as ledger:
        person = ledger.add_person()
        ledger.add(turn(user=person))
        add_update(ledger, 1, days_old=2)
    pipeline_settings = PipelineSettings(
        database=DatabaseSettings.model_validate(
            {"database_url": url(server, "dialytics_pipelines")}
        ),
        warehouse=warehouse_settings,
        pipelines=PipelineSection.model_validate({"message_retention_days": 1}),
        report=ReportSettings(),
    )
    batch, publication = run_cycle(pipeline_settings)
    assert batch.turns == 1
    assert publication is not None
    erased = apply_retention(pipeline_settings)
    assert (erased.texts, erased.payloads) == (0, 1)
    assert check_erasure(pipeline_settings, person=person).left["postgres.users"] == 1


@pytest.mark.parametrize("service", ["bot", "api", "pipelines"])
async def test_every_service_records_its_changed_settings(
    server: EmbeddedPostgres, service: str
) -> None:
    database = DatabaseSettings.model_validate(
        {"database_url": url(server, f"dialytics_{service}")}
    )
    engine = create_engine(database, application_name="tests")
    names = []
    for value in (b"before", b"after"):
        digests = SettingDigests(service, "DATA_KEY", {"DATA_KEY": [b"k"], "LLM_MODEL": [value]})
        names.append(await record_changed_settings(async_sessionmaker(engine), digests))
    await engine.dispose()
    assert names == [[], ["LLM_MODEL"]]


async def test_the_api_keeps_accounts_and_the_audit_trail(server: EmbeddedPostgres) -> None:
    await attempt(
        server,
        "dialytics_api",
        "LISTEN api_users",
        "INSERT INTO api_users (username, password_hash) VALUES ('a', 'b')",
        "UPDATE api_users SET disabled_at = now()",
        "INSERT INTO api_sessions (account_id, digest, credentials_version, created_at, expires_at)"
        " SELECT id, 'x', 1, now(), now() FROM api_users",
        "DELETE FROM api_sessions",
        "INSERT INTO audit_events (kind, actor, details) VALUES ('login', 'a', '{}') RETURNING id",
        "INSERT INTO text_readings (account_id, dialog_id, user_keys, messages, request_id)"
        " SELECT id, gen_random_uuid(), '{1}', 1, 'r' FROM api_users RETURNING id, read_at",
        "SELECT * FROM text_readings",
        "INSERT INTO access_rules (subject, subject_hmac, kind, reason, author_id, author)"
        " VALUES ('person', 'x', 'ban', '', 1, 'a') ON CONFLICT (subject, subject_hmac, kind)"
        " DO UPDATE SET reason = excluded.reason RETURNING id",
        "DELETE FROM access_rules",
        "SELECT version_num FROM alembic_version",
    )


def test_the_server_accepts_its_configuration_file(postgres_server: EmbeddedPostgres) -> None:
    command_line = postgres_server.command()
    program = command_line[: command_line.index("-D") + 2]
    file = PROJECT / "deploy" / "postgres" / "postgresql.conf"
    outcome = subprocess.run(
        [*program, "-c", f"config_file={file}", "-C", "track_commit_timestamp"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stdout.strip()) == (0, "on"), outcome.stderr
