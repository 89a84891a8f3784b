"""Compacts a month's days, each built on its own, into one build, so that a period is few parts.

Rows are copied as they are, compared with the published ones, and published like any other build:
a reader sees all of the old parts or all of the new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from common.log import get_logger
from pipelines.replication.watermark import Watermark, monotonic_id
from pipelines.rollups.publish import (
    ROLLUPS,
    CurrentPublication,
    PublishedBuild,
    Publisher,
    ReportDays,
)
from warehouse.clickhouse.client import Writer

MAX_BUILDS = 4
"""Builds of one month's finished days; with more the month is compacted."""

log = get_logger(__name__)


def days_to_compact(builds: Mapping[date, PublishedBuild], *, max_builds: int) -> list[list[date]]:
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
        days for days in months.values() if len({builds[day].version for day in days}) > max_builds
    ]


class Compaction:
    """Copies and publishes. The caller holds the lock that the publisher confirms."""

    def __init__(
        self,
        writer: Writer,
        publisher: Publisher,
        *,
        days: ReportDays,
        max_builds: int = MAX_BUILDS,
    ) -> None:
        self._writer = writer
        self._publisher = publisher
        self._days = days
        self._most_builds = max_builds

    def run(self, state: Watermark, current: CurrentPublication) -> tuple[date, ...]:
        """Compact months with too many builds. Returns the days that moved into a new build."""
        builds = self._publisher.builds(current.publication)
        compacted: list[date] = []
        for days in days_to_compact(builds, max_builds=self._most_builds):
            current = self._compact(state, current, {day: builds[day] for day in days})
            compacted += days
        return tuple(compacted)

    def _compact(
        self, state: Watermark, current: CurrentPublication, builds: Mapping[date, PublishedBuild]
    ) -> CurrentPublication:
        version = monotonic_id(current.publication)
        copied = {"version": version, "base": current.publication, "days": list(builds)}
        for table in ROLLUPS:
            self._writer.run("rollups/gather", {**copied, "table": table})
        versions = sorted({version, *(build.version for build in builds.values())})
        if differ := self._writer.rows("rollups/differences", {**copied, "versions": versions}):
            log.error("a copied build differs and is not published", days=len(differ))
            return current
        # The same state as before, with the age that readers last saw.
        through = self._writer.rows("reports/head")[0]["data_through"]
        self._publisher.publish(
            publication=version,
            state=replace(
                state, epoch=current.epoch, watermark=current.watermark, data_through=through
            ),
            days=self._days,
            builds=[replace(build, version=version) for build in builds.values()],
            replaces=current,
        )
        log.info("compacted", publication=version, days=len(builds))
        return replace(current, publication=version, data_through=through)
