"""`python -m simulator`: serves a simulated Telegram and model until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal

from common.http.listening import warn_if_open
from common.log import configure_logging, get_logger
from common.process import run
from common.settings import RuntimeSettings, load
from simulator.app import create_simulator, listening
from simulator.model.behaviour import ModelBehaviour
from simulator.settings import SimulatorSettings


def main() -> None:
    configure_logging(load(RuntimeSettings), service="simulator")
    settings = load(SimulatorSettings)
    asyncio.run(_serve(settings))


async def _serve(settings: SimulatorSettings) -> None:
    key = settings.openrouter_api_key
    simulator = create_simulator(
        token=settings.telegram_token.get_secret_value(),
        api_key=key.get_secret_value() if key is not None else None,
        default_behaviour=ModelBehaviour(
            first_token_seconds=settings.simulator_first_token_seconds,
            token_seconds=settings.simulator_token_seconds,
        ),
        state_directory=settings.simulator_state_dir,
        seed=settings.simulator_seed,
        keep=settings.simulator_keep_records,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    host = settings.simulator_bind_host
    warn_if_open("SIMULATOR_BIND_HOST", host, opens="the control API, without a login")
    async with listening(simulator, host=host, port=settings.simulator_port):
        get_logger(__name__).info("listening", url=simulator.url, bot_id=simulator.account.id)
        await stop.wait()


if __name__ == "__main__":
    run(main)
