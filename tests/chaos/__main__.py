"""`python -m tests.chaos --seed N --minutes M`: faults, then a comparison."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from common.process import run
from embedded.stack.lifecycle import Progress
from tests.chaos.checks.comparison import Findings
from tests.chaos.faults import RunReport
from tests.chaos.plan import STORE_FREEZE_SECONDS, FaultPlan, make_plan
from tests.chaos.stack import small_disk, start_test_stack


@dataclass(frozen=True, kw_only=True)
class ChaosResult:
    """Result of a fault run; the last line of `make chaos`."""

    kills: int
    faults: int
    updates_sent: int
    turns_recorded: int
    lost: int
    duplicated_calls: int
    rows_differ: int
    recovery_p95_seconds: float
    ok: bool


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--freeze-seconds",
        type=float,
        default=STORE_FREEZE_SECONDS,
        help="how long each store is frozen, on top of the minutes",
    )
    parser.add_argument(
        "--external-postgres", action="store_true", help="PostgreSQL runs outside of the stack"
    )
    parser.add_argument("--plan", action="store_true", help="print the plan and exit")
    parser.add_argument("--keep", type=Path, help="copy logs here when the result is not ok")
    arguments = parser.parse_args()
    plan = make_plan(
        arguments.seed, seconds=arguments.minutes * 60, freeze_seconds=arguments.freeze_seconds
    )
    if arguments.plan:
        for line in plan.lines():
            sys.stdout.write(f"{line}\n")
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    result = _chaos(
        plan,
        seed=arguments.seed,
        has_external_postgres=arguments.external_postgres,
        keep=arguments.keep,
    )
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _chaos(
    plan: FaultPlan, *, seed: int, has_external_postgres: bool, keep: Path | None
) -> ChaosResult:
    progress = Progress()
    progress.say(f"Fault run of {plan.seconds:.0f} s with seed {seed}; --plan prints the plan")
    with small_disk(progress) as (directory, filler):
        is_clean = False
        try:
            with start_test_stack(
                directory,
                filler=filler,
                seed=seed,
                progress=progress,
                has_external_postgres=has_external_postgres,
            ) as stack:
                fault_run = stack.run_faults(plan, say=progress.say)
                for fault in fault_run.report.left_out:
                    progress.say(f"not applied: {fault}")
                progress.say("All faults applied; waiting for recovery")
                began = time.monotonic()
                has_recovered = stack.wait_recovered()
                outcome = f"{'Recovered' if has_recovered else 'NOT recovered'} after"
                progress.say(f"{outcome} {time.monotonic() - began:.1f} s; comparing")
                findings = stack.compare_all(stack.observed())
                sent = len(stack.writers.record.update_ids)
                is_clean = findings.is_clean
        finally:
            if keep and not is_clean:
                shutil.copytree(directory / "data" / "logs", keep, dirs_exist_ok=True)
        for detail in findings.details:
            progress.say(detail)
        result = result_of(fault_run.report, findings, updates_sent=sent)
        progress.say(f"Seed {seed}: {'ok' if result.ok else 'NOT ok'}")
    return result


def result_of(report: RunReport, findings: Findings, *, updates_sent: int) -> ChaosResult:
    """The result; a run without traffic is not ok, since it proves nothing."""
    recoveries = report.recoveries_seconds
    recovery = (
        statistics.quantiles(recoveries, n=20, method="inclusive")[18]
        if len(recoveries) > 1
        else sum(recoveries)
    )
    return ChaosResult(
        kills=report.kills,
        faults=report.faults,
        updates_sent=updates_sent,
        turns_recorded=findings.turns_recorded,
        lost=findings.lost,
        duplicated_calls=findings.duplicated_calls,
        rows_differ=findings.rows_differ,
        recovery_p95_seconds=round(recovery, 1),
        ok=findings.is_clean and updates_sent > 0 and findings.turns_recorded > 0,
    )


if __name__ == "__main__":
    run(main)
