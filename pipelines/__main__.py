"""`python -m pipelines code-server|webserver|daemon`: become one of Dagster's processes."""

from __future__ import annotations

import argparse
import os

from common.listening import warn_if_open
from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from pipelines.dagster_home import PROCESSES, command, environment, write_home
from pipelines.dagster_storage import prepare_storage
from pipelines.environment import load_stores
from pipelines.settings import DagsterSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pipelines", description=__doc__)
    parser.add_argument("process", choices=PROCESSES)
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="pipelines")
    settings = load(DagsterSettings)
    if arguments.process == "code-server":
        # Fail here in one line rather than inside Dagster.
        load_stores()
        warn_if_open(
            "DAGSTER_CODE_BIND_HOST",
            settings.dagster_code_bind_host,
            opens="gRPC that runs any code, without a login",
        )
    home = write_home(settings)
    os.environ.update(environment(settings, dict(os.environ)))
    prepare_storage(settings, home=home)
    # Replaced, not wrapped: signals reach Dagster itself.
    line = command(arguments.process, settings)
    os.execv(line[0], line)  # noqa: S606 # own command
    return 0


if __name__ == "__main__":
    run(main)
