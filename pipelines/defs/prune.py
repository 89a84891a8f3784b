"""Keeps Dagster's database small: runs, events, results of checks. Ticks it prunes itself.

The results of checks stay in the warehouse for 90 days; Dagster keeps the latest of each.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from pipelines.defs.jobs import one_step_job

FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
RUNS_AT_ONCE = 100


def prune_job(*, keep_days: int, log: dg.LoggerDefinition) -> dg.JobDefinition:
    """Delete what finished before `keep_days` days."""

    def delete_old_runs(context: dg.OpExecutionContext) -> dict[str, int]:
        before = datetime.now(UTC) - timedelta(days=keep_days)
        return {
            "runs": _delete_runs(context.instance, before=before),
            "check_results": _delete_check_results(context.instance, before=before),
        }

    return one_step_job(
        "prune",
        delete_old_runs,
        step="delete_old_runs",
        does="Deletes runs that finished DAGSTER_KEEP_DAYS ago, with their events and"
        " results of checks. The latest result of each check stays.",
        description="Keeps Dagster's own database small. It touches no figure of the product.",
        log=log,
        retries=None,
    )


def _delete_runs(instance: dg.DagsterInstance, *, before: datetime) -> int:
    deleted = 0
    while True:
        records = instance.get_run_records(
            dg.RunsFilter(created_before=before, statuses=FINISHED), limit=RUNS_AT_ONCE
        )
        for record in records:
            instance.delete_run(record.dagster_run.run_id)
        deleted += len(records)
        if not records:
            return deleted


def _delete_check_results(instance: dg.DagsterInstance, *, before: datetime) -> int:
    """Deleting a run leaves its results of checks behind: thousands a day, for ever."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    results = AssetCheckExecutionsTable.c
    latest = sa.select(sa.func.max(results.id)).group_by(results.asset_key, results.check_name)
    old = AssetCheckExecutionsTable.delete().where(
        results.create_timestamp < before.replace(tzinfo=None), results.id.not_in(latest)
    )
    with storage.index_connection() as connection:
        return int(connection.execute(old).rowcount)
