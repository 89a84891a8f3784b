"""A released version: both schemas with some data, and what every report answered, in files.

    python -m tests.migrations.dump

writes `tests/migrations/released/<version>` with the code of today. Run it once per release: the
migrations of every later version are tried on it (test_released.py).
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from alembic import command

from common.log import configure_logging
from common.settings import DatabaseSettings, ReportSettings, RuntimeSettings, load
from common.version import VERSION
from embedded.postgres import BINARIES
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import alembic_config, running_postgres
from tests.migrations.reports import Answers, every_report
from tests.pipelines.ledger import NOON, Ledger, random_turn
from warehouse.settings import WarehouseSettings

RELEASED = Path(__file__).parent / "released"
ASKED_AT = NOON + timedelta(minutes=5)
OF_THE_STATE = ("/catalogue", "/freshness", "/quality")
REPORTS = "reports.json.gz"
ZONE = "Europe/Moscow"
DATABASE = "dialytics"
STATE = "AggregateFunction("
COMPACT = "JSONCompactEachRow"
# Numbers that JSON does not hold are text.
EXACT = "output_format_json_quote_decimals = 1, output_format_json_quote_64bit_integers = 1"
# One row of each table of the bot and the API that the ledger does not fill.
OTHERS = r"""
INSERT INTO dialogs (id, bot_id, chat_hmac, chat_type, user_key)
VALUES ('00000000-0000-0000-0000-000000000001', 7, '\x01', 'private', 1);
INSERT INTO messages (id, user_key, dialog_id, turn_id, role, content, content_length)
VALUES (gen_random_uuid(), 1, '00000000-0000-0000-0000-000000000001', gen_random_uuid(),
        'user', '\x00', 1);
INSERT INTO user_settings (user_key, max_history_messages) VALUES (1, 10);
INSERT INTO updates (bot_id, update_id, kind, lane, outcome, settled_at)
VALUES (7, 1, 'message', '\x01', 'turn', now());
INSERT INTO llm_calls (id, turn_id, attempt, model, outcome)
SELECT gen_random_uuid(), id, 1, 'small', status FROM turns WHERE model_asked IS NOT NULL;
INSERT INTO spent_budgets (telegram_hmac, period_start, period, messages, cost_usd)
VALUES ('\x01', '2025-03-10', 'day', 1, 0.5);
INSERT INTO refused_chats (bot_id, chat_hmac) VALUES (7, '\x02');
INSERT INTO access_rules (subject, subject_hmac, kind, reason, author_id, author)
VALUES ('person', '\x01', 'ban', '', 1, 'first');
INSERT INTO ban_notices (subject_hmac) VALUES ('\x01');
INSERT INTO api_users (username, password_hash, scopes)
VALUES ('first', 'none', '{names:read}');
INSERT INTO api_keys (account_id, label, beginning, digest, scopes, expires_at)
VALUES (1, 'grafana', 'dly_', '\x01', '{names:read}', now());
INSERT INTO api_sessions (account_id, digest, credentials_version, created_at, expires_at)
VALUES (1, '\x02', 1, now(), now());
INSERT INTO password_resets (account_id, digest, expires_at) VALUES (1, '\x03', now());
INSERT INTO audit_events (kind, actor_id, actor, request_id, details)
VALUES ('login', 1, 'first', 'r', '{"method": "password"}');
INSERT INTO outbox (key, payload) VALUES ('digest', '{}');
INSERT INTO alerts (name, metric, width, test, threshold, no_data, author_id, author)
VALUES ('cost', 'cost_usd', 'hour', 'above', 5, 'ignore', 1, 'first');
INSERT INTO alert_events (alert_id, window_start, window_end, value)
VALUES (1, '2025-03-10T12:00Z', '2025-03-10T13:00Z', 6)
"""


def pipeline_settings_of(
    database: DatabaseSettings, warehouse: WarehouseSettings
) -> PipelineSettings:
    return PipelineSettings(
        database=database,
        warehouse=warehouse,
        pipelines=PipelineSection.model_validate({}),
        report=ReportSettings.model_validate({"report_timezone": ZONE}),
    )


def write(directory: Path) -> None:
    """Make the stores of this version, fill them, and write them down."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as scratch:
        clickhouse = ClickHouseProcess(Path(scratch))
        clickhouse.start()
        try:
            with running_postgres(Path(scratch) / "pg", DATABASE) as server:
                address = clickhouse.database(DATABASE)
                database = DatabaseSettings.model_validate({"database_url": server.url(DATABASE)})
                warehouse = WarehouseSettings.model_validate(
                    {"clickhouse_url": address.url, "clickhouse_reader_url": address.reader_url}
                )
                command.upgrade(alembic_config("postgres", database.asyncpg_url), "head")
                command.upgrade(alembic_config("clickhouse", address.url), "head")
                with Ledger(database.libpq_url) as ledger:
                    for _ in range(6):
                        ledger.add_person()
                    turns = (random_turn(chance, days=4, users=6) for _ in range(40))
                    # Several turns of a dialog, and the same ids in every dump.
                    ledger.add(
                        *(
                            turn | {"id": UUID(int=number), "dialog_id": UUID(int=turn["user_key"])}
                            for number, turn in enumerate(turns, start=1)
                        )
                    )
                    for statement in OTHERS.split(";"):
                        ledger.execute(statement)
                run_cycle(pipeline_settings_of(database, warehouse))
                answers = reports_of(database, warehouse)
                # A released version never changes: it is there once.
                directory.mkdir(parents=True)
                dump_postgres(database.libpq_url, directory / "postgres.sql")
                dump_clickhouse(clickhouse, directory)
                # Many zeros: a twentieth of the text.
                packed = gzip.compress(json.dumps(answers, sort_keys=True).encode(), mtime=0)
                (directory / REPORTS).write_bytes(packed)
        finally:
            clickhouse.stop()


