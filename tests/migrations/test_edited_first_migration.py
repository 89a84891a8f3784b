"""Migration 0001 was edited five times after it had run. Each of its editions becomes a new one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from alembic import command

from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from tests.api.conftest import create_database
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.conftest import alembic_config, migrated
from tests.migrations.reports import Answers, every_report
from tests.migrations.test_clickhouse_migrations import SNAPSHOT, schema_of
from tests.migrations.test_clickhouse_upgrade import ADDED, NOW
from tests.warehouse.replica import Replica, turn
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

PEOPLE_DAYS = """
CREATE TABLE {name} AS {like} ENGINE = MergeTree
PARTITION BY (toYYYYMM(day), version) ORDER BY (user_key, day, bot_id)
"""
DIALOG_DAYS = """
CREATE TABLE dialog_days (
    day Date, version UInt64, bot_id Int64, dialog_id UUID, people Array(UInt32), turns UInt64,
    user_messages UInt64, answers UInt64, prompt_tokens UInt64, completion_tokens UInt64,
    cost_usd Decimal(38, 10), unpriced UInt64, first_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC'), latest_user UInt32, latest_chat_type LowCardinality(String),
    latest_language LowCardinality(String), latest_status LowCardinality(String),
    latest_model LowCardinality(String)
) ENGINE = MergeTree PARTITION BY (toYYYYMM(day), version) ORDER BY (dialog_id, day, bot_id)
"""
# Statements that take the tables of each edition back to the one before it, the newest first.
EDITIONS = (
    # Finer granules for people's days.
    (
        PEOPLE_DAYS.format(name="kept", like="user_days"),
        "DROP TABLE user_days SYNC",
        PEOPLE_DAYS.format(name="user_days", like="kept"),
        "DROP TABLE kept SYNC",
    ),
    # A dialog's day in few columns.
    ("DROP TABLE dialog_days SYNC", DIALOG_DAYS),
    ("DROP TABLE dialog_days SYNC",),
    ("ALTER TABLE day_users DROP COLUMN newest",),
    ("ALTER TABLE day_users DROP COLUMN sums", "ALTER TABLE quarter_users DROP COLUMN sums"),
)
EPOCH = 1
ASKED = {"now": NOW + timedelta(minutes=1), "arguments": ("period=30d",)}
TURNS = [
    turn(NOW - timedelta(hours=1), user=1, language="ru"),
    turn(NOW - timedelta(days=1), user=1, cost_usd=None),
    turn(NOW - timedelta(days=2), user=2, chat_type="group", dialog_id=UUID(int=9)),
]
PUBLISHED = {
    "publication": 500, "version": 500, "epoch": EPOCH, "watermark": 1_000, "zone": "UTC",
    "withheld": False, "data_through": NOW, "turns": 1, "rows_differ": 0, "published_at": NOW,
}  # fmt: skip


class Installed(NamedTuple):
    """A new installation with the same turns."""

    database: DatabaseSettings
    """For the accounts that ask."""
    answers: Answers


@pytest.fixture(scope="module")
def installed(
    postgres_server: EmbeddedPostgres, clickhouse_server: ClickHouseProcess
) -> Iterator[Installed]:
    name = f"test_{uuid4().hex}"
    asyncio.run(create_database(postgres_server, name))
    database = DatabaseSettings.model_validate({"database_url": postgres_server.url(name)})
    with migrated(clickhouse_server) as settings:
        with Writer(settings) as writer:
            replica = Replica(writer, zone="UTC", epoch=EPOCH)
            replica.store(TURNS)
            replica.publish(NOW)
        yield Installed(database, every_report(database, settings, **ASKED))


# One with the older form of a table, and one without all that was added.
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(edits, marks=() if edits in {2, len(EDITIONS)} else pytest.mark.long)
        for edits in range(1, len(EDITIONS) + 1)
    ],
)
def test_an_older_edition_ends_as_a_new_installation_does(
    installed: Installed,
    clickhouse_server: ClickHouseProcess,
    clickhouse_database: ClickHouseDatabase,
    edits: int,
) -> None:
    config = alembic_config("clickhouse", clickhouse_database.url)
    command.upgrade(config, "0001")
    settings = WarehouseSettings.model_validate(
        {
            "clickhouse_url": clickhouse_database.url,
            "clickhouse_reader_url": clickhouse_database.reader_url,
        }
    )
    with Writer(settings) as writer:
        for statement in (part for parts in EDITIONS[:edits] for part in parts):
            writer.run("edition before", sql=statement)
        stored = {"epoch": EPOCH, "version": 500, "is_deleted": 0}
        writer.insert(
            "turns",
            [
                stored | {name: value for name, value in row.items() if name not in ADDED}
                for row in TURNS
            ],
        )
        days = [datetime(1970, 1, 1, tzinfo=UTC), *(row["received_at"] for row in TURNS)]
        writer.insert("published", [PUBLISHED | {"day": day.date()} for day in days])

        command.upgrade(config, "head")

        schema = schema_of(clickhouse_server, clickhouse_database)
        assert schema == json.loads(SNAPSHOT.read_text(encoding="utf-8"))
        # No day is shown whose rows are gone; the pipelines build every one again.
        assert writer.value("published", sql="SELECT count() FROM published") == 0
        publication = Replica(writer, zone="UTC", epoch=EPOCH).publish(NOW)
    assert publication is not None
    assert len(publication.days) == len(TURNS)
    assert every_report(installed.database, settings, **ASKED) == installed.answers


def test_a_repair_that_was_cut_short_is_run_again(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> None:
    config = alembic_config("clickhouse", clickhouse_database.url)
    command.upgrade(config, "0003")
    for table in ("user_days", "dialog_days"):
        clickhouse_server.execute(f"DROP TABLE {clickhouse_database.name}.{table} SYNC")
    command.upgrade(config, "head")
    schema = schema_of(clickhouse_server, clickhouse_database)
    assert schema == json.loads(SNAPSHOT.read_text(encoding="utf-8"))
