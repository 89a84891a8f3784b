"""Ledger copy, rollups, publications, and the records of the pipelines."""

from __future__ import annotations

from migrations.clickhouse.ddl import current, run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The days of a month that were built together share a partition, so that a period is few parts.
BUILD = "(toYYYYMM(day), version)"
# A row may be a megabyte of bitmaps: a day is found without reading its month.
SMALL_GRANULES = "index_granularity = 64"
# A few people's month is found without reading much around them, and everybody's as fast as before.
PEOPLE_GRANULES = "index_granularity = 1024"
# A dialog's turns of a day are found without reading much around them: the least that is read of
# a column is a granule, and the least that is unpacked is a block.
FINE_GRANULES = "index_granularity = 512, min_compress_block_size = 4096"
# What was known of an erased person leaves the disk within seconds of its part's replacement.
# Safe, because merges are fsynced before the parts they replace go.
SOON_FROM_DISK = (
    "old_parts_lifetime = 5, cleanup_delay_period = 5, max_cleanup_delay_period = 5,"
    " cleanup_delay_period_random_add = 0"
)

# A row: one finished turn as of `version`. (epoch, version) orders its states; xid8 is `version`.
TURNS = """
    epoch UInt32,
    id UUID,
    version UInt64,
    is_deleted UInt8,
    bot_id Int64,
    user_key UInt32,
    dialog_id UUID,
    chat_type LowCardinality(String),
    language LowCardinality(Nullable(String)),
    source Nullable(String),
    user_messages Int16,
    received_at DateTime64(6, 'UTC'),
    sent_at Nullable(DateTime64(6, 'UTC')),
    first_token_at Nullable(DateTime64(6, 'UTC')),
    answered_at Nullable(DateTime64(6, 'UTC')),
    status LowCardinality(String),
    reason LowCardinality(Nullable(String)),
    model_asked LowCardinality(Nullable(String)),
    model_used LowCardinality(Nullable(String)),
    fallback_cause LowCardinality(Nullable(String)),
    prompt_tokens Nullable(Int32),
    completion_tokens Nullable(Int32),
    cached_tokens Nullable(Int32),
    reasoning_tokens Nullable(Int32),
    cost_usd Nullable(Decimal(18, 10)),
    finish_reason LowCardinality(Nullable(String)),
    user_chars Int32,
    answer_chars Int32,
    answer_parts Int16,
    flood_wait_ms Int32,
    INDEX by_version version TYPE minmax GRANULARITY 16,
    INDEX by_id id TYPE bloom_filter(0.001) GRANULARITY 16"""

# A row: one person as of `version`, without anything that identifies them.
PEOPLE = """
    epoch UInt32,
    user_key UInt32,
    version UInt64,
    is_deleted UInt8,
    language LowCardinality(Nullable(String)),
    source Nullable(String),
    blocked_at Nullable(DateTime64(6, 'UTC')),
    created_at DateTime64(6, 'UTC'),
    updated_at DateTime64(6, 'UTC')"""

# What every sum of turns is made of, whatever it is grouped by.
SUMS = """
    turns UInt64,
    user_messages UInt64,
    answers UInt64,
    failed UInt64,
    cancelled UInt64,
    rejected UInt64,
    incomplete UInt64,
    fallbacks UInt64,
    prompt_tokens UInt64,
    completion_tokens UInt64,
    cached_tokens UInt64,
    reasoning_tokens UInt64,
    cost_usd Decimal(38, 10),
    unpriced UInt64,
    user_chars UInt64,
    answer_chars UInt64,
    answer_parts UInt64,
    flood_waits UInt64,
    flood_wait_ms UInt64"""

STATES = """
    reasons Map(String, UInt64),
    fallback_causes Map(String, UInt64),
    latency AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99), Float64),
    latency_ms UInt64,
    latency_turns UInt64,
    ttft AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99), Float64),
    ttft_ms UInt64,
    ttft_turns UInt64,
    active AggregateFunction(groupBitmap, UInt32),
    reached AggregateFunction(groupBitmap, UInt32)"""

