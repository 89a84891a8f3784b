"""The published state of the warehouse, resolved once per answer.

Every figure of one answer is read at one snapshot; its id is part of the answer's ETag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from warehouse.periods import Span, midnight
from warehouse.reading import Reader
from warehouse.statements import statement
from warehouse.tiers import touched_days

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Build:
    """What serves one day of the report zone."""

    version: int
    is_withheld: bool
    """A blocking check failed: the day keeps older numbers."""
    data_through: datetime
    watermark: int = 0
    """Facts of the day with a smaller transaction id belong to the build."""


class Versions:
    """(day, version) pairs, as a parameter of the type Array(Tuple(Date, UInt64)).

    The driver sends what it does not know as `str` writes it. A list it would look through value
    by value, which for a month is a fifth of what a report costs the client.
    """

    def __init__(self, pairs: Iterable[tuple[date, int]]) -> None:
        written = ",".join(f"('{day}',{version})" for day, version in pairs)
        self._written = f"[{written}]"

    def __str__(self) -> str:
        return self._written


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was published when the answer began."""

    id: str
    """Opaque, changes whenever any figure or its age may have changed."""
    publication: int
    epoch: int
    """Generation of the replica; a resync opens the next."""
    watermark: int
    """Facts with a smaller transaction id belong to the snapshot."""
    data_through: datetime
    """Everything received before this moment is counted (UTC)."""
    published_at: datetime | None
    """When the newest build was published; None before the first."""
    report_timezone: str
    """Zone whose calendar days the builds are."""
    builds: dict[date, Build] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """Nothing was published yet: every report answers with zeros."""
        return self.published_at is None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.report_timezone)

    def lag_seconds(self, now: datetime) -> float:
        """Age of the answer at `now`, never negative."""
        return max(0.0, (now.astimezone(UTC) - self.data_through).total_seconds())

    def data_through_of(self, span: Span | None) -> datetime:
        """The oldest state that an answer about the span rests on: days withheld count.

        None stands for every day.
        """
        first, last = touched_days(span, self.zone) if span else (date.min, date.max)
        withheld = (
            build.data_through
            for day, build in self.builds.items()
            if build.is_withheld and first <= day <= last
        )
        return min((self.data_through, *withheld))

    def as_old_as(self, span: Span | None) -> Snapshot:
        """The same, with the age that an answer about the span has to state."""
        return replace(self, data_through=self.data_through_of(span))

    def days_withheld(self) -> tuple[date, ...]:
        return tuple(day for day, build in sorted(self.builds.items()) if build.is_withheld)

    def held_back(self) -> list[tuple[int, int, int]]:
        """Since, until (Unix seconds) and watermark of each day that keeps older numbers."""
        return [
            (
                int(midnight(day, self.zone).timestamp()),
                int(midnight(day + _DAY, self.zone).timestamp()),
                build.watermark,
            )
            for day, build in sorted(self.builds.items())
            if build.is_withheld
        ]

    def versions(self, first: date, last: date) -> Versions:
        """(day, version) of the builds that serve the days, both ends included."""
        return Versions(
            (day, build.version) for day, build in self.builds.items() if first <= day <= last
        )


NOTHING_PUBLISHED = Snapshot(
    id="0",
    publication=0,
    epoch=0,
    watermark=0,
    data_through=BEGINNING,
    published_at=None,
    report_timezone="UTC",
)


async def resolve(reader: Reader, *, known: Snapshot | None = None) -> Snapshot:
    """The snapshot that is published now.

    `known` is an earlier snapshot of the same warehouse: when nothing was published since, its
    map of builds is used again and one small query is all that is asked.
    """
    heads = await reader.rows("head", statement("reports/head"), {})
    if not heads:
        return NOTHING_PUBLISHED
    head = heads[0]
    through = head["data_through"]
    if known is not None and (known.publication, known.epoch) == (
        head["publication"],
        head["epoch"],
    ):
        builds = known.builds
    else:
        builds = {
            row["day"]: Build(*row["build"])
            for row in await reader.rows(
                "builds",
                statement("reports/builds"),
                {name: head[name] for name in ("publication", "epoch", "zone")},
            )
        }
    return Snapshot(
        id=f"{head['epoch']}.{head['publication']}.{int(through.timestamp() * 1000)}",
        publication=head["publication"],
        epoch=head["epoch"],
        watermark=head["watermark"],
        data_through=through,
        published_at=head["published_at"],
        report_timezone=head["zone"],
        builds=builds,
    )
