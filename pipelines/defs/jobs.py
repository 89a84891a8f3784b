"""Jobs that run in the process of their run, and those of a single step."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from pipelines.defs.assets import RETRIES


def in_process(log: dg.LoggerDefinition) -> dict[str, Any]:
    """The arguments of `dg.job` for a job without processes of its own."""
    return {
        "executor_def": dg.in_process_executor,
        "logger_defs": {"console": log},
        # Without this Dagster prints every event to the process's log.
        "config": {"loggers": {"console": {}}},
    }


def one_step_job(
    name: str,
    work: Callable[[dg.OpExecutionContext], Mapping[str, Any]],
    *,
    step: str,
    does: str,
    description: str,
    log: dg.LoggerDefinition,
    retries: dg.RetryPolicy | None = RETRIES,
) -> dg.JobDefinition:
    """A job that does one thing.

    Args:
        name: the job's.
        work: what it does; returns the metadata that Dagster shows.
        step: name of its op.
        does: description of its op.
        description: the job's.
        log: what writes its log.
        retries: of the op.
    """

    @dg.op(name=step, description=does, out=dg.Out(dg.Nothing), retry_policy=retries)
    def run_step(context: dg.OpExecutionContext) -> None:
        context.add_output_metadata(work(context))

    @dg.job(name=name, description=description, **in_process(log))
    def job() -> None:
        run_step()

    return job
