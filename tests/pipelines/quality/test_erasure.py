"""/forget, from the button in the chat to the last file of both stores."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import LargeBinary, text

from bot.db.tables import (
    Dialog,
    FeedbackRow,
    MessageRow,
    Turn,
    UpdateRow,
    UserEvent,
    UserRow,
)
from common.encryption import bindings
from common.encryption.sealing import KEY_BYTES, Vault
from common.postgres import Sessions
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from pipelines.commands.erasure_check import check_erasure
from pipelines.settings import PipelineSettings
from pipelines.source.columns import REPLICATED
from simulator.app import Simulator
from simulator.telegram.world import SimUser
from tests.bot.conftest import DATA_KEY, World, running_bot
from tests.clickhouse_process import ClickHouseProcess
from tests.on_disk import files_with
from tests.pipelines.cycles import run_through
from warehouse.clickhouse.client import Writer

PERSON = SimUser(id=7_345_678_912_345, first_name="Xanthippe", username="xanthippe_of_athens")
SECRETS = ("a question nobody else asked 51973", "be as kind as the quokka 80237")
ANSWER = "an answer to one person only 66409"
CAMPAIGN = "campaign_quetzal"
TOTALS = (
    "SELECT sum(turns) AS turns, sum(user_messages) AS messages, sum(prompt_tokens) AS tokens,"
    " sum(cost_usd) AS cost_usd, groupBitmapMerge(active) AS people"
    " FROM daily WHERE (day, version) IN (SELECT day, version FROM builds)"
)


@pytest.fixture
async def world(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
) -> AsyncIterator[World]:
    async with running_bot(simulator, database, sessions) as world:
        yield world


async def say(world: World, words: str) -> None:
    """Write, and wait for the reply."""
    sent_log = world.simulator.account.sent_log
    before = len(sent_log.texts(PERSON.id))
    world.simulator.account.send_text(words, person=PERSON)
    await world.until(lambda: len(sent_log.texts(PERSON.id)) > before)


async def forget(world: World) -> None:
    """Ask to be forgotten, and mean it."""
    await say(world, "/forget")
    sent_log = world.simulator.account.sent_log
    asked = sent_log.records(kind="message")[-1]
    world.simulator.account.press("forget:yes", message_id=asked.message_id or 0, person=PERSON)
    await world.until(lambda: any("Receipt" in one for one in sent_log.texts(PERSON.id)))
    await world.settled()


async def keys_of(sessions: Sessions) -> tuple[int, bytes]:
    """The only person's number, and the key of their texts as it is never stored."""
    async with sessions() as session:
        row = (await session.execute(text("SELECT * FROM users"))).one()
    opened = Vault(DATA_KEY)._wrapper.open(row.wrapped_key, bindings.wrapped_key(row.telegram_hmac))
    assert len(opened) == KEY_BYTES
    return row.key, opened


async def test_after_forget_nothing_of_the_person_is_in_either_store_or_its_files(
    world: World,
    sessions: Sessions,
    pipeline_settings: PipelineSettings,
    writer: Writer,
    *,
    postgres_server: EmbeddedPostgres,
    clickhouse_server: ClickHouseProcess,
) -> None:
    world.simulator.model.set_behaviour("sim/primary", answer=ANSWER)
    await say(world, f"/start {CAMPAIGN}")
    await say(world, f"/system {SECRETS[1]}")
    await say(world, SECRETS[0])
    await world.settled()
    person, key = await keys_of(sessions)
    await asyncio.to_thread(run_through, pipeline_settings)
    before = writer.rows("totals", sql=TOTALS)
    assert before[0]["people"] == 1
    found = check_erasure(pipeline_settings, person=person)
    assert not found.ok
    assert {table for table, rows in found.left.items() if rows} >= {
        "postgres.users", "postgres.messages", "postgres.dialogs", "postgres.updates",
        "postgres.user_settings", "postgres.lanes", "warehouse.people",
    }  # fmt: skip

    await forget(world)
    await asyncio.to_thread(run_through, pipeline_settings)

    assert writer.rows("totals", sql=TOTALS) == before
    check = check_erasure(pipeline_settings, person=person)
    assert check.ok, check.left
    assert check.erased_at is not None
    assert check.turns == {"postgres": 1, "warehouse": 1}

    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    identifiers = (
        str(PERSON.id).encode(),
        PERSON.id.to_bytes(8, "little"),
        PERSON.id.to_bytes(8, "big"),
        PERSON.first_name.encode(),
        str(PERSON.username).encode(),
    )
    texts = (*(secret.encode() for secret in SECRETS), ANSWER.encode(), key)
    for directory in (postgres_server.directory / "data", clickhouse_server.directory):
        # The ledger keeps where a newcomer came from: the search does find what is there.
        found_in = files_with(directory, CAMPAIGN.encode(), *identifiers, *texts)
        assert found_in.pop(CAMPAIGN.encode())
        assert {pattern: files for pattern, files in found_in.items() if files} == {}


def test_the_command_prints_the_proof_and_fails_while_something_is_left(
    pipeline_settings: PipelineSettings, database: DatabaseSettings
) -> None:
    with psycopg.connect(database.libpq_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile) VALUES ('a', '', '')"
        )
    codes = []
    for person in ("1", "2"):
        outcome = subprocess.run(
            [sys.executable, "-m", "pipelines.commands.erasure_check", "--person", person],
            env={
                "PATH": "/usr/bin:/bin",
                "DATABASE_URL": pipeline_settings.database.libpq_url,
                "CLICKHOUSE_URL": pipeline_settings.warehouse.writer_url,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        codes.append(outcome.returncode)
        assert json.loads(outcome.stdout.splitlines()[-1])["ok"] == (outcome.returncode == 0)
    assert codes == [1, 0]


def test_no_column_that_is_sealed_or_identifies_a_person_is_replicated() -> None:
    sealed = {
        column.name
        for table in (UserRow, Turn, MessageRow, Dialog, UpdateRow, FeedbackRow, UserEvent)
        for column in table.__table__.columns
        if isinstance(column.type, LargeBinary)
    }
    assert {"content", "telegram_hmac", "wrapped_key", "sealed_profile", "payload"} <= sealed
    for table in REPLICATED:
        assert not sealed & table.columns.keys()
