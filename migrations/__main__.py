"""`python -m migrations [postgres|clickhouse] [--sql]`: bring schemas up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from alembic import command
from alembic.config import Config

from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load

STORES = ("postgres", "clickhouse")
HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    parser.add_argument("stores", nargs="*", choices=[*STORES, []], help="default: both")
    parser.add_argument("--sql", action="store_true", help="print the statements, run nothing")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="migrations")
    for store in arguments.stores or STORES:
        config = Config(HERE / store / "alembic.ini")
        command.upgrade(config, "head", sql=arguments.sql)
    return 0


if __name__ == "__main__":
    run(main)
