"""The shapes of reports about who comes and who returns, what it costs, and how true it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class CohortWidth(StrEnum):
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Cohort:
    """People whose first turn lies in one day or week of the report zone."""

    start: date
    users: int
    active: tuple[int | None, ...]
    """`active[n]`: of them, active in exactly the n-th day (week) after; None: not over yet.
    `active[0]` equals `users`."""


@dataclass(frozen=True, slots=True)
class Retention:
    width: CohortWidth
    tz: str
    """Always the report zone: cohorts are its calendar days."""
    cohorts: tuple[Cohort, ...]


@dataclass(frozen=True, slots=True)
class StickinessPoint:
    day: date
    dau: int
    wau: int
    """Distinct people of the 7 days that end with this one."""
    mau: int
    """Distinct people of the 30 days that end with this one."""
    dau_mau: float | None


@dataclass(frozen=True, slots=True)
class Stickiness:
    tz: str
    points: tuple[StickinessPoint, ...]
    average_dau: float
    average_dau_mau: float | None


@dataclass(frozen=True, slots=True)
class LifecyclePoint:
    """A bucket against the bucket before: active = new + returning + resurrected."""

    start: date
    active: int
    new: int
    """First turn ever in this bucket."""
    returning: int
    """Active in this bucket and in the one before."""
    resurrected: int
    """Active in this bucket, not in the one before, and not new."""
    dormant: int
    """Active in the bucket before, not in this one."""
    churned: int
    """People whose latest message turned 28 days old within this bucket."""
    is_partial: bool
    """The bucket reaches beyond the period or the data. Its days outside the period count, those
    that have not come yet do not."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    tz: str
    points: tuple[LifecyclePoint, ...]


@dataclass(frozen=True, slots=True)
class HeatmapCell:
    weekday: int
    """1 Monday to 7 Sunday, in the period's zone."""
    hour: int
    user_messages: int
    turns: int
    active_users: int


@dataclass(frozen=True, slots=True)
class Heatmap:
    cells: tuple[HeatmapCell, ...]
    """All 168, Monday 00:00 first."""


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step: how many could have come here by now, how many did."""

    eligible: int
    users: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """People whose first turn lies in the period, by the source they came from.

    Under filters: those of them whom the filters find active in the period.
    """

    source: str | None
    """None: came without a deep link."""
    started: int
    """First turn."""
    activated: FunnelStep
    """Third turn, ever."""
    day_1: FunnelStep
    """Active on exactly the first day after the first one, in the report zone."""
    day_7: FunnelStep
    day_30: FunnelStep
    cost_usd: Decimal | None
    """All that these people have cost since."""
    unpriced_turns: int
    cost_per_activated_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Funnel:
    tz: str
    total: FunnelRow
    sources: tuple[FunnelRow, ...]
    """Most started first, at most 50."""
    others: FunnelRow | None
    """All further sources together; None when there is none."""


@dataclass(frozen=True, slots=True)
class CostPoint:
    start: datetime
    cost_usd: Decimal | None
    unpriced_turns: int
    tokens: int
    active_users: int
    served_users: int
    cost_per_served_user_usd: Decimal | None
    """Known cost by served users."""


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    model: str
    turns: int


@dataclass(frozen=True, slots=True)
class Costs:
    cost_usd: Decimal | None
    unpriced_turns: int
    unpriced_models: tuple[UnpricedModel, ...]
    active_users: int
    served_users: int
    answers: int
    cost_per_served_user_usd: Decimal | None
    """Known cost by served users."""
    cost_per_answer_usd: Decimal | None
    points: tuple[CostPoint, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The latest result of one check."""

    suite: str
    asset: str
    name: str
    day: date | None
    """None: the check is of a whole table."""
    is_blocking: bool
    passed: bool
    checked_at: datetime
    observed: str
    expected: str


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """PostgreSQL against ClickHouse, the latest comparison of one day of the report zone."""

    day: date
    compared_at: datetime
    source_turns: int
    warehouse_turns: int
    source_tokens: int
    warehouse_tokens: int
    source_cost_usd: Decimal
    warehouse_cost_usd: Decimal
    source_users: int
    warehouse_users: int
    rows_differ: int
    was_repaired: bool
    is_equal: bool


@dataclass(frozen=True, slots=True)
class Quality:
    is_ok: bool
    """Every latest check passed, every compared day is equal and no day is withheld."""
    checks: tuple[CheckResult, ...]
    """Newest first."""
    days: tuple[ReconciledDay, ...]
    """Newest first."""
    days_withheld: tuple[date, ...]
    """Days whose publication a failed blocking check withholds; they show older numbers."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the answers are and why."""

    snapshot_id: str
    data_through: datetime
    published_at: datetime | None
    replicated_at: datetime | None
    """End of the newest batch of replication; None before the first."""
    checked_at: datetime | None
    """When the newest look at PostgreSQL found out how far the data reach."""
    epoch: int
    watermark: int
    replication_lag_seconds: float | None
    """Age of the replication horizon at the newest look."""
    held_back_by: str | None
    """The oldest open writer that holds the horizon back, when there is one."""
    turns: int
    """Turns in the published builds."""
    first_day: date | None
    """First day of the report zone with a turn."""
    last_day: date | None


@dataclass(frozen=True, slots=True)
class DimensionValues:
    """Values seen in the period, for pickers; most turns first, at most 100 each."""

    bots: tuple[int, ...]
    chat_types: tuple[str, ...]
    languages: tuple[str, ...]
    models: tuple[str, ...]
