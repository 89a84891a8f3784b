"""The simulator: Telegram, models and the control API on one port."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from common.errors import SettingError
from common.http.request_deadline import DeadlineRunner
from simulator.change_event import ChangeEvent
from simulator.control import ControlApi
from simulator.counters import Counters
from simulator.model.behaviour import ModelBehaviour
from simulator.model.calls import CallLog
from simulator.model.server import ModelServer
from simulator.settings import DEFAULT_TOKEN
from simulator.state import Journals, open_account
from simulator.telegram.account import BotAccount
from simulator.telegram.server import TelegramServer
from simulator.telegram.webhook import deliver_webhooks

API_KEY = "sk-or-v1-simulated"
SHUTDOWN_SECONDS = 0.3
"""Long polls and streams are closed after this time."""
MAX_BODY = 64 * 1024 * 1024
"""Bytes. Telegram accepts documents up to 50 MB."""


@dataclass(slots=True)
class Simulator:
    """The state of the simulators, for tests and the control API."""

    account: BotAccount
    """The account of the simulator's token."""
    telegram: TelegramServer
    model: ModelServer
    calls: CallLog
    counters: Counters
    changed: ChangeEvent
    api_key: str | None
    journals: Journals
    url: str = ""
    """Base URL of the Bot API (TELEGRAM_API_URL) and of /control; empty until it listens."""

    @property
    def model_url(self) -> str:
        """Base URL of the OpenAI-compatible API (OPENROUTER_BASE_URL)."""
        return f"{self.url}/v1"

    @property
    def token(self) -> str:
        return self.account.token

    async def wait_until(self, condition: Callable[[], object], *, seconds: float = 60.0) -> None:
        """Wait until the condition is true; it is checked after every change.

        Raises:
            TimeoutError: not true within `seconds`; the message has the counters.
        """
        if not await self.changed.wait_until(condition, seconds=seconds):
            raise TimeoutError(f"not true after {seconds} s: {self.counters.as_dict()}")

    def reset(self) -> None:
        """Clear everything but tokens; ids continue."""
        for account in self.telegram.accounts.values():
            account.reset()
        self.telegram.reset()
        self.model.reset()
        self.calls.clear()

    def reseed(self, seed: int) -> None:
        """Seed every random generator."""
        self.telegram.chance.seed(seed)
        self.telegram.faults.seed(seed)
        self.model.faults.seed(seed)
        self.model.seed = seed


def create_simulator(
    *,
    token: str = DEFAULT_TOKEN,
    api_key: str | None = API_KEY,
    default_behaviour: ModelBehaviour | None = None,
    state_directory: Path | None = None,
    seed: int = 0,
    keep: int = 10_000,
) -> Simulator:
    """Create a simulator with one bot.

    Args:
        token: the bot's token, with its id.
        api_key: the key that the model accepts; None: any.
        default_behaviour: of models; without it they answer at once.
        state_directory: stores the state, which is restored from there.
        seed: for answers and faults.
        keep: maximum sent messages and model calls in memory, each.

    Raises:
        SettingError: SIMULATOR_STATE_DIR cannot be written.
    """
    changed, counters = ChangeEvent(), Counters()
    journals = Journals.open(state_directory)
    account = open_account(token, journals=journals, changed=changed, counters=counters, keep=keep)
    calls = CallLog(changed=changed, counters=counters, journal=journals.calls, keep=keep)
    return Simulator(
        account=account,
        telegram=TelegramServer({token: account}, changed=changed, counters=counters, seed=seed),
        model=ModelServer(
            calls=calls,
            counters=counters,
            api_key=api_key,
            default_behaviour=default_behaviour or ModelBehaviour(),
            seed=seed,
        ),
        calls=calls,
        counters=counters,
        changed=changed,
        api_key=api_key,
        journals=journals,
    )


def create_app(simulator: Simulator) -> web.Application:
    """The simulator's HTTP application."""
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(simulator.telegram.routes())
    app.add_routes(simulator.model.routes())
    app.add_routes(ControlApi(simulator).routes())
    app.cleanup_ctx.append(lambda _app: deliver_webhooks(simulator.telegram, simulator.changed))
    return app


@asynccontextmanager
async def listening(
    simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Simulator]:
    """Serve the simulator; port 0 chooses a free port.

    Raises:
        SettingError: SIMULATOR_PORT is in use.
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
