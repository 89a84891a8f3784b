"""Texts of /admin from the answers of the stats API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from babel.dates import format_skeleton, format_timedelta
from babel.numbers import format_decimal

from bot.stats_api import StatsApiError, StatsApiProblem
from bot.turns.bill import UnknownCosts
from common.language.check_texts import RUNBOOK, check_runbook, check_sentence
from common.language.i18n import Translator, dollars

Answer = Mapping[str, Any]


def period_titles(_: Translator) -> dict[str, str]:
    """The periods by their names in the API."""
    return {"today": _("Today"), "7d": _("7 days"), "month_to_date": _("This month")}


def problem_text(error: StatsApiError, _: Translator) -> str:  # noqa: PLR0911 # one for each
    """Why there are no figures, in one line."""
    match error.problem:
        case StatsApiProblem.NOT_SET_UP:
            return _("⚠️ No figures: STATS_API_KEY is not set.")
        case StatsApiProblem.UNREACHABLE:
            return _("⚠️ No figures: the stats API does not answer.")
        case StatsApiProblem.WRONG_KEY:
            return _(
                "⚠️ No figures: the stats API refuses the bot's key. Set a new STATS_API_KEY for bot"
                " and API and restart them."
            )
        case StatsApiProblem.NOT_PERMITTED:
            return _("⚠️ No figures: the bot's key lacks a scope.")
        case StatsApiProblem.UNAVAILABLE:
            return _("⚠️ No figures: statistics are temporarily unavailable.")
        case StatsApiProblem.NOT_PUBLISHED:
            return _("⚠️ No figures yet: nothing has been published.")
    return _("⚠️ No figures: the stats API refuses the request ({code}).", code=error.code or "?")


def period_text(period: str, answer: Answer, _: Translator) -> str:
    """The figures of a period, compared with the one before, and their age."""
    now = answer["summary"]["current"]
    before = answer["summary"]["previous"]

    def count(name: str) -> str:
        return _number(now[name], _)

    def compared(name: str) -> str:
        if before is None:
            return count(name)
        return _("{value} (vs {before})", value=count(name), before=_number(before[name], _))

    lines = [
        f"{period_titles(_)[period]} ({answer['period']['tz']})",
        "",
        _("Messages: {count}", count=compared("user_messages")),
        _(
            "Active users: {count}, new: {new}",
            count=compared("active_users"),
            new=count("new_users"),
        ),
        _(
            "Answers: {answers}, failed: {failed}, rejected: {rejected}",
            answers=count("answers"),
            failed=count("failed"),
            rejected=count("rejected"),
        ),
        _(
            "First token p95: {first}, whole answer p95: {whole}",
            first=_seconds(now["ttft_p95_ms"], _),
            whole=_seconds(now["latency_p95_ms"], _),
        ),
        _("Spend: {cost}", cost=_cost(now["cost_usd"], _)),
    ]
    if now["unpriced_turns"]:
        lines.append(_without_price(now["unpriced_turns"], _))
    return "\n".join([*lines, "", age_text(answer, _)])


def forecast_text(answer: Answer, _: Translator) -> str:
    """The cost of the running month, and at its end."""
    found = answer["forecast"]
    month = date.fromisoformat(found["month"])
    name = format_skeleton("yMMMM", month, locale=_.locale)
    lines = [_("{month}: {spent} so far", month=name, spent=_cost(found["spent_usd"], _))]
    if found["expected_usd"] is not None:
        lines.append(
            _(
                "About {expected} at its end (80 %: {low} to {high})",
                expected=_cost(found["expected_usd"], _),
                low=_cost(found["low_usd"], _),
                high=_cost(found["high_usd"], _),
            )
        )
    if found["unpriced_turns"]:
        lines.append(_without_price(found["unpriced_turns"], _))
    return "\n".join([*lines, age_text(answer, _)])


def unknown_costs_text(found: UnknownCosts, _: Translator) -> str:
    """Why a limit counts more than the known cost."""
    return _.plural(
        "(it counts {usd} for {count} call of unknown cost, see LLM_PRICES)",
        "(it counts {usd} for {count} calls of unknown cost, see LLM_PRICES)",
        found.calls,
        usd=dollars(found.usd, _),
    )


def bot_health(own: Answer, _: Translator) -> list[str]:
    """The bot and what it uses, a line each."""
    is_up = own["database"] == "connected"
    name = _(
        "Bot {version}, updates waiting: {count}",
        version=own["version"],
        count=_number(own["waiting_updates"], _),
    )
    lines = [
        _line(name, is_well=is_up),
        _line("PostgreSQL", is_well=is_up),
        _line(_("Sending to Telegram"), is_well=own["rate_limiter"] == "active"),
    ]
    if "llm" in own:
        lines.append(_line(_("Model"), is_well=own["llm"] == "reachable"))
    return lines


def api_health(checks: Mapping[str, str], _: Translator, *, refuses_key: bool = False) -> list[str]:
    """The API and ClickHouse, a line each."""
    names = {"lifecycle": _("Stats API"), "postgres": _("Stats API: PostgreSQL")}
    if refuses_key:
        checks = {**checks, "lifecycle": _("refuses the bot's key")}
    return [
        _line(names.get(name, "ClickHouse"), is_well=state == "ok", details=state)
        for name, state in sorted(checks.items())
    ]


def data_health(freshness: Answer, quality: Answer, _: Translator) -> list[str]:
    """The pipelines and the checks of their data, a line each."""
    found = freshness["freshness"]
    details = age_text(freshness, _)
    if held := found["held_back_by"]:
        details += ", " + _("delayed by {cause}", cause=held)
    if checked := found["checked_at"]:
        age = datetime.now(UTC) - datetime.fromisoformat(checked)
        details += ", " + _("last check of PostgreSQL {age}", age=_ago(age, _))
    name = _("Pipelines")
    lines = [_line(f"{name}: {details}", is_well=not held)]
    return lines + _quality_lines(quality["quality"], _)


def person_title(found: Answer, _: Translator) -> str:
    """Name, @name and number of a person, as far as they are known."""
    names = [found["name"] or "", f"@{found['username']}" if found["username"] else ""]
    number = "" if found["user_key"] is None else f"#{found['user_key']}"
    return " ".join(filter(None, [*names, number])) or _("Unknown person")


def rule_text(rule: Answer, _: Translator) -> str:
    """One rule about a person, its author and reason."""
    until = rule["until"]
    end = "" if until is None else f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC"
    match rule["kind"]:
        case "ban":
            text = _("🚫 Paused until {time}", time=end) if end else _("🚫 Banned")
        case "allow":
            text = _("✅ Allowed until {time}", time=end) if end else _("✅ Allowed")
        case "models":
            text = _("Models: {models}", models=", ".join(rule["models"]))
        case _:
            text = _("Limits: {limits}", limits=", ".join(_limits(rule, _)))
    # A rule that the bot made for an operator has no other author.
    author = "" if rule["author"] == "service:bot" else rule["author"]
    return f"{text} ({': '.join(filter(None, [author, rule['reason']]))})"


def _limits(rule: Answer, _: Translator) -> list[str]:
    found = []
    if (messages := rule["daily_messages"]) is not None:
        found.append(_.plural("{count} message a day", "{count} messages a day", messages))
    if (messages := rule["monthly_messages"]) is not None:
        found.append(_.plural("{count} message a month", "{count} messages a month", messages))
    if (usd := rule["daily_usd"]) is not None:
        found.append(_("{cost} a day", cost=_cost(usd, _)))
    if (usd := rule["monthly_usd"]) is not None:
        found.append(_("{cost} a month", cost=_cost(usd, _)))
    return found


def age_text(answer: Answer, _: Translator) -> str:
    return _("Updated {age}", age=_ago(timedelta(seconds=float(answer["lag_seconds"])), _))


def _quality_lines(found: Answer, _: Translator) -> list[str]:
    failing = {
        check_sentence(check["name"], check["asset"], _.code): check_runbook(
            check["name"], is_blocking=check["is_blocking"]
        )
        for check in found["checks"]
        if not check["passed"]
    }
    different = [day["day"] for day in found["days"] if not day["is_equal"]]
    problems = [
        *(
            _(
                "This check fails: {sentence} What to do: {runbook}, section {section}",
                sentence=sentence,
                runbook=RUNBOOK,
                section=section,
            )
            for sentence, section in sorted(failing.items())
        ),
        *(_("{day} differs from PostgreSQL", day=day) for day in different),
        *(_("{day} is withheld", day=day) for day in found["days_withheld"]),
    ]
    if not problems:
        return [_line(_("Data checks"), is_well=True)]
    return [_line(problem, is_well=False) for problem in problems]


def _line(name: str, *, is_well: bool, details: str = "") -> str:
    return f"✅ {name}" if is_well else f"❌ {name}" + (f": {details}" if details else "")


def _without_price(turns: int, _: Translator) -> str:
    return _.plural(
        "Excludes {count} turn with unknown price",
        "Excludes {count} turns with unknown price",
        turns,
    )


def _ago(age: timedelta, _: Translator) -> str:
    return format_timedelta(-max(age, timedelta(0)), add_direction=True, locale=_.locale)


def _number(value: int, _: Translator) -> str:
    return format_decimal(value, locale=_.locale)


def _seconds(milliseconds: Decimal | int | None, _: Translator) -> str:
    if milliseconds is None:
        return _("not known")
    seconds = Decimal(milliseconds) / 1000
    return _("{seconds} s", seconds=format_decimal(seconds, format="#,##0.0", locale=_.locale))


def _cost(value: Decimal | int | None, _: Translator) -> str:
    return _("not known") if value is None else dollars(Decimal(value), _)
