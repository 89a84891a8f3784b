"""The body of POST /api/v1/query in OpenAPI. The warehouse validates it strictly."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Include(BaseModel):
    model_config = ConfigDict(extra="forbid")

    total_rows: bool = Field(default=False, description="Count the rows before pagination.")
    time_labels: bool = Field(
        default=False, description="Every bucket of the time dimension, empty ones too."
    )


class Pagination(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=100_000)


class QueryBody(BaseModel):
    """Metrics by dimensions and filters."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "metrics": ["user_messages", "active_users"],
                    "date_range": "7d",
                    "dimensions": ["time:day", "model"],
                    "filters": [["is", "chat_type", ["private"]]],
                    "order_by": [["user_messages", "desc"]],
                    "include": {"total_rows": True},
                    "pagination": {"limit": 100, "offset": 0},
                    "tz": "Europe/Berlin",
                }
            ]
        },
    )

    metrics: list[str] = Field(min_length=1, max_length=40, description="See the catalogue.")
    date_range: str | list[str] = Field(
        description="Days are those of `tz`, today included. As `period` of `stats`: `24h`,"
        " `today`, `7d`, `28d`, `30d`, `90d`, `month_to_date`, `year_to_date`, `12mo`, `all`,"
        " `yesterday`, `last_month`. Plausible's: `day`"
        " (today), `month` (this month so far), `91d`, `6mo`, `year`, and two dates, of which the"
        " second is included. Or two moments `[since, until)` with offset. The answer's `period`"
        " and `query.date_range` say what it was."
    )
    dimensions: list[str] = Field(
        default=[],
        max_length=6,
        description="`time`, `time:hour`, …, `bot`, `chat_type`, `language`, `model` (the one that"
        " answered, else the one asked), `model_asked`, `source`, `person`, `dialog`, `status`,"
        " `cause` (why it was no whole answer), `fallback_cause`.",
    )
    filters: list[tuple[str, str, list[str | int]]] = Field(
        default=[],
        max_length=20,
        description='Like `["is", "chat_type", ["private"]]`;'
        " also `is_not`, `contains`, `contains_not`.",
    )
    order_by: list[tuple[str, str]] = Field(
        default=[], max_length=25, description='Like `["user_messages", "desc"]`.'
    )
    include: Include = Include()
    pagination: Pagination = Pagination()
    tz: str | None = Field(default=None, max_length=64)
