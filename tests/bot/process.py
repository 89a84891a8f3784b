"""The bot as a program of its own, against the simulators."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from common.settings import DatabaseSettings
from simulator.app import Simulator
from tests.bot.constants import DATA_KEY, MODEL
from tests.running import eventually

START_SECONDS = 100
"""How long a start may take on a busy machine."""


class BotProcess:
    """`python -m bot` as an operator runs it."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                env=self._environment,
                cwd=self._log.parent,  # where no .env is
                stderr=log,
                stdout=log,
            )

    async def is_running(self) -> bool:
        """Whether it has got past its start, from when on SIGTERM lets it finish."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return b"bot is running" in log.read()

    async def end(self, number: signal.Signals) -> int:
        """Its exit code. SIGTERM waits for its start: another bot may have done its work."""
        assert self._process is not None
        if number is signal.SIGTERM:
            await self._wait_for_start()
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), 90)

    async def _wait_for_start(self) -> None:
        """Until it runs, or has ended."""
        process = self._process
        assert process is not None

        async def is_begun() -> bool:
            return process.returncode is not None or await self.is_running()

        await eventually(is_begun, seconds=START_SECONDS)


def bot_environment(
    simulator: Simulator, database: DatabaseSettings, **changes: str
) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TELEGRAM_TOKEN": simulator.token,
        "TELEGRAM_API_URL": simulator.url,
        "OPENROUTER_API_KEY": simulator.api_key or "none",
        "OPENROUTER_BASE_URL": simulator.model_url,
        "LLM_MODEL": MODEL,
        "DATABASE_URL": database.database_url.get_secret_value(),
        "DATA_KEY": DATA_KEY,
        "BOT_PORT": "0",
        "TELEGRAM_POLL_SECONDS": "2",
        "TELEGRAM_CHAT_INTERVAL_SECONDS": "0.05",
        "TELEGRAM_MESSAGES_PER_SECOND": "200",
        "SWEEP_SECONDS": "0.5",
        "DB_POOL_SIZE": "5",
        **changes,
    }
