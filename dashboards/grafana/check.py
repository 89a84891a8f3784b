"""`make check-dashboards`: every panel on a throw-away stack with demo rows, JSON last.

Starts PostgreSQL and ClickHouse on free ports, loads demo dialogs, replicates and rolls them up
with the pipelines' own code, and asks each query three times as the read-only user.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common.process import run
from common.settings import DatabaseSettings, ReportSettings
from dashboards.grafana.board import BOARDS
from dashboards.grafana.macros import MacroError, Picked
from dashboards.grafana.probing import (
    Asker,
    QueryRefusedError,
    clickhouse_panels,
    helper_queries,
)
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import Plan
from embedded.stack.smoke import isolated_plan
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import resolve

DIALOG_LINES = 20_000
DAYS = 30
SLOW_MILLISECONDS = 200
"""Slower panels are named; a slow machine alone makes no check fail."""
TIMES = 3
"""The fastest of so many counts: the machine may be busy with other things."""
COMPARED = {
    "User messages": "user_messages",
    "Active users": "active_users",
    "New users": "new_users",
    "Answers": "answers",
    "Tokens": "tokens",
    "Cost": "cost_usd",
}


@dataclass(frozen=True, kw_only=True)
class BoardCheck:
    """The last line of `make check-dashboards`."""

    dashboards: int
    panels: int
    failed: int
    empty: int
    slowest_ms: int
    ok: bool
    prometheus_panels: int
    prometheus_failed: int


def main() -> int:
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        plan = isolated_plan(Path(directory))
        with Stack(plan, progress=progress) as stack:
            progress.say("Loading demo dialogs and rolling them up")
            stack.run(
                "simulator.demo.history",
                "--limit",
                str(DIALOG_LINES),
                environment=plan.history_environment(),
            )
            run_cycle(_stores(plan))
            progress.say("Asking every panel")
            result = _check(plan, progress)
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


def _stores(plan: Plan) -> PipelineSettings:
    return PipelineSettings(
        database=DatabaseSettings.model_validate({"database_url": plan.database_url()}),
        warehouse=_warehouse(plan),
        pipelines=PipelineSection.model_validate({}),
        report=ReportSettings.model_validate({}),
    )


def _warehouse(plan: Plan) -> WarehouseSettings:
    return WarehouseSettings.model_validate(
        {
            "clickhouse_url": plan.clickhouse_url("writer"),
            "clickhouse_reader_url": plan.clickhouse_url("reader"),
        }
    )


def _check(plan: Plan, progress: Progress) -> BoardCheck:
    now = datetime.now(UTC)
    until = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    picked = Picked(since=until - timedelta(days=DAYS), until=until, interval_seconds=3_600)
    asker = Asker(plan.clickhouse_url("reader"))
    asked = [
        (f"{board.uid}: {panel.title}", panel.statement)
        for board, panel in clickhouse_panels(BOARDS)
    ]
    helpers = set(helper_queries().values())
    failed, empty, slowest = 0, 0, 0.0
    totals: dict[str, float] = {}
    try:
        for name, sql in [*asked, *helper_queries().items()]:
            try:
                answers = [asker.ask(sql, picked) for _ in range(TIMES)]
            except (QueryRefusedError, MacroError) as error:
                failed += 1
                progress.say(f"  {name}: {error}")
                continue
            fastest = min(answer.milliseconds for answer in answers)
            slowest = max(slowest, fastest)
            if fastest > SLOW_MILLISECONDS:
                progress.say(f"  {name}: {fastest:.0f} ms")
            if not answers[0].rows and sql not in helpers:
                empty += 1
                progress.say(f"  {name}: no rows")
            elif (title := name.partition(": ")[2]) in COMPARED:
                totals[title] = float(answers[0].rows[0][0])
    finally:
        asker.close()
    for title in _differing(totals, asyncio.run(_api_totals(plan, picked))):
        failed += 1
        progress.say(f"  {title}: not what the API answers")
    prometheus_panels, prometheus_failed = check_prometheus(progress)
    return BoardCheck(
        dashboards=len(BOARDS),
        panels=len(asked),
        failed=failed,
        empty=empty,
        slowest_ms=round(slowest),
        ok=not failed and not empty and not prometheus_failed,
        prometheus_panels=prometheus_panels,
        prometheus_failed=prometheus_failed,
    )


async def _api_totals(plan: Plan, picked: Picked) -> dict[str, float]:
    """The same range, from the report that the API answers with."""
    reader = ClickHouseReader(_warehouse(plan))
    try:
        answer = await reports.summary(
            reader,
            snapshot=await resolve(reader),
            period=Period(
                name=PeriodName.CUSTOM,
                since=picked.since,
                until=picked.until,
                tz="UTC",
                bucket=Bucket.DAY,
            ),
        )
    finally:
        await reader.close()
    return {title: float(getattr(answer.current, name) or 0) for title, name in COMPARED.items()}


def _differing(shown: dict[str, float], answered: dict[str, float]) -> Iterator[str]:
    for title, value in answered.items():
        if abs(shown.get(title, -1.0) - value) > 1e-9 * max(1.0, value):
            yield title


def check_prometheus(progress: Progress) -> tuple[int, int]:
    """Number of panels, and of those whose PromQL promtool refuses. Without it: all of them."""
    panels = [
        (f"{board.uid}: {panel.title}", panel.expressions)
        for board in BOARDS
        for panel in board.panels
        if not panel.is_clickhouse
    ]
    promtool = shutil.which("promtool")
    if promtool is None:
        progress.say("  Prometheus panels are not checked: apt-get install prometheus")
        return len(panels), len(panels)
    return len(panels), sum(
        not _is_promql(promtool, name, expressions.values(), progress)
        for name, expressions in panels
    )


def _is_promql(promtool: str, name: str, expressions: Iterable[str], progress: Progress) -> bool:
    rules = [
        {"record": f"panel:{place}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
        for place, expression in enumerate(expressions)
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "panel", "rules": rules}]}, file)
        file.flush()
        outcome = subprocess.run(  # noqa: S603 # the project's own file
            [promtool, "check", "rules", file.name], capture_output=True, text=True, check=False
        )
    if outcome.returncode:
        progress.say(f"  {name}: {outcome.stdout}{outcome.stderr}")
    return outcome.returncode == 0


if __name__ == "__main__":
    run(main)
