"""Makes Dagster's tables once. Its processes start side by side, and each would make them."""

from __future__ import annotations

from pathlib import Path

import psycopg

from common.log import get_logger
from pipelines.settings import DagsterSettings
from pipelines.source.postgres import first_line

LOCK = 7_131_337_012
CONNECT_SECONDS = 10
# The last table of each of Dagster's storages: runs, events, schedules.
MISSING = """
SELECT bool_or(to_regclass(name) IS NULL)
FROM unnest(ARRAY['instance_info', 'event_logs', 'jobs']) AS name
"""

log = get_logger(__name__)


def prepare_storage(settings: DagsterSettings, *, home: Path) -> bool:
    """Make the tables when they are missing, one process at a time; whether this one did.

    `home` holds Dagster's configuration, whose environment is set. A database that does not
    answer is left to Dagster itself, which tries again.
    """
    url = settings.storage.libpq
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            missing = connection.execute(MISSING).fetchone()
            if missing is None or not missing[0]:
                return False
            # Imported for the first start only: it takes seconds.
            from dagster import DagsterInstance  # noqa: PLC0415

            DagsterInstance.from_config(str(home)).dispose()
            return True
    except psycopg.OperationalError as error:
        log.warning("Dagster's database does not answer", cause=first_line(error))
        return False
