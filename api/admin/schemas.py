"""Response models of the operators' routes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field


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
    grafana_url: str | None
    dagster_url: str | None = Field(description="For accounts with the scope dagster:use.")


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
