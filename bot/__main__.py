"""`python -m bot`: read the settings, run the bot until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from bot.aiogram_models import import_aiogram
from bot.settings import Settings
from common.log import configure_logging, get_logger, hide_address
from common.process import run
from common.settings import load, load_sections
from common.tracing import TracingSettings, configure_tracing

if TYPE_CHECKING:
    from bot.app import App


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Importing aiogram takes a second or two: report wrong settings before that.
    import_aiogram()
    from bot.app import App  # noqa: PLC0415

    app = App(settings)
    starting = asyncio.ensure_future(_run(app, stop))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not app.parts.is_running and not starting.done():
        # Still waiting for Telegram or the database: no turn has begun.
        starting.cancel()
        await asyncio.wait({starting})
        return 0
    await starting
    return 1 if app.parts.broken.is_set() else 0


async def _run(app: App, stop: asyncio.Event) -> None:
    async with app.running():
        ends = [asyncio.ensure_future(event.wait()) for event in (stop, app.parts.broken)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    get_logger("bot").info("bot has stopped")


def main() -> int:
    settings = load_sections(Settings)
    configure_logging(settings.runtime, service="bot")
    hide_address(settings.model.openrouter_base_url)
    if settings.speech.transcription_base_url:
        hide_address(settings.speech.transcription_base_url)
    configure_tracing(load(TracingSettings), service="bot")
    code = asyncio.run(_serve(settings))
    logging.shutdown()
    return code


if __name__ == "__main__":
    run(main)
