"""Query arguments of the stats routes: period, time zone, filters, format."""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.answers.formats import Format, RequestedFormat
from api.errors import InvalidRequestError
from warehouse.comparison import ComparedWith, Comparison
from warehouse.moments import EARLIEST, LATEST, first_moment, on_clock, zone_named
from warehouse.periods import Bucket, Period, PeriodName, resolve
from warehouse.query import InvalidQueryError, parse_filters
from warehouse.reports import (
    NEWEST_FIRST,
    CohortWidth,
    Condition,
    DialogColumn,
    Filters,
    TopUsersBy,
)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# An unescaped plus sign arrives as a space.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d{2}:?\d{2}$)", re.ASCII)

MAX_FILTERS_LETTERS = 3_500

PositiveId = Annotated[int, Field(ge=1, le=2**63 - 1)]


def _conditions(given: object) -> tuple[Condition, ...]:
    """Filters in JSON. Their text comes from the query string."""
    if not isinstance(given, str) or len(given) > MAX_FILTERS_LETTERS:
        raise ValueError(f"expected JSON of at most {MAX_FILTERS_LETTERS} letters")
    try:
        return parse_filters(orjson.loads(given))
    except orjson.JSONDecodeError as error:
        raise ValueError('expected JSON, like [["is", "status", ["failed"]]]') from error
    except InvalidQueryError as error:
        raise ValueError(str(error)) from error


class FormatQuery(BaseModel):
    """Arguments of a route without a period."""

    model_config = ConfigDict(extra="forbid")

    format: Format | None = Field(default=None, description="Overrides `Accept`.")
    bom: bool = Field(
        default=False,
        description="CSV begins with a byte order mark, which Excel needs for UTF-8.",
    )

    @property
    def requested_format(self) -> RequestedFormat:
        return RequestedFormat(self.format, has_bom=self.bom)


class PeriodQuery(FormatQuery):
    """The period of an answer."""

    period: PeriodName | None = Field(
        default=None,
        description="Days are those of `tz`, today included. `day`: the running hour and the 23"
        " before it. `week` is `7d`, `month` is `30d`. `custom`: `from` and `to`. As in"
        " `POST /query`: `24h` up to the next quarter of an hour, `today`, `7d`, `28d`, `30d`,"
        " `90d`, `month_to_date`, `year_to_date`, `12mo` (this month and the 11 before), `all`"
        " (from the first turn, at most 1,098 days); without today `yesterday` and `last_month`."
        " Not as there: `day` and `month`, which are Plausible's"
        " there, today and this month. Default: `week`.",
    )
    since: str | None = Field(
        default=None,
        alias="from",
        max_length=40,
        description="Start of a custom period: a day (`2026-03-01`, midnight in `tz`) or a moment"
        " on a quarter of an hour (`2026-03-01T09:15:00+03:00`; without offset in `tz`).",
    )
    until: str | None = Field(
        default=None,
        alias="to",
        max_length=40,
        description="Its end, exclusive, also when it is a day. (A pair of days in `POST /query`"
        " includes the second.)",
    )
    tz: str | None = Field(
        default=None, max_length=64, description="IANA zone. Default: REPORT_TIMEZONE."
    )
    bucket: Bucket | None = Field(
        default=None, description="Width of a point. Default: by the period."
    )

    def resolved(self, *, now: datetime, default_tz: str, beginning: datetime | None) -> Period:
        """The period. `all` starts at `beginning`, with the first data.

        Raises:
            InvalidRequestError: an argument is neither a day nor a time.
            PeriodError: the arguments contradict each other.
        """
        tz = default_tz if self.tz is None else self.tz
        zone = zone_named(tz)
        name = self.period
        if name is None:
            is_custom = self.since is not None or self.until is not None
            name = PeriodName.CUSTOM if is_custom else PeriodName.WEEK
        return resolve(
            name,
            now=now,
            tz=tz,
            since=_moment("from", self.since, zone),
            until=_moment("to", self.until, zone),
            bucket=self.bucket,
            beginning=beginning,
        )