DIMENSIONS = """
    bot_id Int64,
    chat_type LowCardinality(String),
    language LowCardinality(String),
    model LowCardinality(String),"""

# A row: one quarter of an hour of one bot, chat type, language and model, in one build of a day.
ACTIVITY = f"""
    day Date,
    version UInt64,
    bucket DateTime('UTC'),{DIMENSIONS}{SUMS},{STATES}"""

# A row: one day of one bot, chat type, language and model, in one build of that day.
DAILY = f"""
    day Date,
    version UInt64,{DIMENSIONS}{SUMS},{STATES}"""

# A row: people whose first turn fell into one quarter of an hour, by that turn's bot and source.
NEW_USERS = """
    day Date,
    version UInt64,
    bucket DateTime('UTC'),
    bot_id Int64,
    source String,
    new AggregateFunction(groupBitmap, UInt32)"""

# A row: one person's day with one bot, in one build of that day.
USER_DAYS = f"""
    day Date,
    version UInt64,
    bot_id Int64,
    user_key UInt32,{SUMS},
    first_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC')"""

# A row: one dialog's day, in one build of that day. `latest` is what its newest turn says: person,
# chat type, language, status, model. Lists, because a column costs a page of ten dialogs a
# millisecond; the names of the sums are for whoever reads few of them.
DIALOG_DAYS = """
    day Date,
    version UInt64,
    bot_id Int64,
    dialog_id UUID,
    people Array(UInt32),
    sums Array(UInt64),
    cost_usd Decimal(38, 10),
    first_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC'),
    latest Array(String),
    turns UInt64 ALIAS sums[1],
    user_messages UInt64 ALIAS sums[2],
    answers UInt64 ALIAS sums[3],
    prompt_tokens UInt64 ALIAS sums[4],
    completion_tokens UInt64 ALIAS sums[5],
    unpriced UInt64 ALIAS sums[6]"""

# The sums in one list, in the order of `traffic.SUMMED`: a report reads and adds up one column
# instead of sixteen, and is planned sooner. The engine fills it; the columns stay for others.
SUMS_AS_LIST = """
    sums Array(UInt64) MATERIALIZED [
        turns, user_messages, answers, failed, cancelled, rejected, incomplete, fallbacks,
        prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, unpriced, answer_parts,
        flood_waits, flood_wait_ms
    ]"""

# What is kept beside the sums when nobody asks for a dimension but the bot.
PEOPLE_STATES = """
    latency AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99), Float64),
    ttft AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99), Float64),
    active AggregateFunction(groupBitmap, UInt32),
    reached AggregateFunction(groupBitmap, UInt32),
    new AggregateFunction(groupBitmap, UInt32)"""

# A row: one quarter of an hour of one bot and who was active, reached and new, in one build.
QUARTER_USERS = f"""
    day Date,
    version UInt64,
    bucket DateTime('UTC'),
    bot_id Int64,{SUMS},{SUMS_AS_LIST},{PEOPLE_STATES}"""

# A row: one day of one bot and who was active, reached and new on it, in one build of that day.
# `busiest` are (messages, person) of the 100 who wrote most: a month's are found among them.
# `newest` are (newest turn in microseconds, dialog) of the 100 dialogs of the newest turns.
DAY_USERS = f"""
    day Date,
    version UInt64,
    bot_id Int64,{SUMS},{SUMS_AS_LIST},{PEOPLE_STATES},
    busiest Array(Tuple(UInt64, UInt32)),
    newest Array(Tuple(Int64, UUID))"""

# A row: in the making of one build, a person whose days changed and the first day they have now.
FIRST_DAYS = """
    version UInt64,
    user_key UInt32,
    day Date"""

# A row: in this publication the day is served by this build. Day 1970-01-01 is the
# publication itself: which ledger state, epoch and zone it rests on.
PUBLISHED = """
    publication UInt64,
    day Date,
    version UInt64,
    epoch UInt32,
    watermark UInt64,
    zone LowCardinality(String),
    withheld Bool,
    data_through DateTime64(3, 'UTC'),
    turns UInt64,
    rows_differ UInt64,
    published_at DateTime64(3, 'UTC')"""

