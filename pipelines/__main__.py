"""`python -m pipelines code-server|webserver|daemon`: become one of Dagster's processes."""

from __future__ import annotations

import argparse
import asyncio
import os

from common.errors import SettingError
from common.http.listening import warn_if_open
from common.log import configure_logging, get_logger
from common.postgres import refuse_wrong_server
from common.process import run
from common.settings import RuntimeSettings, load
from pipelines.runtime.home import (
    PROCESSES,
    command,
    environment,
    write_home,
)
from pipelines.runtime.storage import prepare_storage
from pipelines.settings import DagsterSettings, PipelineSettings, load_settings
from warehouse.clickhouse.client import Writer
from warehouse.errors import ServerTooOldError, WarehouseUnavailableError

ANSWER_SECONDS = 10

log = get_logger(__name__)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pipelines", description=__doc__)
    parser.add_argument("process", choices=PROCESSES)
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="pipelines")
    settings = load(DagsterSettings)
    if arguments.process == "code-server":
        # Fail here in one line rather than inside Dagster.
        refuse_wrong_stores(load_settings())
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


def refuse_wrong_stores(settings: PipelineSettings) -> None:
    """A store that does not answer is waited for by every run; one that cannot be used never is.

    Raises:
        SettingError: a store refuses its address, or is too old.
    """
    asyncio.run(refuse_wrong_server(settings.database))
    try:
        Writer(settings.warehouse, answer_seconds=ANSWER_SECONDS).close()
    except ServerTooOldError as error:
        raise SettingError("CLICKHOUSE_URL", str(error)) from error
    except WarehouseUnavailableError as error:
        log.warning("starting without ClickHouse until it answers", cause=str(error))


if __name__ == "__main__":
    run(main)
