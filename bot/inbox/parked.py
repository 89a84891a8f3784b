"""`python -m bot.inbox.parked list | retry ID…`: lists parked updates and retries them.

Payloads stay sealed.
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
    MAX_UPDATE_ID,
    UNREADABLE,
    UpdateRow,
    UserRow,
)
from common.errors import StartupError
from common.log import configure_logging
from common.postgres import Sessions, check_reachable, create_engine, transaction
from common.process import run
from common.settings import DatabaseSettings, RuntimeSettings, load
from common.vocabulary import UpdateOutcome

PARKED = (
    select(
        UpdateRow.bot_id,
        UpdateRow.update_id,
        UpdateRow.kind,
        UpdateRow.received_at,
        UpdateRow.attempts,
        UpdateRow.error,
        UpdateRow.turn_id.is_not(None).label("has_turn"),
        UpdateRow.payload.is_not(None).label("has_payload"),
    )
    .where(UpdateRow.outcome == UpdateOutcome.PARKED.value)
    .order_by(UpdateRow.received_at, UpdateRow.bot_id, UpdateRow.update_id)
)


@dataclass(frozen=True, slots=True)
class ParkedUpdate:
    """One parked update."""

    bot_id: int
    update_id: int
    kind: str
    received_at: datetime
    attempts: int
    error: str | None
    has_turn: bool
    has_payload: bool

    @property
    def not_retryable_reason(self) -> str | None:
        """Why it cannot be retried; None if it can."""
        if self.has_turn:
            # The user was told that it failed, and an update belongs to exactly one turn.
            return "its turn had begun"
        if self.kind == UNREADABLE:
            return "it cannot be parsed"
        if not self.has_payload:
            return "its payload was erased"
        return None

    def line(self) -> str:
        """Tab-separated: the fields, then whether it can be retried."""
        fields = (
            self.bot_id,
            self.update_id,
            self.kind,
            self.received_at.isoformat(timespec="seconds"),
            self.attempts,
            self.error or "-",
            self.not_retryable_reason or "can be retried",
        )
        return "\t".join(map(str, fields))


async def list_parked(sessions: Sessions) -> list[ParkedUpdate]:
    """All parked updates, oldest first."""
    async with sessions() as session:
        return [ParkedUpdate(**row) for row in (await session.execute(PARKED)).mappings()]


async def retry(
    sessions: Sessions, update_ids: Collection[int], *, bot_id: int | None = None
) -> list[ParkedUpdate]:
    """Return these updates to the inbox as if they had never failed: all or none.

    `bot_id` is needed if several bots of the database have parked the same update id.

    Returns:
        The updates as they were parked.

    Raises:
        StartupError: some cannot be retried, one line for each. Nothing was changed.
    """
    asked = PARKED.where(UpdateRow.update_id.in_(update_ids))
    if bot_id is not None:
        asked = asked.where(UpdateRow.bot_id == bot_id)
    async with transaction(sessions) as session:
        # /forget locks its user first; without this lock it would miss updates returned now.
        keys = asked.with_only_columns(UpdateRow.user_key, maintain_column_froms=True).order_by(
            None
        )
        await session.execute(
            select(UserRow.key)
            .where(UserRow.key.in_(keys))
            .order_by(UserRow.key)
            .with_for_update(read=True, key_share=True)
        )
        # The retention job may erase payloads at the same time.
        rows = (await session.execute(asked.with_for_update())).mappings()
        found = [ParkedUpdate(**row) for row in rows]
        if refused := [
            f"{update_id}: {reason}"
            for update_id in sorted(set(update_ids))
            if (reason := _refusal([one for one in found if one.update_id == update_id]))
        ]:
            raise StartupError("\n".join(refused))
        await session.execute(
            update(UpdateRow)
            .where(
                tuple_(UpdateRow.bot_id, UpdateRow.update_id).in_(
                    [(one.bot_id, one.update_id) for one in found]
                )
            )
            .values(outcome=None, error=None, settled_at=None, attempts=0)
        )
    return found


def _refusal(found: list[ParkedUpdate]) -> str | None:
    """Why the updates found under one id cannot be retried, or None."""
    match found:
        case []:
            return "no parked update has this id"
        case [one]:
            return one.not_retryable_reason and f"cannot be retried, {one.not_retryable_reason}"
    bots = ", ".join(str(one.bot_id) for one in found)
    return f"parked by several bots ({bots}): name one with --bot"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bot.inbox.parked", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list parked updates, and whether they can be retried")
    command = commands.add_parser("retry", help="return updates to the inbox, all or none")
    command.add_argument("update_ids", metavar="ID", nargs="+", type=_identifier)
    command.add_argument("--bot", type=_identifier, help="whose updates; see the list")
    return parser.parse_args(arguments)


def _identifier(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) > MAX_UPDATE_ID:
        raise argparse.ArgumentTypeError(f"{value!r} is not an id")
    return int(value)


async def show(arguments: argparse.Namespace) -> None:
    """Run the command and print one line per update."""
    settings = load(DatabaseSettings)
    await check_reachable(settings)
    engine = create_engine(settings, application_name="bot-parked")
    try:
        sessions = async_sessionmaker(engine)
        if arguments.command == "list":
            lines = [one.line() for one in await list_parked(sessions)]
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