# A row: nothing newer than this publication existed up to `data_through`.
FRESHNESS = """
    publication UInt64,
    data_through DateTime64(3, 'UTC'),
    lag_seconds Float64,
    held_by String,
    checked_at DateTime64(3, 'UTC')"""

# A row: replication has everything below `watermark`, or is inside [watermark, target) at a page.
WATERMARKS = """
    sequence UInt64,
    epoch UInt32,
    watermark UInt64,
    target UInt64,
    page_table LowCardinality(String),
    page_version UInt64,
    page_id String,
    batch_id UUID,
    system_identifier String,
    timeline UInt32,
    data_through DateTime64(3, 'UTC'),
    written_at DateTime64(3, 'UTC')"""

# A row: one finished batch of replication.
BATCHES = """
    batch_id UUID,
    epoch UInt32,
    kind LowCardinality(String),
    reason String,
    since_version UInt64,
    until_version UInt64,
    turns UInt64,
    people UInt64,
    tombstones UInt64,
    bytes UInt64,
    seconds Float64,
    replication_lag_seconds Float64,
    held_by String,
    data_through DateTime64(3, 'UTC'),
    started_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC')"""

# A row: one result of one check, of a day or of a whole table.
CHECKS = """
    checked_at DateTime64(3, 'UTC'),
    run_id UUID,
    suite LowCardinality(String),
    asset LowCardinality(String),
    name LowCardinality(String),
    day Nullable(Date),
    blocking Bool,
    passed Bool,
    observed String,
    expected String"""

# A row: one day compared between PostgreSQL and the warehouse.
RECONCILIATION = """
    ran_at DateTime64(3, 'UTC'),
    run_id UUID,
    day Date,
    postgres_turns UInt64,
    warehouse_turns UInt64,
    postgres_tokens UInt64,
    warehouse_tokens UInt64,
    postgres_cost_usd Decimal(38, 10),
    warehouse_cost_usd Decimal(38, 10),
    postgres_users UInt64,
    warehouse_users UInt64,
    postgres_checksum UInt64,
    warehouse_checksum UInt64,
    rows_differ UInt64,
    repaired Bool,
    ok Bool"""

# A row: one publication; the greatest is what readers see.
SNAPSHOTS = """
SELECT p.publication AS publication, p.epoch AS epoch, p.watermark AS watermark, p.zone AS zone,
       greatest(p.data_through, f.data_through) AS data_through, p.published_at AS published_at
FROM (
    SELECT publication, epoch, watermark, zone, data_through, published_at
    FROM published WHERE day = toDate(0)
    ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1 BY publication
) AS p
LEFT JOIN (
    SELECT publication, max(data_through) AS data_through FROM freshness GROUP BY publication
) AS f ON f.publication = p.publication
"""

# A row: the build that serves a day in the given publication.
BUILDS_AT = """
WITH (
    SELECT tuple(epoch, zone) FROM published
    WHERE publication <= {snapshot:UInt64} AND day = toDate(0)
    ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1
) AS head
SELECT day, last.1 AS version, last.2 AS withheld, last.3 AS watermark, last.4 AS data_through,
       last.5 AS turns
FROM (
    SELECT day, argMax(tuple(version, withheld, watermark, data_through, turns),
                       tuple(epoch, watermark, publication)) AS last
    FROM published
    WHERE publication <= {snapshot:UInt64} AND day > toDate(0) AND tuple(epoch, zone) = head
    GROUP BY day
)
"""

# A row: the build that serves a day now.
BUILDS = """
WITH (
    SELECT tuple(epoch, zone) FROM published WHERE day = toDate(0)
    ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1
) AS head
SELECT day, last.1 AS version, last.2 AS withheld, last.3 AS watermark, last.4 AS data_through,
       last.5 AS turns
FROM (
    SELECT day, argMax(tuple(version, withheld, watermark, data_through, turns),
                       tuple(epoch, watermark, publication)) AS last
    FROM published
    WHERE day > toDate(0) AND tuple(epoch, zone) = head
    GROUP BY day
)
"""

