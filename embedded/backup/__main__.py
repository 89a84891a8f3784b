"""`python -m embedded.backup create OUT`, `restore FROM` and `check FROM`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from common.errors import SettingError
from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from embedded.backup.jobs import back_up, check, restore
from embedded.stack.lifecycle import Progress
from embedded.stack.plan import Plan
from embedded.stack.settings import StackSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m embedded.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, metavar, text in (
        ("create", "OUT", "copy both stores"),
        ("restore", "FROM", "fill an empty DATA_DIR"),
        ("check", "FROM", "restore the newest backup into a temporary directory and compare"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("directory", metavar=metavar)
        command.add_argument("--keys", default="", help="directory of the keys")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="backup")
    # Behaves like Ctrl-C: unfinished work is undone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = load(StackSettings)
    plan = Plan(settings=settings, keys=settings.key_ring(), simulated=False)
    progress = Progress()
    directory = _path("OUT" if arguments.command == "create" else "FROM", arguments.directory)
    keys = Path(arguments.keys).resolve() if arguments.keys else None
    if arguments.command == "create":
        back_up(plan, directory, keys=keys, progress=progress)
        return 0
    if arguments.command == "restore":
        differ = restore(plan, directory, keys=keys, progress=progress)
        if differ:
            sys.stderr.write(f"not as they were backed up: {', '.join(differ)}\n")
        return 1 if differ else 0
    result = check(plan, directory, keys=keys, progress=progress)
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


def _path(name: str, value: str) -> Path:
    if not value:
        raise SettingError(name, f"is not set; as in {name}=backups/today")
    return Path(value).resolve()


if __name__ == "__main__":
    run(main)
