"""A warehouse that the version before filled: it answers as before, then builds every day again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alembic import command

from tests.clickhouse_process import ClickHouseDatabase
from tests.conftest import alembic_config
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, PeriodName, resolve
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import resolve as resolve_snapshot

NOW = datetime(2026, 3, 18, 20, 43, 12, tzinfo=UTC)
ADDED = (
    *("unpriced_calls", "pacing_wait_ms", "is_person"),
    *("generation_ms", "generated_tokens", "fallback_wait_ms", "fallback_cost_usd"),
)
YESTERDAY = NOW - timedelta(days=1)
EPOCH, VERSION, WATERMARK = 1, 500, 1_000
# One build of the day as the version before left it, of the columns that matter here.
BUILT = (
    """
    INSERT INTO day_users (day, version, bot_id, turns, answers, rejected, cost_usd, unpriced,
                           latency, ttft, active, reached, new, newest)
    SELECT toDate(received_at) AS day, {version:UInt64}, bot_id, count(),
           countIf(status = 'answered'), countIf(status = 'rejected'), sum(ifNull(cost_usd, 0)),
           countIf(isNull(cost_usd) AND status = 'answered'),
           quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)(1.0),
           quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)(1.0),
           groupBitmapState(user_key), groupBitmapStateIf(user_key, status = 'answered'),
           groupBitmapState(user_key),
           arrayReverseSort(groupUniqArray(
               tuple(toUnixTimestamp64Micro(received_at), dialog_id)
           ))
    FROM turns GROUP BY day, bot_id
    """,
    """
    INSERT INTO daily (day, version, bot_id, chat_type, language, model, turns, answers, rejected,
                       cost_usd, unpriced, latency, ttft, active, reached)
    SELECT toDate(received_at) AS day, {version:UInt64}, bot_id, chat_type, ifNull(language, ''),
           coalesce(model_used, model_asked, '') AS model, count(), countIf(status = 'answered'),
           countIf(status = 'rejected'), sum(ifNull(cost_usd, 0)),
           countIf(isNull(cost_usd) AND status = 'answered'),
           quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)(1.0),
           quantilesDDState(0.01, 0.5, 0.9, 0.95, 0.99)(1.0),
           groupBitmapState(user_key), groupBitmapStateIf(user_key, status = 'answered')
    FROM turns GROUP BY day, bot_id, chat_type, language, model
    """,
    """
    INSERT INTO dialog_days (day, version, bot_id, dialog_id, people, sums, cost_usd, first_at,
                             last_at, latest)
    SELECT toDate(received_at) AS day, {version:UInt64}, bot_id, dialog_id,
           groupUniqArray(user_key),
           [count(), count(), countIf(status = 'answered'), 0, 0,
            countIf(isNull(cost_usd) AND status = 'answered')],
           sum(ifNull(cost_usd, 0)), min(received_at), max(received_at),
           ['1', 'private', 'en', 'answered', 'small']
    FROM turns GROUP BY day, bot_id, dialog_id
    """,
)


async def test_figures_stay_until_every_day_is_built_again(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    config = alembic_config("clickhouse", clickhouse_database.url)
    command.upgrade(config, "0001")
    turns = [
        turn(NOW, user=1),
        turn(NOW, user=1, cost_usd=None),
        turn(NOW, user=2, cost_usd=Decimal(0)),
        turn(NOW, user=3, status="rejected", model_asked=None, model_used=None, cost_usd=None),
        turn(YESTERDAY, user=1, status="cancelled", reason="edited", user_messages=0),
    ]
    settings = WarehouseSettings.model_validate(
        {
            "clickhouse_url": clickhouse_database.url,
            "clickhouse_reader_url": clickhouse_database.reader_url,
        }
    )
    with Writer(settings) as writer:
        stored = {"epoch": EPOCH, "version": VERSION, "is_deleted": 0}
        writer.insert(
            "turns",
            [
                stored | {name: value for name, value in row.items() if name not in ADDED}
                for row in turns
            ],
        )
        for sql in BUILT:
            writer.run("built", {"version": VERSION}, sql=sql)
        published = {
            "publication": VERSION, "version": VERSION, "epoch": EPOCH, "watermark": WATERMARK,
            "zone": "UTC", "withheld": False, "data_through": NOW, "turns": len(turns),
            "rows_differ": 0, "published_at": NOW,
        }  # fmt: skip
        writer.insert(
            "published",
            [
                published | {"day": day}
                for day in (datetime(1970, 1, 1, tzinfo=UTC).date(), YESTERDAY.date(), NOW.date())
            ],
        )

        command.upgrade(config, "head")

        reader = ClickHouseReader(settings)
        about = {"period": resolve(PeriodName.WEEK, now=NOW, tz="UTC", bucket=Bucket.DAY)}
        narrow = reports.Filters(chat_type="private")
        before = await resolve_snapshot(reader)
        for filters in (reports.NO_FILTERS, narrow):
            old = (await reports.summary(reader, snapshot=before, **about, filters=filters)).current
            assert (old.turns, old.served_turns, old.active_users) == (5, 4, 3)
            assert (old.served_users, old.rejected_users) == (3, 0)
            assert (old.cost_usd, old.unpriced_turns) == (Decimal("0.0020000002"), 1)
            assert (old.edited_questions, old.command_turns) == (0, 0)
        page = await reports.recent_dialogs(reader, snapshot=before, **about)
        assert sum(dialog.turns for dialog in page.dialogs) == 5
        models = (await reports.models(reader, snapshot=before, **about)).models
        assert {row.model: (row.turns, row.asked_turns) for row in models} == {
            "small": (4, 4), "": (1, 0),
        }  # fmt: skip

        replica = Replica(writer, zone="UTC", epoch=EPOCH)
        publication = replica.publish(NOW + timedelta(minutes=1))

        assert publication is not None
        # All at once: no answer mixes builds with and without a column.
        assert publication.days == (YESTERDAY.date(), NOW.date())
        assert publication.failures == ()
        after = await resolve_snapshot(reader, known=before)
        for filters in (reports.NO_FILTERS, narrow):
            new = (await reports.summary(reader, snapshot=after, **about, filters=filters)).current
            assert (new.turns, new.served_turns, new.active_users) == (5, 4, 3)
            assert (new.served_users, new.rejected_users) == (2, 1)
            assert (new.cost_usd, new.unpriced_turns) == (Decimal("0.0020000002"), 1)
            assert (new.edited_questions, new.command_turns) == (1, 1)
        assert replica.publish(NOW + timedelta(minutes=2)) is None
        await reader.close()