# A row: a partition that is on the disk of some node. (The name is taken on the node that is
# asked: another one may have a default database of its own.)
STORED_PARTITIONS = """
SELECT DISTINCT table, partition, partition_id
FROM {parts}
WHERE active AND database = (SELECT currentDatabase())
"""

ROLLUPS = {
    "activity": (ACTIVITY, "(day, bot_id, bucket, chat_type, language, model)", ""),
    "daily": (DAILY, "(day, bot_id, chat_type, language, model)", ""),
    "new_users": (NEW_USERS, "(day, bot_id, bucket, source)", ""),
    # By person: the ranking is by sums over the days, and then few people are looked up.
    "user_days": (USER_DAYS, "(user_key, day, bot_id)", PEOPLE_GRANULES),
    # By dialog: a page looks up few of them over many days.
    "dialog_days": (DIALOG_DAYS, "(dialog_id, day, bot_id)", FINE_GRANULES),
    "quarter_users": (QUARTER_USERS, "(day, bot_id, bucket)", SMALL_GRANULES),
    "day_users": (DAY_USERS, "(day, bot_id)", SMALL_GRANULES),
}


def upgrade() -> None:
    ddl = current()
    run(
        ddl.create_table(
            "turns",
            columns=TURNS,
            engine="ReplacingMergeTree",
            arguments="version, is_deleted",
            partition_by="(epoch, toYYYYMM(received_at))",
            order_by="(epoch, toDate(received_at), dialog_id, id)",
            shard_by="user_key",
            settings=FINE_GRANULES,
        )
    )
    run(
        ddl.create_table(
            "people",
            columns=PEOPLE,
            engine="ReplacingMergeTree",
            arguments="version, is_deleted",
            partition_by="epoch",
            order_by="(epoch, user_key)",
            shard_by="user_key",
            settings=SOON_FROM_DISK,
        )
    )
    for name, (columns, order_by, settings) in ROLLUPS.items():
        run(
            ddl.create_table(
                name,
                columns=columns,
                partition_by=BUILD,
                order_by=order_by,
                settings=settings,
            )
        )
    run(
        ddl.create_table(
            "first_days", columns=FIRST_DAYS, partition_by="version", order_by="user_key"
        )
    )
    run(
        ddl.create_table(
            "published",
            columns=PUBLISHED,
            partition_by="toDate(published_at)",
            order_by="(day, publication)",
        )
    )
    for name, columns, order_by, moment, days in (
        ("freshness", FRESHNESS, "checked_at", "checked_at", 7),
        ("watermarks", WATERMARKS, "sequence", "", 0),
        ("batches", BATCHES, "finished_at", "finished_at", 90),
        ("checks", CHECKS, "(suite, checked_at)", "checked_at", 90),
        ("reconciliation", RECONCILIATION, "(ran_at, day)", "ran_at", 365),
    ):
        ttl = f"toDateTime({moment}) + INTERVAL {days} DAY" if moment else ""
        run(ddl.create_table(name, columns=columns, order_by=order_by, ttl=ttl))
    stored = STORED_PARTITIONS.format(parts=ddl.system_table("parts"))
    run(ddl.create_view("stored_partitions", query=stored))
    run(ddl.create_view("snapshots", query=SNAPSHOTS))
    run(ddl.create_view("builds_at", query=BUILDS_AT))
    run(ddl.create_view("builds", query=BUILDS))


def downgrade() -> None:
    ddl = current()
    for view in ("builds", "builds_at", "snapshots", "stored_partitions"):
        run(ddl.drop_view(view))
    for table in (
        "reconciliation",
        "checks",
        "batches",
        "watermarks",
        "freshness",
        "published",
        "first_days",
        *ROLLUPS,
    ):
        run(ddl.drop_table(table))
    for table in ("people", "turns"):
        run(ddl.drop_table(table, sharded=True))
