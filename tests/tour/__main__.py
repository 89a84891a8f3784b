"""`python -m tests.tour [--kills]`: a person's day with the bot, and the chat as they saw it.

The bot is a program of its own, with a real PostgreSQL; Telegram and the model are simulated: the
real ones are not tried.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from inspect import isawaitable
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config

from common.process import run
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from simulator.app import Simulator, create_simulator, listening
from tests.bot.process import BotProcess, bot_environment
from tests.tour.chat import MODELS, PersonInChat
from tests.tour.steps import STEP_SECONDS, STEPS, Step

DATABASE = "tour"
MIGRATIONS = Path(__file__).parents[2] / "migrations" / "postgres" / "alembic.ini"
SETTLE_SECONDS = 60.0
LISTENER = "sim/whisper"


@dataclass(frozen=True, kw_only=True)
class TourResult:
    """The last line of `make bot-tour`."""

    steps: int
    failed: int
    """Steps after which the bot did not show or record what it should."""
    failures: list[str]
    """Their titles."""
    model_calls: int
    """Requests that the simulated model received."""
    attempts_recorded: int
    """Attempts in the ledger."""
    ok: bool


class Tour:
    """Does the steps one after the other.

    Args:
        kills: the bot is killed as soon as a step's answer is shown, and started again while the
            person does the next step.
    """

    def __init__(
        self, person: PersonInChat, bot: BotProcess, database: DatabaseSettings, *, kills: bool
    ) -> None:
        self._person = person
        self._bot = bot
        self._database = database
        self._kills = kills
        self._is_running = False

    async def run(self) -> list[str]:
        """Do all steps; return the titles of those that failed."""
        failed = [step.title for step in STEPS if not await self._does(step)]
        await self._start()
        return failed

    async def end(self) -> None:
        """Stop the bot."""
        if self._is_running:
            await self._bot.end(signal.SIGTERM)

    async def _does(self, step: Step) -> bool:
        _print(f"— {step.title}")
        self._person.model_answers(step.answer, **step.model)
        await self._start()
        try:
            acting = step.act(self._person)
            if isawaitable(acting):
                await acting
            missing = await self._person.wait_for(*step.shows, seconds=STEP_SECONDS)
            if step.records and not await _exists(self._database, step.records):
                missing.append(step.records)
        except (AssertionError, TimeoutError) as error:
            missing = [str(error)]
        if self._kills:
            await self._bot.end(signal.SIGKILL)
            self._is_running = False
        self._person.print_new()
        for text in missing:
            _print(f"  FAILED, not shown or recorded: {text}")
        return not missing

    async def _start(self) -> None:
        if not self._is_running:
            await self._bot.start()
            self._is_running = True


async def tour(directory: Path, *, kills: bool) -> TourResult:
    """Run the bot in this directory and do the steps."""
    async with _database(directory) as database, listening(create_simulator()) as simulator:
        simulator.model.set_behaviour("*", sees=True)
        environment = bot_environment(
            simulator,
            database,
            LLM_ALLOWED_MODELS=" ".join(MODELS),
            TRANSCRIPTION_MODEL=LISTENER,
            TRANSCRIPTION_BASE_URL=simulator.model_url,
            DRAFT_SECONDS="0.2",
            JOIN_SHORT_SECONDS="0.5",
        )
        bot = BotProcess(environment, directory / "bot.log")
        day = Tour(PersonInChat(simulator, say=_print), bot, database, kills=kills)
        try:
            failures = await day.run()
            is_settled = await _settled(simulator, database)
        finally:
            await day.end()
        calls, attempts = len(simulator.calls), await _count(database, "SELECT FROM llm_calls")
    if not is_settled:
        _print("FAILED: an update has no outcome")
    return TourResult(
        steps=len(STEPS),
        failed=len(failures),
        failures=failures,
        model_calls=calls,
        attempts_recorded=attempts,
        ok=not failures and is_settled and calls == attempts,
    )


@asynccontextmanager
async def _database(directory: Path) -> AsyncIterator[DatabaseSettings]:
    """A migrated database on a temporary server."""
    server = EmbeddedPostgres(directory / "postgres", durable=False)
    await asyncio.to_thread(server.prepare)
    with (directory / "postgres.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *server.command(), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        await server.wait_until_ready()
        await server.ensure_databases(DATABASE)
        settings = DatabaseSettings.model_validate({"database_url": server.url(DATABASE)})
        config = Config(MIGRATIONS)
        config.attributes["url"] = settings.asyncpg_url
        await asyncio.to_thread(command.upgrade, config, "head")
        yield settings
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


async def _settled(simulator: Simulator, database: DatabaseSettings) -> bool:
    """Whether every update ends in an outcome."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        is_open = await _count(database, "SELECT FROM updates WHERE outcome IS NULL")
        if not len(simulator.account.queue) and not is_open:
            return True
        await asyncio.sleep(0.2)
    return False


async def _exists(database: DatabaseSettings, rows: str) -> bool:
    """Whether there are such rows soon."""
    deadline = asyncio.get_running_loop().time() + STEP_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if await _count(database, rows):
            return True
        await asyncio.sleep(0.2)
    return False


async def _count(database: DatabaseSettings, rows: str) -> int:
    connection = await asyncpg.connect(database.asyncpg_url)
    try:
        count: int = await connection.fetchval(
            f"SELECT count(*) FROM ({rows}) AS counted"
        )  # our own statements
    finally:
        await connection.close()
    return count


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tour", description=__doc__)
    parser.add_argument("--kills", action="store_true", help="kill the bot between the steps")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        result = asyncio.run(tour(Path(directory), kills=arguments.kills))
    _print(json.dumps(asdict(result)))
    return 0 if result.ok else 1


if __name__ == "__main__":
    run(main)
