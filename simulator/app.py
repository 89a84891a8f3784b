"""The simulator in one piece: Telegram, models and control on one port."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from common.errors import SettingError
from common.http.request_deadline import DeadlineRunner
from simulator.bell import Bell
from simulator.control import Control
from simulator.counters import Counters
from simulator.model.behaviour import ModelBehaviour
from simulator.model.calls import Calls
from simulator.model.server import ModelServer
from simulator.settings import DEFAULT_TOKEN
from simulator.state import Journals, open_account
from simulator.telegram.account import BotAccount
from simulator.telegram.server import TelegramServer
from simulator.telegram.webhook import deliver_webhooks

API_KEY = "sk-or-v1-simulated"
SHUTDOWN_SECONDS = 0.3
"""Long polls and streams are cut off after this."""
LARGEST_BODY = 64 * 1024 * 1024
"""Bytes. Telegram takes documents up to 50 MB."""


@dataclass(slots=True)
class Simulator:
    """A simulated world: what tests and the control API look at."""

    account: BotAccount
    """The bot of the token that it was made with."""
    telegram: TelegramServer
    model: ModelServer
    calls: Calls
    counters: Counters
    bell: Bell
    api_key: str | None
    journals: Journals
    url: str = ""
    """Base of the Bot API (TELEGRAM_API_URL) and of /control; empty until it listens."""

    @property
    def model_url(self) -> str:
        """Base of the OpenAI-compatible API (OPENROUTER_BASE_URL)."""
        return f"{self.url}/v1"

    @property
    def token(self) -> str:
        return self.account.token

    async def wait_until(self, condition: Callable[[], object], *, seconds: float = 60.0) -> None:
        """Return once the condition holds; it is looked at after every change.

        Raises:
            TimeoutError: it did not within `seconds`; says what was counted until then.
        """
        if not await self.bell.wait_until(condition, seconds=seconds):
            raise TimeoutError(f"still not so after {seconds} s: {self.counters.as_dict()}")

    def reset(self) -> None:
        """Forget everything but tokens; ids go on."""
        for account in self.telegram.accounts.values():
            account.reset()
        self.telegram.reset()
        self.model.reset()
        self.calls.clear()

    def reseed(self, seed: int) -> None:
        """Start every sequence of chances again."""
        self.telegram.chance.seed(seed)
        self.telegram.faults.seed(seed)
        self.model.faults.seed(seed)
        self.model.seed = seed


def create_simulator(
    *,
    token: str = DEFAULT_TOKEN,
    api_key: str | None = API_KEY,
    usual: ModelBehaviour | None = None,
    state_directory: Path | None = None,
    seed: int = 0,
    keep: int = 10_000,
) -> Simulator:
    """Build a world with one bot.

    Args:
        token: the bot's; it decides the bot's id.
        api_key: the key that the model accepts; None: any.
        usual: conduct of models; without it they answer at once.
        state_directory: what was accepted is kept there and taken back.
        seed: decides answers and chances.
        keep: sent messages and model calls kept in memory, each.

    Raises:
        SettingError: the state directory cannot be written, naming SIMULATOR_STATE_DIR.
    """
    bell, counters = Bell(), Counters()
    journals = Journals.open(state_directory)
    account = open_account(token, journals=journals, bell=bell, counters=counters, keep=keep)
    calls = Calls(bell=bell, counters=counters, journal=journals.calls, keep=keep)
    return Simulator(
        account=account,
        telegram=TelegramServer({token: account}, bell=bell, counters=counters, seed=seed),
        model=ModelServer(
            calls=calls,
            counters=counters,
            api_key=api_key,
            usual=usual or ModelBehaviour(),
            seed=seed,
        ),
        calls=calls,
        counters=counters,
        bell=bell,
        api_key=api_key,
        journals=journals,
    )


def create_app(simulator: Simulator) -> web.Application:
    """The HTTP application of a world."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app.add_routes(simulator.telegram.routes())
    app.add_routes(simulator.model.routes())
    app.add_routes(Control(simulator).routes())
    app.cleanup_ctx.append(lambda _app: deliver_webhooks(simulator.telegram, simulator.bell))
    return app


@asynccontextmanager
async def listening(
    simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Simulator]:
    """Serve a world; port 0 takes a free one.

    Raises:
        SettingError: the port is in use, naming SIMULATOR_PORT.
    """
    runner = DeadlineRunner(
        create_app(simulator),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            problem = f"port {port} is already in use" if taken else str(error)
            raise SettingError("SIMULATOR_PORT", problem) from error
        simulator.url = f"http://{host}:{runner.addresses[0][1]}"
        yield simulator
    finally:
        await runner.cleanup()
        simulator.journals.close()
