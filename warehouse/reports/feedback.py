"""How people rated answers, by model, source and way of rating."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.parameters import Row, ask_ledger, ledger_parameters, ratio, time_range
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot

GROUPS = ("model", "source", "given_by")
_NAMES = ("answerer", "origin", "way")


@dataclass(frozen=True, slots=True)
class RatedGroup:
    """The verdicts on the answers of one group; a person's last one on an answer counts."""

    dimension: str
    """`model` (the one that answered), `source` (the deep link by which the person who asked came)
    or `given_by` (`button`, `reaction`)."""
    value: str | None
    """None: the person came without a deep link, or was erased."""
    good_ratings: int
    bad_ratings: int
    satisfaction: float | None
    """Good ones by all."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Verdicts on the answers to turns of the period."""

    good_ratings: int
    bad_ratings: int
    satisfaction: float | None
    """Good ones by all; None without any."""
    groups: tuple[RatedGroup, ...]
    """By dimension; most ratings first."""


async def feedback(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Feedback:
    """Verdicts by the time of the turn that was rated, whenever they were given."""
    rows = await ask_ledger(
        reader,
        "feedback",
        {**time_range(period.span), **ledger_parameters(snapshot)},
        filters,
    )
    total = next((row for row in rows if not row["grouped"]), {"good": 0, "bad": 0})
    return Feedback(
        good_ratings=total["good"],
        bad_ratings=total["bad"],
        satisfaction=_satisfaction(total),
        groups=tuple(_group(row) for row in rows if row["grouped"]),
    )


def _group(row: Row) -> RatedGroup:
    place = row["grouped"] - 1
    return RatedGroup(
        dimension=GROUPS[place],
        value=row[_NAMES[place]] or None,
        good_ratings=row["good"],
        bad_ratings=row["bad"],
        satisfaction=_satisfaction(row),
    )


def _satisfaction(row: Row) -> float | None:
    return ratio(row["good"], row["good"] + row["bad"])