def dump_postgres(url: str, path: Path) -> None:
    program = ["pg_dump", "--inserts", "--rows-per-insert=1000", "--no-owner", "--no-privileges"]
    subprocess.run(
        [BINARIES / program[0], *program[1:], f"--file={path}", url], check=True, timeout=100
    )


def load_postgres(url: str, path: Path) -> None:
    program = ["psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    subprocess.run(
        [BINARIES / program[0], *program[1:], f"--file={path}", url], check=True, timeout=100
    )


def dump_clickhouse(server: ClickHouseProcess, directory: Path) -> None:
    """`clickhouse.sql` makes tables, then views; `clickhouse.json` has rows by table, as lists."""
    tables = _rows(
        server,
        "SELECT name, create_table_query AS sql, engine = 'View' AS is_view FROM system.tables"
        f" WHERE database = '{DATABASE}' ORDER BY is_view, name",
    )
    statements = [table["sql"].replace(f"{DATABASE}.", "") for table in tables]
    (directory / "clickhouse.sql").write_text(";\n".join(statements) + ";\n", encoding="utf-8")
    rows = {}
    for table in tables:
        if table["is_view"]:
            continue
        columns = _stored_columns(server, DATABASE, table["name"])
        selected = ", ".join(
            f"hex({name}) AS {name}" if kind.startswith(STATE) else name
            for name, kind in columns.items()
        )
        answer = _read(server, f"SELECT {selected} FROM {DATABASE}.{table['name']}", COMPACT)
        rows[table["name"]] = ",\n".join(answer.splitlines())
    (directory / "clickhouse.json").write_text(
        "{\n"
        + ",\n".join(f"{json.dumps(name)}: [\n{found}\n]" for name, found in rows.items())
        + "\n}\n",
        encoding="utf-8",
    )


def load_clickhouse(server: ClickHouseProcess, database: str, directory: Path) -> None:
    text = (directory / "clickhouse.sql").read_text(encoding="utf-8")
    for statement in filter(None, text.split(";\n")):
        server.execute(statement, database=database)
    tables = json.loads((directory / "clickhouse.json").read_text(encoding="utf-8"))
    for name, rows in tables.items():
        columns = _stored_columns(server, database, name)
        # States are hexadecimal text in the file.
        as_text = {n: "String" if k.startswith(STATE) else k for n, k in columns.items()}
        declared = ", ".join(f"{column} {kind}" for column, kind in as_text.items())
        server.execute(f"CREATE TABLE loaded ({declared}) ENGINE = Memory", database=database)
        lines = "\n".join(map(json.dumps, rows))
        server.execute(f"INSERT INTO loaded FORMAT {COMPACT}\n{lines}", database=database)
        selected = ", ".join(
            f"CAST(unhex({column}), '{kind}')" if kind.startswith(STATE) else column
            for column, kind in columns.items()
        )
        server.execute(
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {selected} FROM loaded",
            database=database,
        )
        server.execute("DROP TABLE loaded SYNC", database=database)


def _stored_columns(server: ClickHouseProcess, database: str, table: str) -> dict[str, str]:
    rows = _rows(
        server,
        f"SELECT name, type FROM system.columns WHERE database = '{database}'"
        f" AND table = '{table}' AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')"
        " ORDER BY position",
    )
    return {row["name"]: row["type"] for row in rows}


def _rows(server: ClickHouseProcess, query: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _read(server, query, "JSONEachRow").splitlines()]


def _read(server: ClickHouseProcess, query: str, form: str) -> str:
    # As the reader: the writer may not choose how an answer looks.
    return server.read(f"{query} FORMAT {form} SETTINGS {EXACT}")


def reports_of(database: DatabaseSettings, warehouse: WarehouseSettings) -> Answers:
    """Every report but those about the code and the state of the warehouse."""
    answers = every_report(database, warehouse, now=ASKED_AT)
    return {
        address: answer
        for address, answer in answers.items()
        if not any(part in address for part in OF_THE_STATE)
    }


def answers_of(directory: Path) -> Answers:
    """The answers of the reports when the version was released."""
    answers: Answers = json.loads(gzip.decompress((directory / REPORTS).read_bytes()))
    return answers


if __name__ == "__main__":
    configure_logging(load(RuntimeSettings), service="release-dump")
    write(RELEASED / VERSION)
