"""Texts of the messages to the operator, in the languages of the bot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from babel.dates import format_date
from babel.numbers import format_decimal

from common.language.check_texts import RUNBOOK, check_runbook, check_sentence
from common.language.i18n import Translations, Translator
from pipelines.operator.anomalies import Anomaly
from warehouse.alerting import JudgedWindow
from warehouse.reports import CheckResult, Forecast, Quality, Totals
from warehouse.snapshot import Snapshot

Language = Literal["en", "ru"]
ReportSpan = Literal["week", "month"]

LOCALES = Path(__file__).parents[1] / "locales"


class OperatorTexts:
    """One language.

    Args:
        translate: of this language.
    """

    def __init__(self, translate: Translator) -> None:
        self._ = translate

    @classmethod
    def of(cls, language: Language) -> OperatorTexts:
        return cls(Translations(language, directory=LOCALES).default)

    def day(self, day: date) -> str:
        return _capitalised(format_date(day, "EEEE, d MMMM y", locale=self._.locale))

    def month(self, day: date, *, with_year: bool = False) -> str:
        """The name of a month by itself."""
        pattern = "LLLL y" if with_year else "LLLL"
        return _capitalised(format_date(day, pattern, locale=self._.locale))

    def figure(self, name: str) -> str:
        return {
            "user_messages": self._("user messages"),
            "active_users": self._("active users"),
            "new_users": self._("new users"),
            "cost_usd": self._("cost, $"),
            "failed": self._("failed turns"),
            "failed_percent": self._("failed turns, %"),
            "latency_p95_seconds": self._("p95 answer time, s"),
        }[name]

    @property
    def chart(self) -> str:
        """Title of the picture."""
        return self._("User messages per day")

    def anomaly(self, one: Anomaly) -> str:
        return self._(
            "{name}: {value}, usually {usual}",
            name=self.figure(one.figure),
            value=f"{one.value:.4g}",
            usual=f"{one.usual:.4g}",
        )

    def seconds(self, milliseconds: float | None) -> str:
        if milliseconds is None:
            return self._("unknown")
        return self._("{seconds} s", seconds=f"{milliseconds / 1000:.1f}")

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
        cost = self._("unknown") if totals.cost_usd is None else f"${totals.cost_usd:.4f}"
        if totals.unpriced_turns:
            cost += " " + self._(
                "(excludes {turns} turns with unknown price)", turns=totals.unpriced_turns
            )
        lines = [
            f"{self.day(day)} ({snapshot.zone.key})",
            "",
            self._(
                "{messages} messages from {active} people, {new} of them new",
                messages=totals.user_messages,
                active=totals.active_users,
                new=totals.new_users,
            ),
            self._(
                "{answers} answers, {failed} failed, {rejected} rejected",
                answers=totals.answers,
                failed=totals.failed,
                rejected=totals.rejected,
            ),
            self._(
                "First token p95 {first}, whole answer p95 {whole}",
                first=self.seconds(totals.ttft_p95_ms),
                whole=self.seconds(totals.latency_p95_ms),
            ),
            self._("{tokens} tokens, {cost}", tokens=totals.tokens, cost=cost),
            self.forecast(forecast),
        ]
        if found:
            lines += ["", self._("Unusual:"), *map(self.anomaly, found)]
        if problems := self.problems(quality):
            lines += ["", self._("Data:"), *problems.values()]
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
        title = self._("Week from {day}", day=self.day(first))
        if span == "month":
            title = self.month(first, with_year=True)
        lines = [
            self._(
                "{name}: {value} (vs {before})",
                name=self.figure(name),
                value=self._known(getattr(current, name)),
                before=self._known(getattr(previous, name, None)),
            )
            for name in ("user_messages", "active_users", "new_users", "failed", "cost_usd")
        ]
        return "\n".join([f"{title} ({snapshot.zone.key})", "", *lines, "", self.through(snapshot)])

    def _known(self, value: Decimal | int | None) -> str:
        return self._("unknown") if value is None else self.number(float(value))

    def forecast(self, found: Forecast) -> str:
        """The cost of the running month, and at its end."""
        spent = self._(
            "{month}: {spent} so far",
            month=self.month(found.month),
            spent=f"${found.spent_usd:.2f}",
        )
        if found.expected_usd is None:
            return spent
        expected = self._(
            "about {expected} at its end (80 %: {low} to {high})",
            expected=f"${found.expected_usd:.2f}",
            low=f"${found.low_usd:.2f}",
            high=f"${found.high_usd:.2f}",
        )
        return f"{spent}, {expected}"

    def problems(self, quality: Quality) -> dict[str, str]:
        """Problems with the data, a line each, by what they are about."""
        failing = {
            _check_key(check): self._(
                "this check fails: {sentence} What to do: {runbook}, section {section}",
                sentence=check_sentence(check.name, check.asset, self._.code),
                runbook=RUNBOOK,
                section=check_runbook(check.name, is_blocking=check.is_blocking),
            )
            for check in sorted(quality.checks, key=_check_key)
            if not check.passed
        }
        different = {
            f"different {one.day}": self._("{day} differs from PostgreSQL", day=one.day)
            for one in quality.days
            if not one.is_equal
        }
        withheld = {
            f"withheld {day}": self._("{day} is withheld", day=day) for day in quality.days_withheld
        }
        return failing | different | withheld

    def anomaly_notice(self, one: Anomaly, *, hour: datetime, snapshot: Snapshot) -> str:
        """A notice of one figure."""
        local = hour.astimezone(snapshot.zone)
        when = self._(
            "In the hour from {hour} of {day}", day=self.day(local.date()), hour=f"{local:%H:%M}"
        )
        return "\n".join(
            [
                f"{self._('Unusual:')} {self.anomaly(one)}",
                f"{when} ({snapshot.zone.key})",
                self.through(snapshot),
            ]
        )

    def alert(self, name: str, window: JudgedWindow, *, width: str, snapshot: Snapshot) -> str:
        """A window in which an alert fired."""
        local = window.since.astimezone(snapshot.zone)
        day = self.day(local.date())
        when = {
            "hour": self._("In the hour from {hour} of {day}", day=day, hour=f"{local:%H:%M}"),
            "day": self._("On {day}", day=day),
            "week": self._("In the week from {day}", day=day),
        }[width]
        if window.value is None:
            what = self._("no data")
        else:
            limits = []
            if window.low is not None:
                limits.append(self._("at least {limit} expected", limit=self.number(window.low)))
            if window.high is not None:
                limits.append(self._("at most {limit} expected", limit=self.number(window.high)))
            what = f"{self.number(window.value)} ({', '.join(limits)})"
        return f"🔔 {name}: {what}\n{when} ({snapshot.zone.key})"

    def number(self, value: float) -> str:
        """At most two decimals, more of a small value."""
        pattern = "#,##0.##" if abs(value) >= 1 else "0.####"
        return format_decimal(value, format=pattern, locale=self._.locale)

    def problem(self, line: str, snapshot: Snapshot) -> str:
        """A notice of one problem with the data."""
        return f"{self._('Data:')} {line}\n{self.through(snapshot)}"

    def through(self, snapshot: Snapshot) -> str:
        moment = snapshot.data_through.astimezone(snapshot.zone)
        return self._("Data through {moment}.", moment=f"{moment:%d.%m. %H:%M}")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _check_key(check: CheckResult) -> str:
    """Each job has its own run; other checks are told once for all tables and days."""
    return f"check {check.name}" + (f" of {check.asset}" if check.name == "run_succeeds" else "")
