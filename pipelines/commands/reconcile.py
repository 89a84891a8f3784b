"""Compares PostgreSQL and the warehouse by day, repairs what differs, and says so.

Turns count for their day, people for the day they came. Nothing of erased people may be left.

`python -m pipelines.commands.reconcile [--from DAY] [--to DAY]` does it by hand; last, a JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.log import configure_logging, get_logger
from common.process import run
from common.settings import RuntimeSettings, load
from common.zones import ledger_clock, zone_named
from pipelines.cycle import PipelineRun, exclusive_run
from pipelines.quality.comparison import (
    ALL_TIME,
    EVENTS,
    LEDGER,
    NEWCOMERS,
    RATINGS,
    ComparisonScope,
    DayTotals,
    TableDiff,
    one_snapshot,
)
from pipelines.rollups.checks import check_hours
from pipelines.settings import PipelineSettings, load_settings
from warehouse.periods import midnight

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The outcome of one comparison."""

    days: int
    turns: int
    rows_differ: int
    repaired: int
    """Days that were copied or rebuilt again."""
    ok: bool
    """Both stores agree now."""

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class _Differences:
    """Turns and verdicts by the turn's day, people by the day they came, events; in both stores."""

    ledger: TableDiff
    people: TableDiff
    feedback: TableDiff
    events: TableDiff
    traces: list[dict[str, Any]]
    """Erased people with data left in the warehouse."""

    @property
    def days(self) -> list[date]:
        return sorted({*self.ledger.source, *self.ledger.warehouse, *self.differing})

    @property
    def differing(self) -> Counter[date]:
        """Day -> rows that differ."""
        return (
            Counter(self.ledger.rows)
            + Counter(self.people.rows)
            + Counter(self.feedback.rows)
            + Counter(self.events.rows)
            + Counter(trace["day"] for trace in self.traces)
        )


def reconcile(
    settings: PipelineSettings, *, since: date | None = None, until: date | None = None
) -> Reconciliation:
    """Compare [since, until) in days of the report zone; everything by default."""
    with exclusive_run(settings) as pipeline_run:
        pipeline_run.replicate()
        pipeline_run.publish()
        return _Reconciler(pipeline_run, zone=settings.report.report_timezone).run(since, until)


class _Reconciler:
    def __init__(self, pipeline_run: PipelineRun, *, zone: str) -> None:
        self._pipeline_run = pipeline_run
        self._zone = zone_named(zone)
        self._clock = ledger_clock(zone)

    def run(self, since: date | None, until: date | None) -> Reconciliation:
        state = self._pipeline_run.state()
        scope = ComparisonScope(
            since=midnight(since, self._zone) if since else ALL_TIME[0],
            until=midnight(until, self._zone) if until else ALL_TIME[1],
            clock=self._clock,
            epoch=state.epoch,
            watermark=state.watermark,
        )
        found = self._compare(scope)
        stale = self._stale_rollups(scope)
        self._repair(scope, found)
        rebuilt = sorted({*found.ledger.rows, *stale})
        if rebuilt:
            log.warning("days differ", days=[day.isoformat() for day in rebuilt])
            self._pipeline_run.rollups.rebuild(state, rebuilt)
        if found.people.rows or found.traces:
            log.warning("people differ", rows=sum(found.people.rows.values()) + len(found.traces))
        repaired = {*rebuilt, *found.differing}
        after = self._compare(scope) if repaired else found
        agrees = not after.differing and not (rebuilt and self._stale_rollups(scope))
        self._record(found, repaired=repaired, after=after)
        return Reconciliation(
            days=len(found.days),
            turns=sum(day.turns for day in found.ledger.source.values()),
            rows_differ=found.differing.total(),
            repaired=len(repaired) if agrees else 0,
            ok=agrees,
        )

    def _stale_rollups(self, scope: ComparisonScope) -> list[date]:
        """Published days that are neither their ledger nor their hours."""
        writer, clock = self._pipeline_run.writer, scope.clock.parameters()
        rows = writer.rows("checks/rollups_equal_ledger", {**clock, "epoch": scope.epoch})
        rows += check_hours(writer, clock=scope.clock)
        first = scope.since.astimezone(self._zone).date()
        last = scope.until.astimezone(self._zone).date()
        return [row["day"] for row in rows if first <= row["day"] < last]

    def _compare(self, scope: ComparisonScope) -> _Differences:
        writer = self._pipeline_run.writer
        with one_snapshot(self._pipeline_run.source, writer, scope) as both:
            tables = (LEDGER, NEWCOMERS, RATINGS, EVENTS)
            ledger, people, feedback, events = map(both.compare, tables)
        traces = writer.rows(
            "replication/traces_of_erased", {**scope.clock.parameters(), "epoch": scope.epoch}
        )
        return _Differences(ledger, people, feedback, events, traces)

    def _repair(self, scope: ComparisonScope, found: _Differences) -> None:
        """Copy differing rows again; of equal versions the last inserted counts."""
        corrections = self._pipeline_run.replication.corrections
        for diff in (found.ledger, found.people, found.feedback, found.events):
            table = diff.compared.table
            if diff.wrong:
                corrections.remove(table, diff.wrong, epoch=scope.epoch)
            for some in _chunks(diff.missing):
                corrections.recopy(table, some, epoch=scope.epoch, below=scope.watermark)
        if found.traces:
            erased = {str(trace["user_key"]): trace["version"] for trace in found.traces}
            corrections.forget(erased, epoch=scope.epoch)

    def _record(self, found: _Differences, *, repaired: set[date], after: _Differences) -> None:
        now, run_id = datetime.now(UTC), uuid4()
        differing, left = found.differing, after.differing
        self._pipeline_run.writer.insert(
            "reconciliation",
            [
                _record(
                    now,
                    run_id,
                    found.ledger.source.get(day, DayTotals(day)),
                    found.ledger.warehouse.get(day, DayTotals(day)),
                )
                | {
                    "rows_differ": differing[day],
                    "repaired": day in repaired and day not in left,
                    "ok": day not in left,
                }
                for day in found.days
            ],
        )


def _record(now: datetime, run_id: UUID, ours: DayTotals, theirs: DayTotals) -> dict[str, object]:
    return {
        "ran_at": now,
        "run_id": run_id,
        "day": ours.day,
        **{
            f"{store}_{name}": getattr(totals, name)
            for name in ("turns", "tokens", "cost_usd", "users", "checksum")
            for store, totals in (("postgres", ours), ("warehouse", theirs))
        },
    }


def _chunks(keys: Sequence[str], size: int = 5_000) -> list[Sequence[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.commands.reconcile", description=__doc__
    )
    parser.add_argument("--from", dest="since", type=date.fromisoformat, help="first day")
    parser.add_argument("--to", dest="until", type=date.fromisoformat, help="last day")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="pipelines")
    outcome = reconcile(
        load_settings(),
        since=arguments.since,
        until=arguments.until + timedelta(days=1) if arguments.until else None,
    )
    sys.stdout.write(f"{outcome.line()}\n")
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    run(main)