class StatsQuery(PeriodQuery):
    """Period and filters."""

    bot: PositiveId | None = Field(default=None, description="Only this bot's id.")
    chat_type: str | None = Field(default=None, max_length=32)
    language: str | None = Field(default=None, max_length=35)
    model: str | None = Field(
        default=None,
        max_length=200,
        description="Only turns booked on this model: those that it answered, and those that it was"
        " asked and no model answered (`/query` groups by `model_asked`, too). Empty: no model was"
        " asked.",
    )

    conditions: Annotated[
        tuple[Condition, ...],
        BeforeValidator(_conditions),
        WithJsonSchema({"type": "string", "maxLength": MAX_FILTERS_LETTERS}),
    ] = Field(
        default_factory=tuple,
        alias="filters",
        description="Further filters as JSON, like those of `POST /query`:"
        ' `[["is_not", "status", ["answered"]], ["is", "source", ["ads", "friend"]]]`. All of them'
        " hold.",
    )

    @property
    def filters(self) -> Filters:
        return Filters(
            bot_id=self.bot,
            chat_type=self.chat_type,
            language=self.language,
            model=self.model,
            conditions=self.conditions,
        )

    def arguments(self) -> tuple[Hashable, ...]:
        """Everything but period and format that changes the answer."""
        own = type(self).model_fields.keys() - StatsQuery.model_fields.keys()
        return (self.filters, *(getattr(self, name) for name in sorted(own)))


class CompareQuery(StatsQuery):
    compare: bool = Field(
        default=False, description="Also another period, up to the same point in it."
    )
    compare_with: Comparison = Field(
        default=Comparison.BEFORE,
        description="The other period: the one `before`; the nearest earlier one with the same"
        " `weekdays`; the same dates of the `year` before.",
    )
    compare_from: date | None = Field(
        default=None,
        ge=EARLIEST.date(),
        lt=LATEST.date(),
        description="In place of `compare_with`: the day of the other period's start, whenever it"
        " is. It is as long as this one.",
    )

    @property
    def compared_with(self) -> ComparedWith:
        """The other period; None: nothing is compared."""
        if not self.compare:
            return None
        return self.compare_from or self.compare_with


class DialogsQuery(StatsQuery):
    cursor: str | None = Field(
        default=None,
        max_length=4096,
        description="`next_cursor` of the page before, in the same order.",
    )
    limit: int = Field(default=20, ge=1, le=100)
    order: str = Field(
        default=str(NEWEST_FIRST),
        pattern=f"^-?({'|'.join(DialogColumn)})$",
        description="A field of the dialogs; with a minus the greatest comes first. Unknown values"
        " come last in both directions. Exports of all dialogs have the latest turn first.",
    )


class TurnsQuery(StatsQuery):
    cursor: str | None = Field(
        default=None, max_length=4096, description="`next_cursor` of the page before."
    )
    limit: int = Field(default=50, ge=1, le=100)


class PersonQuery(FormatQuery):
    person: int = Field(ge=1, lt=2**32, description="The `user_key`.")

    def arguments(self) -> tuple[Hashable, ...]:
        """All that changes the answer."""
        return (self.person,)


class TopUsersQuery(StatsQuery):
    by: TopUsersBy = TopUsersBy.MESSAGES
    limit: int = Field(default=10, ge=1, le=100)


class RetentionQuery(StatsQuery):
    width: CohortWidth = CohortWidth.DAY
    steps: int = Field(default=30, ge=1, le=60, description="Days or weeks after the first.")


def _moment(argument: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return first_moment(argument, date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
    except ValueError:
        raise InvalidRequestError(
            f"The argument {argument} is neither a day nor a time.",
            code="invalid_period",
            details=[{"where": ["query", argument], "problem": "like 2026-03-01T09:15:00+03:00"}],
        ) from None
    return moment if moment.tzinfo else on_clock(argument, moment, zone)
