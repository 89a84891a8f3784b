"""Gathers a month's days, each built on its own, into one build, so that a period is few parts.

Rows are copied as they are, compared with what is published, and published like any other build:
a reader sees all of the old parts or all of the new one. Knows nothing about the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from common.log import get_logger
from pipelines.replication.watermark import Watermark, ever_greater
from pipelines.rollups.publish import (
    ROLLUPS,
    Build,
    Head,
    Publisher,
    ReportDays,
)
from warehouse.clickhouse.client import Writer

MOST_BUILDS = 4
"""Of one month's finished days: more, and the month is gathered."""

log = get_logger(__name__)


def scattered(builds: Mapping[date, Build], *, most_builds: int) -> list[list[date]]:
    """The days of each month that is spread over too many builds.

    The newest day stays apart, because it is built again with every batch; so do withheld days,
    whose numbers belong to an older state.
    """
    newest = max(builds, default=None)
    months: dict[tuple[int, int], list[date]] = defaultdict(list)
    for day, build in sorted(builds.items()):
        if day != newest and not build.withheld:
            months[day.year, day.month].append(day)
    return [
        days for days in months.values() if len({builds[day].version for day in days}) > most_builds
    ]


class Gathering:
    """Copies and publishes. The caller holds the lock that the publisher confirms."""

    def __init__(
        self,
        writer: Writer,
        publisher: Publisher,
        *,
        days: ReportDays,
        most_builds: int = MOST_BUILDS,
    ) -> None:
        self._writer = writer
        self._publisher = publisher
        self._days = days
        self._most_builds = most_builds

    def run(self, state: Watermark, head: Head) -> tuple[date, ...]:
        """Gather what is scattered. Returns the days that moved into a new build."""
        builds = self._publisher.builds(head.publication)
        gathered: list[date] = []
        for days in scattered(builds, most_builds=self._most_builds):
            head = self._gather(state, head, {day: builds[day] for day in days})
            gathered += days
        return tuple(gathered)

    def _gather(self, state: Watermark, head: Head, builds: Mapping[date, Build]) -> Head:
        version = ever_greater(head.publication)
        copied = {"version": version, "base": head.publication, "days": list(builds)}
        for table in ROLLUPS:
            self._writer.run("rollups/gather", {**copied, "table": table})
        versions = sorted({version, *(build.version for build in builds.values())})
        if differ := self._writer.rows("rollups/differences", {**copied, "versions": versions}):
            log.error("a copied build differs and is not published", days=len(differ))
            return head
        # The same state as before, with the age that readers were last told.
        through = self._writer.rows("reports/head")[0]["data_through"]
        self._publisher.publish(
            publication=version,
            state=replace(state, epoch=head.epoch, watermark=head.watermark, data_through=through),
            days=self._days,
            builds=[replace(build, version=version) for build in builds.values()],
            replaces=head,
        )
        log.info("gathered", publication=version, days=len(builds))
        return replace(head, publication=version, data_through=through)
