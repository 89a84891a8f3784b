"""`python -m bot.rotation next | rewrap`: another DATA_KEY, without losing a text or a person.

`next` prints a new key. `rewrap` wraps every person's key by DATA_KEY that DATA_KEY_SECOND had
wrapped, beside a running bot; its last line is JSON. Texts themselves are not touched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

from common.log import configure_logging
from common.postgres import Sessions, check_reachable, create_engine, transaction
from common.process import run
from common.sealing import UnreadableError, Vault, next_data_key
from common.settings import DatabaseSettings, DataKeySettings, RuntimeSettings, load

PAGE = 500
PEOPLE = text("SELECT key, wrapped_key FROM users WHERE key > :after ORDER BY key LIMIT :page")
# Who was erased meanwhile, or written anew, is left alone.
REWRAP = text("UPDATE users SET wrapped_key = :new WHERE key = :key AND wrapped_key = :old")
UPDATES = text(
    "SELECT bot_id, update_id, payload FROM updates"
    " WHERE user_key IS NULL AND payload IS NOT NULL ORDER BY bot_id, update_id"
)
RESEAL = text(
    "UPDATE updates SET payload = :new"
    " WHERE bot_id = :bot_id AND update_id = :update_id AND payload = :old"
)


@dataclass
class Rewrapped:
    """The last line of `rewrap`."""

    people: int = 0
    updates: int = 0
    unreadable: int = 0
    """Wrapped by neither key."""
    ok: bool = True


async def rewrap(sessions: Sessions, vault: Vault) -> Rewrapped:
    """Wrap and seal anew what the first data key does not open. Harmless to repeat."""
    result = Rewrapped()

    def anew(old: bytes, how: Callable[[bytes], bytes | None]) -> bytes | None:
        try:
            return how(old)
        except UnreadableError:
            result.unreadable += 1
            return None

    after = 0
    while True:
        async with transaction(sessions) as session:
            page = (await session.execute(PEOPLE, {"after": after, "page": PAGE})).all()
            for row in page:
                if new := anew(row.wrapped_key, vault.rewrapped):
                    values = {"key": row.key, "old": row.wrapped_key, "new": new}
                    await session.execute(REWRAP, values)
                    result.people += 1
        if not page:
            break
        after = page[-1].key
    async with transaction(sessions) as session:
        for row in (await session.execute(UPDATES)).all():
            if new := anew(row.payload, vault.installation.resealed):
                values = {"bot_id": row.bot_id, "update_id": row.update_id}
                await session.execute(RESEAL, {**values, "old": row.payload, "new": new})
                result.updates += 1
    result.ok = result.unreadable == 0
    return result


async def _rewrap(settings: DataKeySettings) -> Rewrapped:
    engine = create_engine(load(DatabaseSettings), application_name="rotation")
    try:
        await check_reachable(engine)
        vault = Vault(settings.data_key.get_secret_value(), second=settings.second)
        return await rewrap(async_sessionmaker(engine), vault)
    finally:
        await engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.rotation", description=__doc__)
    parser.add_argument("step", choices=["next", "rewrap"])
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="rotation")
    settings = load(DataKeySettings)
    if arguments.step == "next":
        sys.stdout.write(f"{next_data_key(settings.data_key.get_secret_value())}\n")
        return 0
    result = asyncio.run(_rewrap(settings))
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    run(main)
