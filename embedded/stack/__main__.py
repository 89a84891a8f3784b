"""`python -m embedded.stack demo|up|smoke|run`: the product on one machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from common.errors import SettingError
from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from embedded.stack.demo import demo, up
from embedded.stack.plan import Plan, command_environment
from embedded.stack.settings import StackSettings
from embedded.stack.smoke import smoke

GZIP_MAGIC = b"\x1f\x8b"


def run_module(module: str, arguments: list[str]) -> NoReturn:
    """Become `python -m module`, reading and writing the stores of this DATA_DIR's stack."""
    settings = load(StackSettings)
    plan = Plan(settings=settings, keys=settings.key_ring(), simulated=False)
    command = [sys.executable, "-m", module, *arguments]
    environment = command_environment(plan, module)
    os.execvpe(command[0], command, environment)  # noqa: S606 # own modules


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Both mean the same: stop everything in order.
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m embedded.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in {
        "demo": "everything, with simulated Telegram and model and real dialogs",
        "up": "everything, against the real Telegram and OpenRouter",
        "smoke": "a throw-away stack: send messages, compare what the API says, print JSON",
    }.items():
        command = commands.add_parser(name, help=help_text)
        if name != "up":
            command.add_argument("--data", type=_data_file, help="gzip JSON lines (DATA=)")
        if name == "smoke":
            command.add_argument("--limit", type=_positive, default=2000, help="lines (LIMIT=)")
    tool = commands.add_parser("run", help="a module of the project, with the stack's addresses")
    tool.add_argument("module")
    tool.add_argument("arguments", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.command == "run":
        run_module(arguments.module, arguments.arguments)
    # Also SIGINT: a shell starts its background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    configure_logging(load(RuntimeSettings), service="stack")
    if arguments.command == "demo":
        return demo(data=arguments.data)
    if arguments.command == "up":
        return up()
    return smoke(data=arguments.data, limit=arguments.limit)


def _data_file(value: str) -> Path | None:
    """The file to read messages from; refused before anything is started."""
    if not value:
        return None
    try:
        with Path(value).open("rb") as file:
            is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    except OSError as error:
        raise SettingError("DATA", f"cannot read {value}: {error.strerror}") from error
    if not is_gzip:
        raise SettingError("DATA", f"{value} is not a gzip file")
    return Path(value)


def _positive(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise SettingError("LIMIT", f"{value!r} is not a positive whole number")
    return int(value)


if __name__ == "__main__":
    run(main)
