"""Serves the embedded ClickHouse to a user who may do anything, as the clients' own suites expect.

They create and drop databases, users' tables of every engine, and read files of their own. The
shipped writer may do none of that.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from embedded.clickhouse.__main__ import SERVER_DEFAULTS, serve
from embedded.clickhouse.accounts import Account, Accounts
from embedded.clickhouse.engine.engine import Engine
from embedded.clickhouse.settings import MIB, ClickHouseSettings
from embedded.listening import listen

USER = "default"
GRANTS = ("GRANT ALL ON *.*",)
# The suites were written for servers before 26.8, which reads a number in JSON as seconds.
DEFAULTS = SERVER_DEFAULTS | {"input_format_read_datetime_number_as_raw_value": "1"}


def main() -> None:
    configure_logging(load(RuntimeSettings), service="clickhouse")
    settings = load(ClickHouseSettings)
    user = Account(USER, read_only=False, defaults=DEFAULTS, grants=GRANTS, is_restricted=False)
    with closing(listen(settings.clickhouse_bind_host, settings.clickhouse_port)) as sock:
        engine = Engine(
            settings.data_dir / "clickhouse",
            memory_bytes=settings.clickhouse_memory_mib * MIB,
            grants=GRANTS,
        )
        try:
            asyncio.run(serve(settings, engine, Accounts({USER: (user, "")}), sock))
        finally:
            engine.close()


if __name__ == "__main__":
    run(main)
