"""A whole bot in this process, against the simulators and a fresh database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from bot.app import App
from bot.db.tables import Turn, UpdateRow
from bot.settings import (
    AccessSettings,
    BillSettings,
    BotSettings,
    CountingSettings,
    MediaSettings,
    ModelSettings,
    OperatorSettings,
    Settings,
    SpeechSettings,
    StatsApiSettings,
    TelegramSettings,
    UsageLimitSettings,
)
from common.encryption.sealing import Sealer, Vault
from common.postgres import Sessions
from common.settings import (
    ConsentSettings,
    DatabaseSettings,
    DataKeySettings,
    ReportSettings,
    RuntimeSettings,
)
from simulator.app import Simulator
from simulator.telegram.world import SimChat, SimUser
from tests.bot.constants import DATA_KEY, GROUP_ID, MODEL
from tests.conftest import PROJECT
from tests.running import eventually

FALLBACK = "sim/fallback"
PATIENCE_SECONDS = 100
"""How long a busy machine may take; a test that passes does not wait so long."""
DAY_ENDS_SECONDS = 60

FAST: dict[str, Any] = {
    "telegram_chat_interval_seconds": 0.01,
    "telegram_messages_per_second": 500,
    "telegram_group_messages_per_minute": 1000,
    "telegram_poll_seconds": 1,
    "sweep_seconds": 0.3,
    "join_seconds": 0.4,
    # Off: most tests write several messages at once and mean several questions.
    "join_short_seconds": 0,
    "draft_seconds": 0.05,
    # Most tests of answers are about text and its entities.
    "rich_messages": "never",
    "retry_update_seconds": 0.02,
    "llm_retry_seconds": 0.01,
    "shutdown_seconds": 5.0,
    "llm_fallback_model": FALLBACK,
}


def make_settings(simulator: Simulator, database: DatabaseSettings, **changes: Any) -> Settings:
    """Settings of a bot that talks to the simulators; every value may be overridden by name."""
    values: dict[str, Any] = {
        "telegram_token": simulator.token,
        "telegram_api_url": simulator.url,
        "openrouter_api_key": simulator.api_key or "none",
        "openrouter_base_url": simulator.model_url,
        "llm_model": MODEL,
        "data_key": DATA_KEY,
        "bot_port": 0,
        **FAST,
        **changes,
    }

    def section(kind: type[Any]) -> Any:
        known = {name: values[name] for name in kind.model_fields if name in values}
        return kind(_env_file=None, **known)

    return Settings(
        runtime=section(RuntimeSettings),
        database=database,
        data_key=section(DataKeySettings),
        report=section(ReportSettings),
        consent=section(ConsentSettings),
        counting=section(CountingSettings),
        telegram=section(TelegramSettings),
        model=section(ModelSettings),
        access=section(AccessSettings),
        limits=section(UsageLimitSettings),
        media=section(MediaSettings),
        speech=section(SpeechSettings),
        bill=section(BillSettings),
        bot=section(BotSettings),
        operator=section(OperatorSettings),
        stats_api=section(StatsApiSettings),
    )


@dataclass
class World:
    """A running bot, its simulators and its database."""

    app: App
    simulator: Simulator
    sessions: Sessions

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.port}"

    @property
    def vault(self) -> Vault:
        return Vault(DATA_KEY)

    async def sealer(self) -> Sealer:
        """The sealer of the only user."""
        [person] = await self.rows("SELECT wrapped_key, telegram_hmac FROM users")
        return self.vault.user_sealer(*person)

    def write(self, words: str, *, person: int = 1001, **more: Any) -> list[int]:
        """A user writes in private, or in `chat`."""
        language = more.pop("language", "en")
        return self.simulator.account.send_text(
            words, person=SimUser(id=person, language_code=language), **more
        )

    def hold_model(self) -> asyncio.Event:
        """The model takes calls, and answers none of them before the event is set."""
        released, model = asyncio.Event(), self.simulator.model
        answer = model._answered

        async def wait_and_answer(*arguments: Any) -> Any:
            await released.wait()
            return await answer(*arguments)

        model._answered = wait_and_answer  # type: ignore[method-assign] # keeps it waiting
        return released

    async def until(
        self, condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait for the simulators."""
        await self.simulator.wait_until(condition, seconds=seconds)

    async def replies(
        self, count: int = 1, *, chat: int = 1001, seconds: float = PATIENCE_SECONDS
    ) -> list[str]:
        """The texts of the bot in a chat, once there are so many."""
        sent_log = self.simulator.account.sent_log
        await self.until(lambda: len(sent_log.texts(chat)) >= count, seconds=seconds)
        return sent_log.texts(chat)

    async def ask(
        self, words: str, *, chat: int = 1001, seconds: float = PATIENCE_SECONDS, **more: Any
    ) -> str:
        """Write and return the first reply."""
        before = len(self.simulator.account.sent_log.texts(chat))
        self.write(words, **more)
        return (await self.replies(before + 1, chat=chat, seconds=seconds))[before]

    async def turns(self) -> list[Turn]:
        async with self.sessions() as session:
            first_update = (
                select(func.min(UpdateRow.update_id))
                .where(UpdateRow.turn_id == Turn.id)
                .scalar_subquery()
            )
            order = (Turn.received_at, first_update, Turn.id)
            return list(await session.scalars(select(Turn).order_by(*order)))

    async def only_turn(self) -> Turn:
        await self.settled()
        [turn] = await self.turns()
        return turn

    async def updates(self) -> list[UpdateRow]:
        async with self.sessions() as session:
            return list(await session.scalars(select(UpdateRow).order_by(UpdateRow.update_id)))

    async def settled(self, *, seconds: float = PATIENCE_SECONDS) -> list[UpdateRow]:
        """Every update, once none is open and Telegram has none left."""

        async def is_done() -> bool:
            # First: what is confirmed is stored, and so among the updates that are read after.
            accepted = self.simulator.counters.updates_accepted > 0
            if not accepted or len(self.simulator.account.queue):
                return False
            updates = await self.updates()
            return bool(updates) and all(update.outcome for update in updates)

        await eventually(is_done, seconds=seconds)
        return await self.updates()

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        async with self.sessions() as session:
            return list((await session.execute(text(query), parameters)).all())


async def breaks_down(*_arguments: object, **_more: object) -> None:
    """Simulates a bug."""
    raise RuntimeError("a bug")


async def run_program(
    module: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python -m module` in an environment of its own: how it ends and what it prints."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


Start = Callable[..., Awaitable[World]]


@asynccontextmanager
async def running_bot(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions, **changes: Any
) -> AsyncIterator[World]:
    app = App(make_settings(simulator, database, **changes))
    async with app.running():
        yield World(app, simulator, sessions)


@pytest.fixture
async def start(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
) -> AsyncIterator[Start]:
    """Starts bots with changed settings; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start_one(**changes: Any) -> World:
            bot = running_bot(simulator, database, sessions, **changes)
            return await stack.enter_async_context(bot)

        yield start_one


@pytest.fixture
async def world(start: Start) -> World:
    return await start()


@pytest.fixture
async def one_day() -> None:
    """For tests of what is counted by day or month: midnight does not fall into them."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if (left := (midnight - now).total_seconds()) < DAY_ENDS_SECONDS:
        await asyncio.sleep(left + 0.1)


def group(chat_id: int = -GROUP_ID, **more: Any) -> SimChat:
    return SimChat(id=chat_id, type="supergroup", title="Friends", **more)
