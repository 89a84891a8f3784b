from __future__ import annotations

import asyncio
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from common.settings import DatabaseSettings
from migrations.postgres.declared import METADATA
from tests.conftest import alembic_config


async def test_declared_tables_equal_migrated_tables(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        return list(compare_metadata(context, METADATA))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_update_refreshes_version_and_delete_leaves_a_tombstone(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile)"
                " VALUES ('\\x01', '', '')"
            )
        )
    read = text("SELECT version::text, pg_current_xact_id()::text FROM users")
    async with engine.begin() as connection:
        inserted, _ = (await connection.execute(read)).one()
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE users SET language = 'ru'"))
        updated, current = (await connection.execute(read)).one()
        assert updated == current != inserted
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM users"))
        stones = (await connection.execute(text("SELECT table_name, row_id FROM tombstones"))).all()
    assert stones == [("users", "1")]


async def test_turns_without_a_cost_become_turns_with_an_unpriced_call(
    engine: AsyncEngine, database: DatabaseSettings
) -> None:
    config = alembic_config("postgres", database.asyncpg_url)
    await asyncio.to_thread(command.downgrade, config, "0006")
    # The name of each turn says which cost it states, and what else.
    async with engine.begin() as connection:
        for name, status, model_used, cost in (
            ("priced", "answered", "small", "0.01"),
            ("free", "answered", "small", "0"),
            ("unpriced", "answered", None, None),
            ("stopped", "cancelled", "small", None),
            ("stopped early", "cancelled", None, None),
            ("failed", "failed", None, None),
            ("rejected", "rejected", None, None),
        ):
            await connection.execute(
                text(
                    "WITH turn AS (INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type,"
                    " received_at, status, reason, model_used, cost_usd) VALUES"
                    " (gen_random_uuid(), 1, 1, gen_random_uuid(), 'private', now(), :status,"
                    " :name, :model_used, CAST(CAST(:cost AS text) AS numeric)) RETURNING id)"
                    " INSERT INTO llm_calls (id, turn_id, attempt, model, outcome, cost_usd)"
                    " SELECT gen_random_uuid(), id, 1, 'small', CAST(:status AS text),"
                    " CAST(CAST(:cost AS text) AS numeric) FROM turn"
                ),
                {"name": name, "status": status, "model_used": model_used, "cost": cost},
            )
    await asyncio.to_thread(command.upgrade, config, "head")
    async with engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT reason, unpriced_calls, is_unpriced FROM turns"
                " JOIN llm_calls ON turn_id = turns.id WHERE unpriced_calls > 0 OR is_unpriced"
                " ORDER BY reason"
            )
        )
        assert rows.all() == [("stopped", 1, True), ("unpriced", 1, True)]


async def test_up_down_up_ends_where_it_began(
    engine: AsyncEngine, database: DatabaseSettings
) -> None:
    objects = text(
        "SELECT table_name || '.' || column_name || ' ' || data_type"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name <> 'alembic_version' UNION ALL"
        " SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND tablename <> 'alembic_version' UNION ALL"
        " SELECT tgname || ' ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " ORDER BY 1"
    )

    async def schema() -> list[str]:
        async with engine.connect() as connection:
            return list((await connection.execute(objects)).scalars())

    before = await schema()
    config = alembic_config("postgres", database.asyncpg_url)
    await asyncio.to_thread(command.downgrade, config, "base")
    assert await schema() == []
    await asyncio.to_thread(command.upgrade, config, "head")
    assert await schema() == before


async def test_only_a_database_without_a_sealed_value_refuses_old_ones_from_the_start(
    engine: AsyncEngine, database: DatabaseSettings
) -> None:
    config = alembic_config("postgres", database.asyncpg_url)
    marked = []
    for statement in (
        "SELECT",
        "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile) VALUES ('\\x01', '', '')",
        "DELETE FROM users",
    ):
        await asyncio.to_thread(command.downgrade, config, "0010")
        async with engine.begin() as connection:
            await connection.execute(text(statement))
        await asyncio.to_thread(command.upgrade, config, "head")
        async with engine.connect() as connection:
            marked.append(await connection.scalar(text("SELECT count(*) FROM sealing_marker")))
    assert marked == [1, 0, 1]


async def test_the_trail_takes_over_the_record_of_texts_read_and_an_older_api_still_writes_it(
    engine: AsyncEngine, database: DatabaseSettings
) -> None:
    config = alembic_config("postgres", database.asyncpg_url)
    read = text("SELECT account_id, dialog_id, user_keys, messages, request_id FROM text_readings")
    write = text(
        "INSERT INTO text_readings (account_id, dialog_id, user_keys, messages, request_id)"
        " SELECT id, '00000000-0000-0000-0000-00000000000a', '{1,2}', 3, 'r' FROM api_users"
        " RETURNING id, read_at"
    )

    async def run(*statements: TextClause) -> list[Any]:
        async with engine.begin() as connection:
            return [(await connection.execute(each)).all() for each in statements]

    await asyncio.to_thread(command.downgrade, config, "0011")
    account = text("INSERT INTO api_users (username, password_hash) VALUES ('ann', '') RETURNING 1")
    _, [(_, read_at)], before = await run(account, write, read)
    await asyncio.to_thread(command.upgrade, config, "head")
    events = text("SELECT occurred_at, kind, actor FROM audit_events ORDER BY id")
    taken, after = await run(events, read)
    assert taken == [(read_at, "texts_read", "ann")]
    assert after == before
    [(new_id, new_at)], both = await run(write, read)
    assert new_id
    assert new_at > read_at
    assert both == before * 2
    await asyncio.to_thread(command.downgrade, config, "0011")
    assert await run(read) == [before * 2]
    await asyncio.to_thread(command.upgrade, config, "head")
