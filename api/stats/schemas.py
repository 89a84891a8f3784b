"""Response models of the stats routes.

The reports are dataclasses of the warehouse; these models describe them in OpenAPI.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.people.schemas import Person
from warehouse.periods import Bucket, PeriodName
from warehouse.query import QueryRow
from warehouse.reports import (
    Activity,
    Blocks,
    CohortWidth,
    Commands,
    Costs,
    DimensionValues,
    Feedback,
    Forecast,
    Freshness,
    Funnel,
    Heatmap,
    LastMinutes,
    Lifecycle,
    ListedTurn,
    Models,
    PersonTotals,
    Quality,
    Retention,
    Stickiness,
    Summary,
    TopUser,
    TopUsersBy,
    UserSessions,
)


class PeriodView(BaseModel):
    """The resolved period: half-open, UTC."""

    name: PeriodName
    since: datetime
    until: datetime = Field(description="Exclusive. May lie in the future: see `is_partial`.")
    tz: str = Field(description="IANA zone of days and hours.")
    bucket: Bucket


class Age(BaseModel):
    """Age of an answer."""

    lag_seconds: float = Field(description="Age of the data when this answer was served.")
    data_through: datetime = Field(description="Everything received before this is counted.")
    snapshot: str = Field(description="Equal for answers from the same build.")
    report_timezone: str = Field(description="The zone of daily builds, cohorts and checks.")


class Envelope(Age):
    """Fields of every answer about a period."""

    newest_through: datetime = Field(
        description="As `data_through`, but ignores withheld days: later if there is one."
    )
    is_partial: bool = Field(description="Whether the period ends after `data_through`.")
    period: PeriodView


class Named(Envelope):
    """An answer that shows users."""

    people: dict[str, Person] = Field(
        description="Names by `user_key`, for accounts with `names:read`. Absent: erased,"
        " unreadable, or their database is unavailable.",
        examples=[{"42": {"name": "Ann Lee", "username": "ann"}}],
    )


class DialogView(BaseModel):
    """A dialog with a turn in the period, without texts."""

    dialog_id: UUID
    bot_id: int
    user_key: int = Field(description="The user of the latest turn; a group has several.")
    users: int
    chat_type: str
    language: str | None
    turns: int
    user_messages: int
    answers: int
    tokens: int
    cost_usd: Decimal | None = Field(description="null: the cost of no turn is known.")
    unpriced_turns: int
    first_turn_at: datetime
    last_turn_at: datetime
    last_status: str
    last_model: str | None


class Dashboard(Named):
    summary: Summary
    activity: Activity
    recent_dialogs: list[DialogView]
    top_users: list[TopUser]


class SummaryAnswer(Envelope):
    summary: Summary


class ActivityAnswer(Envelope):
    activity: Activity


class DialogsAnswer(Named):
    dialogs: list[DialogView]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")


class TurnsAnswer(Named):
    turns: list[ListedTurn]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")


class PersonAnswer(Age):
    person: PersonTotals
    people: dict[str, Person] = Field(
        description="The name by `user_key`, for accounts with `names:read`."
    )


class TopUsersAnswer(Named):
    by: TopUsersBy
    top_users: list[TopUser]


class ModelsAnswer(Envelope):
    models: Models


class RetentionAnswer(Envelope):
    width: CohortWidth
    retention: Retention


class StickinessAnswer(Envelope):
    stickiness: Stickiness


class LifecycleAnswer(Envelope):
    lifecycle: Lifecycle


class HeatmapAnswer(Envelope):
    heatmap: Heatmap


class FunnelAnswer(Envelope):
    funnel: Funnel


class FeedbackAnswer(Envelope):
    feedback: Feedback


class CommandsAnswer(Envelope):
    commands: Commands


class BlocksAnswer(Envelope):
    blocks: Blocks


class SessionsAnswer(Envelope):
    sessions: UserSessions


class CostsAnswer(Envelope):
    costs: Costs


class DimensionsAnswer(Envelope):
    dimensions: DimensionValues


class QualityAnswer(Envelope):
    quality: Quality


class FreshnessAnswer(Age):
    freshness: Freshness


class ForecastAnswer(Age):
    forecast: Forecast


class NowAnswer(Age):
    now: LastMinutes


class MetricView(BaseModel):
    """One metric: its definition and the dimensions that it may be summed over."""

    name: str
    title: str
    definition: str
    unit: str
    additive_over: list[str] = Field(
        description="Dimensions whose groups may be summed: time, and those of filters. Empty: ask"
        " for the whole range instead."
    )
    source: str


class CatalogueAnswer(Age):
    metrics: list[MetricView]


class QueryResult(Envelope):
    results: list[QueryRow]
    query: dict[str, Any] = Field(description="The query as understood, defaults filled in.")
    warnings: list[str]
    total_rows: int | None
    has_more: bool
    time_labels: list[datetime | date | str | int | None] | None
