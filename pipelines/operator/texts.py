"""Texts of the messages to the operator, in the languages of the bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pipelines.operator.anomalies import Anomaly
from warehouse.alerting import JudgedWindow
from warehouse.reports import Forecast, Quality, Totals
from warehouse.snapshot import Snapshot

Language = Literal["en", "ru"]
ReportSpan = Literal["week", "month"]


@dataclass(frozen=True, slots=True)
class OperatorTexts:
    """One language."""

    weekdays: Sequence[str]
    months: Sequence[str]
    """As in a date."""
    month_names: Sequence[str]
    """By themselves."""
    figures: Mapping[str, str]
    phrases: Mapping[str, str]

    def day(self, day: date) -> str:
        return f"{self.weekdays[day.weekday()]}, {day.day} {self.months[day.month - 1]} {day.year}"

    def anomaly(self, one: Anomaly) -> str:
        return self.phrases["figure"].format(
            name=self.figures[one.figure], value=f"{one.value:.4g}", usual=f"{one.usual:.4g}"
        )

    def seconds(self, milliseconds: float | None) -> str:
        if milliseconds is None:
            return self.phrases["unknown"]
        return self.phrases["seconds"].format(seconds=f"{milliseconds / 1000:.1f}")

    def digest(
        self,
        day: date,
        totals: Totals,
        found: Sequence[Anomaly],
        *,
        quality: Quality,
        forecast: Forecast,
        snapshot: Snapshot,
    ) -> str:
        """The daily message."""
        phrases = self.phrases
        cost = phrases["unknown"] if totals.cost_usd is None else f"${totals.cost_usd:.4f}"
        if totals.unpriced_turns:
            cost += " " + phrases["unpriced"].format(turns=totals.unpriced_turns)
        lines = [
            f"{self.day(day)} ({snapshot.zone.key})",
            "",
            phrases["people"].format(
                messages=totals.user_messages, active=totals.active_users, new=totals.new_users
            ),
            phrases["answers"].format(
                answers=totals.answers, failed=totals.failed, rejected=totals.rejected
            ),
            phrases["speed"].format(
                first=self.seconds(totals.ttft_p95_ms), whole=self.seconds(totals.latency_p95_ms)
            ),
            phrases["cost"].format(tokens=totals.tokens, cost=cost),
            self.forecast(forecast),
        ]
        if found:
            lines += ["", phrases["unusual"], *map(self.anomaly, found)]
        if problems := self.problems(quality):
            lines += ["", phrases["data"], *problems.values()]
        return "\n".join([*lines, "", self.through(snapshot)])

    def report(
        self,
        span: ReportSpan,
        first: date,
        *,
        current: Totals,
        previous: Totals | None,
        snapshot: Snapshot,
    ) -> str:
        """The message of a week or month, each figure beside that of the one before."""
        title = self.phrases["report_week"].format(day=self.day(first))
        if span == "month":
            title = f"{self.month_names[first.month - 1]} {first.year}"
        lines = [
            self.phrases["compared"].format(
                name=self.figures[name],
                value=self._known(getattr(current, name)),
                before=self._known(getattr(previous, name, None)),
            )
            for name in ("user_messages", "active_users", "new_users", "failed", "cost_usd")
        ]
        return "\n".join([f"{title} ({snapshot.zone.key})", "", *lines, "", self.through(snapshot)])

    def _known(self, value: Decimal | int | None) -> str:
        return self.phrases["unknown"] if value is None else self.number(float(value))

    def forecast(self, found: Forecast) -> str:
        """The cost of the running month, and at its end."""
        spent = self.phrases["month"].format(
            month=self.month_names[found.month.month - 1], spent=f"${found.spent_usd:.2f}"
        )
        if found.expected_usd is None:
            return spent
        expected = self.phrases["forecast"].format(
            expected=f"${found.expected_usd:.2f}",
            low=f"${found.low_usd:.2f}",
            high=f"${found.high_usd:.2f}",
        )
        return f"{spent}, {expected}"

    def problems(self, quality: Quality) -> dict[str, str]:
        """Problems with the data, a line each, by what they are about."""
        failing = {
            f"check {name}": self.phrases["check"].format(name=name)
            for name in sorted({check.name for check in quality.checks if not check.passed})
        }
        different = {
            f"different {one.day}": self.phrases["different"].format(day=one.day)
            for one in quality.days
            if not one.is_equal
        }
        withheld = {
            f"withheld {day}": self.phrases["withheld"].format(day=day)
            for day in quality.days_withheld
        }
        return failing | different | withheld

    def anomaly_notice(self, one: Anomaly, *, hour: datetime, snapshot: Snapshot) -> str:
        """A notice of one figure."""
        local = hour.astimezone(snapshot.zone)
        when = self.phrases["hour"].format(day=self.day(local.date()), hour=f"{local:%H:%M}")
        return "\n".join(
            [
                f"{self.phrases['unusual']} {self.anomaly(one)}",
                f"{when} ({snapshot.zone.key})",
                self.through(snapshot),
            ]
        )

    def alert(self, name: str, window: JudgedWindow, *, width: str, snapshot: Snapshot) -> str:
        """A window in which an alert fired."""
        phrases = self.phrases
        local = window.since.astimezone(snapshot.zone)
        when = phrases[f"alert_{width}"].format(day=self.day(local.date()), hour=f"{local:%H:%M}")
        if window.value is None:
            what = phrases["alert_no_data"]
        else:
            limits = [
                phrases[f"alert_{side}"].format(limit=self.number(limit))
                for side, limit in (("low", window.low), ("high", window.high))
                if limit is not None
            ]
            what = f"{self.number(window.value)} ({', '.join(limits)})"
        return f"🔔 {name}: {what}\n{when} ({snapshot.zone.key})"

    def number(self, value: float) -> str:
        """At most two decimals, more of a small value."""
        digits = 2 if abs(value) >= 1 else 4
        shown = f"{value:,.{digits}f}".rstrip("0").rstrip(".")
        return shown.replace(",", self.phrases["thousands"])

    def problem(self, line: str, snapshot: Snapshot) -> str:
        """A notice of one problem with the data."""
        return f"{self.phrases['data']} {line}\n{self.through(snapshot)}"

    def through(self, snapshot: Snapshot) -> str:
        moment = snapshot.data_through.astimezone(snapshot.zone)
        return self.phrases["through"].format(moment=f"{moment:%d.%m. %H:%M}")


ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
ENGLISH = OperatorTexts(
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    months=ENGLISH_MONTHS,
    month_names=ENGLISH_MONTHS,
    figures={
        "user_messages": "user messages",
        "active_users": "active users",
        "new_users": "new users",
        "cost_usd": "cost, $",
        "failed": "failed turns",
        "failed_percent": "failed turns, %",
        "latency_p95_seconds": "p95 of an answer, s",
    },
    phrases={
        "people": "{messages} messages from {active} people, {new} of them new",
        "answers": "{answers} answers, {failed} failed, {rejected} refused",
        "speed": "First token p95 {first}, whole answer p95 {whole}",
        "cost": "{tokens} tokens, {cost}",
        "unpriced": "({turns} turns without a price)",
        "month": "{month}: {spent} so far",
        "forecast": "about {expected} at its end (80 %: {low} to {high})",
        "unknown": "unknown",
        "seconds": "{seconds} s",
        "unusual": "Unusual:",
        "figure": "{name}: {value}, usually {usual}",
        "hour": "In the hour from {hour} of {day}",
        "data": "Data:",
        "check": "the check {name} fails",
        "different": "{day} differs from PostgreSQL",
        "withheld": "{day} is withheld",
        "through": "Counted through {moment}.",
        "chart": "User messages per day",
        "report_week": "Week from {day}",
        "compared": "{name}: {value} (vs {before})",
        "thousands": ",",
        "alert_no_data": "no data",
        "alert_low": "at least {limit} expected",
        "alert_high": "at most {limit} expected",
        "alert_hour": "In the hour from {hour} of {day}",
        "alert_day": "On {day}",
        "alert_week": "In the week from {day}",
    },
)
RUSSIAN = OperatorTexts(
    weekdays=(
        *("Понедельник", "Вторник", "Среда", "Четверг"),
        *("Пятница", "Суббота", "Воскресенье"),
    ),
    months=(
        *("января", "февраля", "марта", "апреля", "мая", "июня", "июля"),
        *("августа", "сентября", "октября", "ноября", "декабря"),
    ),
    month_names=(
        *("Январь", "Февраль", "Март", "Апрель", "Май", "Июнь", "Июль"),
        *("Август", "Сентябрь", "Октябрь", "Ноябрь", "Декабрь"),
    ),
    figures={
        "user_messages": "сообщения",
        "active_users": "активные пользователи",
        "new_users": "новые пользователи",
        "cost_usd": "стоимость, $",
        "failed": "неудачные ответы",
        "failed_percent": "неудачные ходы, %",
        "latency_p95_seconds": "p95 ответа, с",
    },
    phrases={
        "people": "Сообщений: {messages}, людей: {active}, из них новых: {new}",
        "answers": "Ответов: {answers}, неудач: {failed}, отказов: {rejected}",
        "speed": "Первый токен p95 {first}, весь ответ p95 {whole}",
        "cost": "Токенов: {tokens}, стоимость: {cost}",
        "unpriced": "(ходов без цены: {turns})",
        "month": "{month}: пока {spent}",
        "forecast": "к концу около {expected} (80 %: от {low} до {high})",
        "unknown": "неизвестно",
        "seconds": "{seconds} с",
        "unusual": "Необычно:",
        "figure": "{name}: {value}, обычно {usual}",
        "hour": "За час с {hour}, {day}",
        "data": "Данные:",
        "check": "проверка {name} не проходит",
        "different": "{day} расходится с PostgreSQL",
        "withheld": "{day} не опубликован",
        "through": "Учтено по {moment}.",
        "chart": "Сообщения по дням",
        "report_week": "Неделя с даты: {day}",
        "compared": "{name}: {value} (раньше: {before})",
        "thousands": "\N{NO-BREAK SPACE}",
        "alert_no_data": "нет данных",
        "alert_low": "ожидалось не меньше {limit}",
        "alert_high": "ожидалось не больше {limit}",
        "alert_hour": "За час с {hour}, {day}",
        "alert_day": "За день: {day}",
        "alert_week": "За неделю с даты: {day}",
    },
)
TEXTS: Mapping[Language, OperatorTexts] = {"en": ENGLISH, "ru": RUSSIAN}
