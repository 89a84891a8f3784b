"""Everything that Dagster knows about this project, in one place."""

from __future__ import annotations

import functools
import logging
from datetime import date

import dagster as dg

from common.log import configure_logging
from common.settings import RuntimeSettings, load
from common.tracing import TracingSettings, configure_tracing
from pipelines.defs.assets import (
    MOVES_DATA,
    SOURCES,
    first_day,
    ledger_assets,
    rollup_assets,
)
from pipelines.defs.follow import follow_job, new_data_sensor
from pipelines.defs.nightly import (
    HEAVY,
    QUALITY_JOB,
    nightly_job,
    schedules,
)
from pipelines.defs.operator import (
    alerts_job,
    alerts_sensor,
    digest_job,
    notices_job,
    operator_schedules,
    report_job,
)
from pipelines.defs.prune import prune_job
from pipelines.defs.quality import expectations
from pipelines.defs.runs import run_sensors
from pipelines.runtime.metrics_server import export_metrics
from pipelines.runtime.settings_watch import record_settings
from pipelines.settings import DagsterSettings, PipelineSettings, load_settings


def build_definitions(
    settings: PipelineSettings, *, first_day: date, keep_days: int = 3
) -> dg.Definitions:
    """Assets, jobs, sensor and schedules over the given stores.

    Args:
        settings: of both stores and of the pipelines.
        first_day: the first daily partition.
        keep_days: how long Dagster keeps finished runs.
    """
    ledger = ledger_assets(settings)
    rollups = rollup_assets(settings, first_day=first_day)
    process_log = dg.LoggerDefinition(_process_log)
    follow = follow_job(settings, first_day=first_day, log=process_log)
    checks = expectations(settings)
    nightly = nightly_job(settings, log=process_log)
    alerts = alerts_job(settings, log=process_log)
    return dg.Definitions(
        asset_checks=checks,
        assets=[*SOURCES, ledger, rollups],
        jobs=[
            follow,
            nightly,
            prune_job(keep_days=keep_days, log=process_log),
            digest_job(settings, log=process_log),
            notices_job(settings, log=process_log),
            alerts,
            report_job(settings, "week", log=process_log),
            report_job(settings, "month", log=process_log),
            dg.define_asset_job(
                QUALITY_JOB,
                selection=dg.AssetSelection.checks(*checks),
                description="Checks the copied turns and the published days: counts, ranges, sums"
                " that must be equal. Of the last days four times an hour, of all days at night.",
                tags=HEAVY,
            ),
            dg.define_asset_job(
                "rebuild",
                selection=dg.AssetSelection.assets(rollups).without_checks()
                | dg.AssetSelection.checks(rollups, *checks),
                description="Computes the chosen days anew from the copied turns, checks them and"
                " publishes them. Use it when figures of a day look wrong; twice is harmless.",
                tags={**MOVES_DATA, **HEAVY},
            ),
        ],
        sensors=[
            new_data_sensor(settings, follow),
            alerts_sensor(settings, alerts),
            *run_sensors(settings, nightly),
        ],
        schedules=[*schedules(settings), *operator_schedules(settings)],
        executor=dg.in_process_executor,
        loggers={"console": process_log},
    )


def _process_log(_context: dg.InitLoggerContext) -> logging.Logger:
    """The log of the process, from warnings up; every event is on the run's page."""
    log = logging.getLogger("pipelines.run")
    log.setLevel(logging.WARNING)
    return log


@functools.cache
def _prepare_process() -> DagsterSettings:
    """Log, traces and metrics. Once: Dagster asks for the definitions twice."""
    configure_logging(load(RuntimeSettings), service="pipelines")
    configure_tracing(load(TracingSettings), service="pipelines")
    settings = load(DagsterSettings)
    export_metrics(settings)
    record_settings(load_settings())
    return settings


@dg.definitions
def defs() -> dg.Definitions:
    """The code location, configured by the environment."""
    settings = _prepare_process()
    # One line per record, in the project's format.
    for name in ("dagster", "dagster.code_server"):
        logging.getLogger(name).handlers.clear()
    pipeline_settings = load_settings()
    return build_definitions(
        pipeline_settings,
        first_day=first_day(pipeline_settings),
        keep_days=settings.dagster_keep_days,
    )
