"""`python -m migrations [postgres|clickhouse] [--sql]`: bring schemas up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from common.log import configure_logging, get_logger
from common.process import run
from common.settings import RuntimeSettings, load

STORES = ("postgres", "clickhouse")
HERE = Path(__file__).parent

log = get_logger(__name__)


def upgrade(store: str, *, sql: bool = False) -> None:
    """Bring one store up to date. A schema that is newer than this code stays as it is."""
    config = Config(HERE / store / "alembic.ini")
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    try:
        command.upgrade(config, "head", sql=sql)
    except CommandError as error:
        unknown = error.__cause__
        # Revisions are numbered. Services were rolled back, and the schema is made for that:
        # they wait for the success of this process.
        if not (isinstance(unknown, ResolutionError) and unknown.argument > head):
            raise
        log.warning(
            "schema_is_newer_nothing_changed", store=store, schema=unknown.argument, code=head
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    parser.add_argument("stores", nargs="*", choices=[*STORES, []], help="default: both")
    parser.add_argument("--sql", action="store_true", help="print the statements, run nothing")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="migrations")
    for store in arguments.stores or STORES:
        upgrade(store, sql=arguments.sql)
    return 0


if __name__ == "__main__":
    run(main)
