"""`python -m migrations [postgres|clickhouse] [--sql]`: bring schemas up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from common.errors import SettingError
from common.log import configure_logging, get_logger
from common.postgres import first_line
from common.process import run
from common.settings import RuntimeSettings, load
from migrations.settings import MigrationSettings
from migrations.stores import (
    current_revision,
    is_configured,
    wait_for_clickhouse,
    wait_for_postgres,
)

STORES = ("postgres", "clickhouse")
HERE = Path(__file__).parent
WAIT_FOR = {"postgres": wait_for_postgres, "clickhouse": wait_for_clickhouse}

RIGHTS = "docs/guides/deployment.md#an-external-postgresql"

log = get_logger(__name__)


def upgrade(store: str) -> None:
    """Bring one store up to date. A schema that is newer than this code stays as it is.

    Raises:
        SettingError: PostgreSQL refuses a statement to the role of DATABASE_URL.
    """
    config = Config(HERE / store / "alembic.ini")
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        unknown = error.__cause__
        # Revisions are numbered. Services were rolled back, and the schema is made for that:
        # they wait for the success of this process.
        if not (isinstance(unknown, ResolutionError) and unknown.argument > head):
            raise
        log.warning(
            "schema_is_newer_nothing_changed", store=store, schema=unknown.argument, code=head
        )
    except DBAPIError as error:
        refused = error.orig and error.orig.__cause__
        if not isinstance(refused, asyncpg.InsufficientPrivilegeError):
            raise
        raise SettingError(
            "DATABASE_URL", f"its role lacks a right: {first_line(refused)} ({RIGHTS})"
        ) from error


def print_pending(store: str, *, seconds: float) -> None:
    """Print the statements that this store has not run yet; all where no address is set."""
    config = Config(HERE / store / "alembic.ini")
    current = None
    if is_configured(store):
        WAIT_FOR[store](seconds=seconds)
        current = current_revision(store)
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    if current is None or current < head:
        command.upgrade(config, f"{current}:head" if current else "head", sql=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    parser.add_argument("stores", nargs="*", choices=[*STORES, []], help="default: both")
    parser.add_argument("--sql", action="store_true", help="print what is pending, run nothing")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="migrations")
    stores = arguments.stores or STORES
    seconds = load(MigrationSettings).migration_wait_seconds
    if arguments.sql:
        for store in stores:
            print_pending(store, seconds=seconds)
        return 0
    # ClickHouse's migrations hold a lock in PostgreSQL.
    for store in dict.fromkeys(("postgres", *stores)):
        WAIT_FOR[store](seconds=seconds)
    for store in stores:
        upgrade(store)
    return 0


if __name__ == "__main__":
    run(main)
