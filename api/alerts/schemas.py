"""Request and response models of the routes of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.admin.schemas import Moment
from common.text import clean_text
from warehouse.alerting import AlertRule, AlertTest, NoData, WindowVerdict
from warehouse.periods import Bucket
from warehouse.query import InvalidQueryError, parse_filters
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.usual import WindowedMetric

MAX_ID = 2**63 - 1
MAX_THRESHOLD = 1e15
Hour = Annotated[int, Field(ge=0, le=23)]


def _metric(name: str) -> str:
    if name not in METRIC_VALUES:
        raise ValueError("is not a metric of POST /query")
    return name


def _filters(given: list[Any]) -> list[Any]:
    try:
        parse_filters(given)
    except InvalidQueryError as error:
        raise ValueError(str(error)) from error
    return given


def _name(given: str) -> str:
    name = clean_text(given).strip()
    if not name or not name.isprintable():
        raise ValueError("must be a line of printable text")
    return name


def _address(given: str) -> str:
    try:
        parts = urlsplit(given)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in {"http", "https"} or not given.isprintable():
        raise ValueError("must be like https://hooks.example.org/path")
    if parts.username or parts.password:
        raise ValueError("must hold no user name or password")
    return given


class FilteredMetric(BaseModel):
    """A metric under filters."""

    model_config = ConfigDict(extra="forbid")

    metric: Annotated[str, AfterValidator(_metric)] = Field(
        examples=["cost_usd"], description="A metric of `POST /query`."
    )
    filters: Annotated[list[Any], AfterValidator(_filters)] = Field(
        default_factory=list, description='As in `POST /query`: `["is", "model", ["small"]]`.'
    )


class UsualQuestion(FilteredMetric):
    """A metric under filters in the whole windows of a period."""

    width: Literal["hour", "day", "week"] = Field(
        description="The window, by the clock of `tz`; a week begins on Monday."
    )
    since: Moment = Field(description="Start of the period, on a quarter of an hour.")
    until: Moment = Field(description="Its end, exclusive, on a quarter of an hour.")
    tz: str = Field(max_length=64, description="IANA zone.")

    @property
    def measured(self) -> WindowedMetric:
        return WindowedMetric(self.metric, self.filters, Bucket(self.width))


class UsualRange(BaseModel):
    """The usual range in one window: the interval in which 99 of 100 further weeks would lie."""

    since: datetime
    until: datetime
    low: float | None = Field(description="null with less than 4 weeks of data before the window.")
    high: float | None


class UsualRanges(BaseModel):
    windows: list[UsualRange] = Field(description="Those that have begun, oldest first.")


class AlertTerms(FilteredMetric):
    """A metric under filters, judged by a test in each whole window."""

    width: Literal["hour", "day", "week"] = Field(
        description="The window, by the clock of REPORT_TIMEZONE; a week begins on Monday."
    )
    test: AlertTest = Field(
        description="`above` or `below` the threshold; `times_usual`: above the threshold times the"
        " median of the same weekday and hour of the last 8 weeks; `unusual`: outside the interval"
        " in which 99 of 100 further weeks would lie. The last two need 4 weeks of data."
    )
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=MAX_THRESHOLD,
        allow_inf_nan=False,
        description="null with `unusual`, else needed.",
    )
    no_data: NoData = Field(
        default=NoData.IGNORE,
        description="What a window without turns means: nothing, a 0, or that the alert fires.",
    )

    @model_validator(mode="after")
    def _threshold_fits(self) -> Self:
        if (self.threshold is None) != (self.test is AlertTest.UNUSUAL):
            raise ValueError("threshold: state it, but not with the test unusual")
        return self

    @property
    def rule(self) -> AlertRule:
        return AlertRule(
            metric=self.metric,
            filters=self.filters,
            width=Bucket(self.width),
            test=self.test,
            threshold=self.threshold,
            no_data=self.no_data,
        )


class AlertBody(AlertTerms):
    """An alert: its terms, and who is told when."""

    name: Annotated[str, AfterValidator(_name)] = Field(
        min_length=1, max_length=100, examples=["Twice the usual cost"]
    )
    quiet_from: Hour | None = Field(
        default=None,
        description="Hour of REPORT_TIMEZONE in which the quiet hours begin: messages wait.",
    )
    quiet_until: Hour | None = Field(default=None, description="Hour in which they end.")
    to_operator: bool = Field(default=True, description="Whether OPERATOR_CHAT_ID is told.")
    chat_ids: list[Annotated[int, Field(ge=-MAX_ID, le=MAX_ID)]] = Field(
        default_factory=list, max_length=5, description="Further chats of Telegram."
    )
    webhook_url: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None, max_length=1000, description="Gets a POST of JSON."
    )

    @model_validator(mode="after")
    def _quiet_hours_are_two(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_until: state both ends of the quiet hours, or neither")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValueError("quiet_until: must differ from quiet_from")
        return self


class AlertMute(BaseModel):
    model_config = ConfigDict(extra="forbid")

    until: Moment | None = Field(description="null: the alert speaks again.")


class AlertView(BaseModel):
    """An alert. Chats and webhook are for the scope `admin`; others see their number."""

    id: int
    name: str
    metric: str
    filters: list[Any]
    width: str
    test: AlertTest
    threshold: float | None
    no_data: NoData
    quiet_from: int | None
    quiet_until: int | None
    to_operator: bool
    chat_ids: list[int] | None
    webhook_url: str | None
    destinations: int = Field(description="How many get the messages.")
    muted_until: datetime | None
    judged_through: datetime = Field(description="End of the last window that was judged.")
    last_fired_at: datetime | None
    author: str
    created_at: datetime


class AlertList(BaseModel):
    alerts: list[AlertView] = Field(description="Newest first.")


class AlertMessage(BaseModel):
    """A message about an event. They are known for 40 days."""

    channel: str = Field(description="`operator`, `chat` or `webhook`.")
    state: Literal["waiting", "sent", "unconfirmed", "failed"] = Field(
        description="`unconfirmed`: the sender ended meanwhile. It is not sent again."
    )
    problem: str | None


class AlertEventView(BaseModel):
    """A window in which an alert fired."""

    id: int
    alert_id: int
    name: str
    metric: str
    width: str
    window_start: datetime
    window_end: datetime
    value: float | None = Field(description="null: no data.")
    low: float | None = Field(description="Lowest value that does not fire, if there is one.")
    high: float | None = Field(description="Highest value that does not fire, if there is one.")
    silence: Literal["muted", "acknowledged", "late"] | None = Field(
        description="Why no message was sent: the alert was muted, the window before was"
        " acknowledged, or a later window fired at the same time."
    )
    fired_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    messages: list[AlertMessage]


class AlertEventPage(BaseModel):
    events: list[AlertEventView] = Field(description="Newest first.")
    next_before: int | None = Field(description="`before` of the next page.")


class PreviewedWindow(BaseModel):
    since: datetime
    until: datetime
    verdict: WindowVerdict
    value: float | None
    low: float | None
    high: float | None


class AlertPreview(BaseModel):
    """How often an alert would have fired in the last 4 weeks."""

    windows: int = Field(description="Whole windows of the last 4 weeks.")
    fired: int
    learning: int = Field(description="Windows with less than 4 weeks of data before them.")
    no_data: int = Field(description="Windows without data, which were ignored.")
    last: PreviewedWindow | None = Field(description="The last whole window.")
