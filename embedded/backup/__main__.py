"""`python -m embedded.backup create OUT` and `python -m embedded.backup restore FROM`."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import SettingError
from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from embedded.backup.jobs import back_up, restore
from embedded.stack.lifecycle import Progress
from embedded.stack.programs import Plan
from embedded.stack.settings import StackSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m embedded.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("create", help="copy both stores").add_argument("out")
    commands.add_parser("restore", help="fill an empty DATA_DIR").add_argument("archive")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="backup")
    settings = load(StackSettings)
    plan = Plan(settings=settings, keys=settings.key_ring(), simulated=False)
    if arguments.command == "create":
        back_up(plan, _path("OUT", arguments.out), progress=Progress())
    else:
        restore(plan, _path("FROM", arguments.archive), progress=Progress())
    return 0


def _path(name: str, value: str) -> Path:
    if not value:
        raise SettingError(name, f"is not set; as in {name}=backups/today")
    return Path(value).resolve()


if __name__ == "__main__":
    run(main)
