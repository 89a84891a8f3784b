"""Blocking checks of a build: SQL that returns the days that must not be published.

Each file under sql/checks returns `day, observed, expected` for failing days only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from common.log import get_logger
from common.zones import Clock
from warehouse.clickhouse.client import Writer

BLOCKING = (
    "activity_equals_ledger",
    "ledger_is_plausible",
    "new_users_are_active",
    "tiers_agree",
)
SUITE = "batch"
LAG_SUITE = "replication"
DAILY_SUITE = "daily"
RUN_SUITE = "runs"
PASSES_RECORDED_EVERY = timedelta(minutes=1)
log = get_logger(__name__)

LAST_RECORDED = """
SELECT checked_at, countIf(NOT passed) AS failed FROM checks WHERE suite = {suite:String}
GROUP BY checked_at ORDER BY checked_at DESC LIMIT 1
"""

LAST_RUN = """
SELECT passed, observed FROM checks WHERE suite = {suite:String} AND asset = {asset:String}
ORDER BY checked_at DESC LIMIT 1
"""


def record_lag(
    writer: Writer, *, lag_seconds: float, blocked_by: str, alert_seconds: float
) -> bool:
    """Store and log a failed check when replication is later than it may be; whether it was.

    The first look at which it is not late any more is stored as passed.
    """
    is_late = lag_seconds > alert_seconds
    if is_late:
        log.warning("replication is late", lag_seconds=round(lag_seconds, 1), blocked_by=blocked_by)
    else:
        last = writer.rows("last check", {"suite": LAG_SUITE}, sql=LAST_RECORDED)
        if not last or not last[0]["failed"]:
            return False
    _store(
        writer,
        suite=LAG_SUITE,
        asset="turns",
        name="replication_lag",
        passed=not is_late,
        observed=f"{lag_seconds:.1f} s, blocked by {blocked_by or 'nothing'}",
        expected=f"at most {alert_seconds:g} s",
    )
    return is_late


def check_hours(writer: Writer, *, clock: Clock) -> list[dict[str, Any]]:
    """Whether each published day is the sum of its hours, stored as a check; those that are not.

    `clock` is that of the report zone.
    """
    failed = writer.rows("checks/days_equal_hours", clock.parameters())
    _store(
        writer,
        suite=DAILY_SUITE,
        asset="daily",
        name="days_equal_hours",
        day=failed[0]["day"] if failed else None,
        passed=not failed,
        observed=f"{len(failed)} days are not" if failed else "",
        expected="each day is the sum of its hours",
    )
    return failed


def record_run(writer: Writer, *, job: str, run_id: str, succeeded: bool) -> None:
    """Store how the latest run of a job of Dagster ended: a failure, or the success after one.

    What the run said may quote anything; its page in Dagster has it.
    """
    observed = "" if succeeded else f"run {run_id[:8]} failed"
    last = writer.rows("last run", {"suite": RUN_SUITE, "asset": job}, sql=LAST_RUN)
    if (succeeded and not last) or (
        last and last[0] == {"passed": succeeded, "observed": observed}
    ):
        return
    _store(
        writer,
        suite=RUN_SUITE,
        asset=job,
        name="run_succeeds",
        passed=succeeded,
        observed=observed,
        expected="the latest run ends without an error",
    )


def _store(
    writer: Writer,
    *,
    suite: str,
    asset: str,
    name: str,
    passed: bool,
    observed: str,
    expected: str,
    day: date | None = None,
) -> None:
    """Store the result of one check that blocks nothing."""
    writer.insert(
        "checks",
        [
            {
                "checked_at": datetime.now(UTC),
                "run_id": uuid4(),
                "suite": suite,
                "asset": asset,
                "name": name,
                "day": day,
                "blocking": False,
                "passed": passed,
                "observed": observed,
                "expected": expected,
            }
        ],
    )


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """One day that failed one check."""

    check: str
    day: date
    observed: str
    expected: str


def record_results(writer: Writer, failures: Sequence[CheckFailure]) -> None:
    """Store the results of the blocking checks of a build that is published."""
    now = datetime.now(UTC)
    last = writer.rows("last check", {"suite": SUITE}, sql=LAST_RECORDED)
    recently = last and last[0]["checked_at"] > now - PASSES_RECORDED_EVERY
    # A failed check must be seen to pass again at once: the next build may be hours later.
    if not failures and recently and not last[0]["failed"]:
        return
    failed = {failure.check for failure in failures}
    run_id = uuid4()
    results = [(failure.check, failure.day, failure) for failure in failures]
    passed = [(check, None, None) for check in BLOCKING if check not in failed]
    writer.insert(
        "checks",
        [
            {
                "checked_at": now,
                "run_id": run_id,
                "suite": SUITE,
                "asset": "rollups",
                "name": check,
                "day": day,
                "blocking": True,
                "passed": failure is None,
                "observed": failure.observed if failure else "",
                "expected": failure.expected if failure else "",
            }
            for check, day, failure in (*results, *passed)
        ],
    )
