"""Response models of the operators' routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from api.audit.reading import Release


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is beyond the calendar") from error


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""In UTC, which is also the zone of a time without an offset."""


class About(BaseModel):
    """Where else to look."""

    version: str
    releases: list[Release] = Field(
        description="Starts of bots with another version than before, newest first."
    )
    grafana_url: str | None
    dagster_url: str | None = Field(description="For accounts with the scope dagster:use.")


@dataclass(frozen=True, slots=True)
class BillLimitView:
    """A limit of the bill and what is spent of it."""

    name: Annotated[
        str,
        Field(
            description="The setting, and the reason of the turns that it refuses.",
            examples=["total_monthly_usd"],
        ),
    ]
    username: Annotated[
        str | None, Field(description="The bot whose spending it limits; null: all bots together.")
    ]
    period: Annotated[Literal["day", "month"], Field(description="Of the report zone.")]
    period_start: Annotated[date, Field(description="The first day of the running period.")]
    limit_usd: Annotated[
        Decimal, Field(description="Most that may be spent in a period, US dollars.")
    ]
    spent_usd: Annotated[
        Decimal | None,
        Field(
            description="In the running period, with the most that attempts of unknown cost may"
            " cost. Null: not counted yet."
        ),
    ]
    stated_at: Annotated[
        datetime, Field(description="The bot's last start, when it read its settings.")
    ]


class BillView(BaseModel):
    """The limits of the bill."""

    limits: list[BillLimitView] = Field(
        description="As stated by each bot at its last start; empty: spending is unlimited."
    )


@dataclass(frozen=True, slots=True)
class SetupView:
    """Which steps of the setup are done."""

    usernames: Annotated[
        list[str],
        Field(description="Of the bots that have started, without @, the newest start first."),
    ]
    has_operator_chat: Annotated[bool, Field(description="Whether a bot has OPERATOR_CHAT_ID.")]
    has_message: Annotated[bool, Field(description="Whether anybody has ever asked a bot.")]
    has_answer: Annotated[bool, Field(description="Whether a model has ever answered.")]


class AuditEventView(BaseModel):
    """One event of the audit trail."""

    id: int
    occurred_at: datetime
    kind: str = Field(examples=["login_failed"])
    actor_id: int | None = Field(description="The account; null: nobody was logged in.")
    actor: str | None = Field(
        description="The account's name then, or the name that a failed login gave."
    )
    address: str | None = Field(description="The client's address; of IPv6 its /64.")
    occurrences: int = Field(description="Repeated events are counted in one row.")
    request_id: str | None
    details: dict[str, Any]


class AuditPage(BaseModel):
    events: list[AuditEventView]
    next_before: int | None = Field(description="`before` of the next page.")


class ReadingView(BaseModel):
    """One reading of a dialog's texts."""

    id: int
    account_id: int
    username: str
    dialog_id: UUID
    user_keys: list[int]
    messages: int
    request_id: str
    read_at: datetime


class ReadingList(BaseModel):
    readings: list[ReadingView]
    next_before: int | None = Field(description="`before` of the next page.")
