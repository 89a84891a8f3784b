"""Makes builds visible, whole and in one insert, and removes what no reader can need any more.

Maps days to builds; `build.py` makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from common.zones import Clock
from pipelines.replication.watermark import Watermark
from warehouse.catalogue import RULES
from warehouse.clickhouse.client import Writer

THE_PUBLICATION = date(1970, 1, 1)
"""The day of the row that describes the publication itself."""
ROLLUPS = (
    *("activity", "daily", "new_users", "user_days", "dialog_days", "quarter_users", "day_users"),
)
DROPS_PER_COLLECTION = 300
"""Partitions dropped at once, so that collection never delays a batch for long."""

CURRENT = """
SELECT publication, epoch, watermark, zone, data_through, rules, tzdata FROM published
WHERE day = toDate(0)
ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1
"""
BUILDS = "SELECT * FROM builds_at(snapshot = {snapshot:UInt64}) ORDER BY day"
CLOCK = """
SELECT clock_changes AS changes, clock_offsets AS offsets FROM published
WHERE day = toDate(0) AND publication = {publication:UInt64} AND notEmpty(clock_changes)
"""
OPENED = "SELECT count() FROM published WHERE toDate(published_at) = {today:Date}"


@dataclass(frozen=True, slots=True)
class CurrentPublication:
    """The newest publication."""

    publication: int
    epoch: int
    watermark: int
    zone: str
    data_through: datetime
    rules: int
    """`RULES` when its builds were made."""
    tzdata: str
    """Release of the database of zones that its days are of; empty: not known."""


@dataclass(frozen=True, slots=True)
class ReportDays:
    """The report zone and the clock that its days are cut by."""

    zone: str
    tzdata: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """The build that serves one day."""

    day: date
    version: int
    withheld: bool
    watermark: int
    data_through: datetime
    turns: int
    rows_differ: int = 0


class Publisher:
    """Reads and writes the map from days to builds. The caller holds the lock."""

    def __init__(
        self, writer: Writer, *, grace_seconds: int, confirm_lock: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._grace = timedelta(seconds=grace_seconds)
        self._confirm_lock = confirm_lock

    def current_publication(self) -> CurrentPublication | None:
        """The newest publication; None before the first."""
        rows = self._writer.rows("publication head", sql=CURRENT)
        return CurrentPublication(**rows[0]) if rows else None

    def builds(self, snapshot: int) -> dict[date, PublishedBuild]:
        """Which build served each day at a publication."""
        rows = self._writer.rows("published builds", {"snapshot": snapshot}, sql=BUILDS)
        return {row["day"]: PublishedBuild(**row) for row in rows}

    def clock(self, publication: int) -> Clock | None:
        """The clock that a publication's days were cut by; None: it did not say."""
        rows = self._writer.rows("publication clock", {"publication": publication}, sql=CLOCK)
        return Clock(tuple(rows[0]["changes"]), tuple(rows[0]["offsets"])) if rows else None

    def publish(
        self,
        *,
        publication: int,
        state: Watermark,
        days: ReportDays,
        builds: Sequence[PublishedBuild],
        replaces: CurrentPublication | None,
    ) -> None:
        """Make a publication visible: the insert of one part is the commit."""
        now = datetime.now(UTC)
        published = {build.day: build for build in builds}
        if (
            replaces is not None
            and (replaces.epoch, replaces.zone) == (state.epoch, days.zone)
            and not self._writer.value("publication day", {"today": now.date()}, sql=OPENED)
        ):
            # A date opens with the full map, so that older dates can go.
            published = self.builds(replaces.publication) | published
        header = PublishedBuild(
            day=THE_PUBLICATION,
            version=0,
            withheld=False,
            watermark=state.watermark,
            data_through=state.data_through,
            turns=0,
        )
        self._confirm_lock()
        self._writer.insert(
            "published",
            [
                {
                    "publication": publication,
                    "day": build.day,
                    "version": build.version,
                    "epoch": state.epoch,
                    "watermark": build.watermark,
                    "zone": days.zone,
                    "withheld": build.withheld,
                    "data_through": build.data_through,
                    "turns": build.turns,
                    "rows_differ": build.rows_differ,
                    "published_at": now,
                    "rules": RULES,
                    "tzdata": days.tzdata if build is header else "",
                    "clock_changes": days.clock.changes if build is header else (),
                    "clock_offsets": days.clock.offsets if build is header else (),
                }
                for build in (header, *published.values())
            ],
        )

    def collect(self) -> int:
        """Drop builds that were never published, or that no running reader can still see.

        Returns the number of dropped partitions.
        """
        now = datetime.now(UTC)
        parameters = {"before": now - self._grace, "limit": DROPS_PER_COLLECTION}
        stale = self._writer.rows("rollups/stale_partitions", parameters)
        self._confirm_lock()
        for row in stale:
            self._writer.drop_partition(
                row["table"], row["partition_id"], sharded=row["table"] in {"turns", "people"}
            )
        return len(stale)
