"""`python -m bot.users.key_rotation next | rewrap`: replaces DATA_KEY.

`next` prints a new key. `rewrap` re-encrypts with DATA_KEY what DATA_KEY_SECOND had encrypted,
while the bot is running; its last line is JSON. In a database of an older version it also binds
every sealed value to its row, then sets the marker that refuses unbound values. It can be
stopped and run again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict

from sqlalchemy.ext.asyncio import async_sessionmaker

from bot.users.rewrapping import RewrapResult, rewrap
from common.encryption.sealing import Vault, next_data_key
from common.log import configure_logging
from common.postgres import check_reachable, create_engine
from common.process import run
from common.settings import DatabaseSettings, DataKeySettings, RuntimeSettings, load


async def _rewrap(settings: DataKeySettings, *, accepts_losses: bool) -> RewrapResult:
    database = load(DatabaseSettings)
    await check_reachable(database)
    engine = create_engine(database, application_name="rotation")
    try:
        vault = Vault(settings.data_key.get_secret_value(), second=settings.second)
        return await rewrap(async_sessionmaker(engine), vault, accepts_losses=accepts_losses)
    finally:
        await engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.users.key_rotation", description=__doc__)
    parser.add_argument("step", choices=["next", "rewrap"])
    parser.add_argument(
        "--accept-losses",
        action="store_true",
        help="set the marker even if some values cannot be opened; they are lost for good",
    )
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="rotation")
    settings = load(DataKeySettings)
    if arguments.step == "next":
        sys.stdout.write(f"{next_data_key(settings.data_key.get_secret_value())}\n")
        return 0
    result = asyncio.run(_rewrap(settings, accepts_losses=arguments.accept_losses))
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    run(main)
