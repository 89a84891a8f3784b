"""`python -m bot.inbox.parked list | retry ID…`: updates that were put aside, and giving them back.

Knows why an update may not be tried again; nothing about what is in it: payloads stay sealed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import async_sessionmaker

from bot.db.tables import (
    LARGEST_UPDATE_ID,
    UNREADABLE,
    Update,
    User,
)
from common.errors import StartupError
from common.log import configure_logging
from common.postgres import Sessions, check_reachable, create_engine, transaction
from common.process import run
from common.settings import DatabaseSettings, RuntimeSettings, load
from common.vocabulary import UpdateOutcome

PARKED = (
    select(
        Update.bot_id,
        Update.update_id,
        Update.kind,
        Update.received_at,
        Update.attempts,
        Update.error,
        Update.turn_id.is_not(None).label("has_turn"),
        Update.payload.is_not(None).label("has_payload"),
    )
    .where(Update.outcome == UpdateOutcome.PARKED.value)
    .order_by(Update.received_at, Update.bot_id, Update.update_id)
)


@dataclass(frozen=True, slots=True)
class Parked:
    """One update that was put aside."""

    bot_id: int
    update_id: int
    kind: str
    received_at: datetime
    attempts: int
    error: str | None
    has_turn: bool
    has_payload: bool

    @property
    def obstacle(self) -> str | None:
        """Why it may not be tried again; None when it may."""
        if self.has_turn:
            # Its person was told that it failed, and a text is in exactly one turn.
            return "its turn had begun"
        if self.kind == UNREADABLE:
            return "it cannot be parsed"
        if not self.has_payload:
            return "its payload was erased"
        return None

    def line(self) -> str:
        """Tab-separated: the fields, then whether it may be tried again."""
        fields = (
            self.bot_id,
            self.update_id,
            self.kind,
            self.received_at.isoformat(timespec="seconds"),
            self.attempts,
            self.error or "-",
            self.obstacle or "can be retried",
        )
        return "\t".join(map(str, fields))


async def every(sessions: Sessions) -> list[Parked]:
    """All parked updates, the oldest first."""
    async with sessions() as session:
        return [Parked(**row) for row in (await session.execute(PARKED)).mappings()]


async def retry(
    sessions: Sessions, update_ids: Collection[int], *, bot_id: int | None = None
) -> list[Parked]:
    """Give these updates back to the inbox as if they had never failed: all, or none.

    `bot_id` says whose are meant; it is needed when several bots of the database parked one id.

    Returns:
        The updates as they were parked.

    Raises:
        StartupError: some may not be tried again; a line for each. Nothing was changed.
    """
    asked = PARKED.where(Update.update_id.in_(update_ids))
    if bot_id is not None:
        asked = asked.where(Update.bot_id == bot_id)
    async with transaction(sessions) as session:
        # /forget locks its person first: what is given back beside it would be missed by it.
        keys = asked.with_only_columns(Update.user_key, maintain_column_froms=True).order_by(None)
        await session.execute(
            select(User.key)
            .where(User.key.in_(keys))
            .order_by(User.key)
            .with_for_update(read=True, key_share=True)
        )
        # Retention erases payloads beside us.
        rows = (await session.execute(asked.with_for_update())).mappings()
        found = [Parked(**row) for row in rows]
        if refused := [
            f"{update_id}: {reason}"
            for update_id in sorted(set(update_ids))
            if (reason := _refusal([one for one in found if one.update_id == update_id]))
        ]:
            raise StartupError("\n".join(refused))
        await session.execute(
            update(Update)
            .where(
                tuple_(Update.bot_id, Update.update_id).in_(
                    [(one.bot_id, one.update_id) for one in found]
                )
            )
            .values(outcome=None, error=None, settled_at=None, attempts=0)
        )
    return found


def _refusal(found: list[Parked]) -> str | None:
    """Why what was found under one id is not given back."""
    match found:
        case []:
            return "no parked update has this id"
        case [one]:
            return one.obstacle and f"cannot be retried, {one.obstacle}"
    bots = ", ".join(str(one.bot_id) for one in found)
    return f"parked by several bots ({bots}): name one with --bot"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bot.inbox.parked", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every parked update, and whether it may be tried again")
    command = commands.add_parser("retry", help="give updates back to the inbox, all or none")
    command.add_argument("update_ids", metavar="ID", nargs="+", type=_identifier)
    command.add_argument("--bot", type=_identifier, help="whose updates; see the list")
    return parser.parse_args(arguments)


def _identifier(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) > LARGEST_UPDATE_ID:
        raise argparse.ArgumentTypeError(f"{value!r} is not an id")
    return int(value)


async def show(arguments: argparse.Namespace) -> None:
    """Do what was asked and print one line per update."""
    settings = load(DatabaseSettings)
    await check_reachable(settings)
    engine = create_engine(settings, application_name="bot-parked")
    try:
        sessions = async_sessionmaker(engine)
        if arguments.command == "list":
            lines = [one.line() for one in await every(sessions)]
        else:
            retried = await retry(sessions, arguments.update_ids, bot_id=arguments.bot)
            lines = [f"{one.update_id}: given back to the inbox" for one in retried]
    finally:
        await engine.dispose()
    sys.stdout.writelines(f"{line}\n" for line in lines)


def main() -> None:
    arguments = parse()
    configure_logging(load(RuntimeSettings), service="bot-parked")
    asyncio.run(show(arguments))


if __name__ == "__main__":
    run(main)
