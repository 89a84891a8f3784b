"""`forecast`: the month's cost so far, and what is expected at its end, in fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from tests.recount.constants import QUARTER
from tests.recount.view import Expected, Row, View

LONGEST_DAYS = 56
PLACES = Decimal("0.000001")


def forecast(view: View) -> Expected:
    report, facts = view.report, view.facts
    now = view.through // QUARTER * QUARTER
    today = report.day(now)
    month = report.first_day_of(today, "month")
    following = report.first_day_of(month + 31, "month")
    days = facts.days(report)
    groups = {
        day: facts.group(facts.all[days == day], facts.all[:0])
        for day in range(min(month, today - LONGEST_DAYS), today + 1)
    }
    cost = {day: group.cost or Decimal(0) for day, group in groups.items()}
    spent = sum((cost[day] for day in range(month, today + 1)), Decimal(0))
    past = range(max(int(days.min()), today - LONGEST_DAYS), today)
    found: Row = {
        "month": view.date(month),
        "spent_usd": spent,
        "unpriced_turns": sum(groups[day].unpriced for day in range(month, today + 1)),
        "history_days": len(past),
        **dict.fromkeys(("expected_usd", "low_usd", "high_usd")),
    }
    if len(past) >= 7:
        weeks = 7 if len(past) >= 14 else 1
        edges = report.midnight(today), report.midnight(today + 1)
        left = {day: Fraction(1) for day in range(today, following)}
        left[today] = Fraction(edges[1] - now, edges[1] - edges[0])
        rest, error, spread = Fraction(0), Fraction(0), Fraction(0)
        for weekday in range(weeks):
            seen = [Fraction(cost[day]) for day in past if day % weeks == weekday]
            ahead = [share for day, share in left.items() if day % weeks == weekday]
            mean = sum(seen, Fraction(0)) / len(seen)
            rest += mean * sum(ahead, Fraction(0))
            spread += sum((share**2 for share in ahead), Fraction(0))
            spread += sum(ahead, Fraction(0)) ** 2 / len(seen)
            error += sum((one**2 for one in seen), Fraction(0)) - mean**2 * len(seen)
        squared = spread * error / (len(past) - weeks)
        margin = _decimal(squared).sqrt() * Decimal("1.2816")
        end = spent + _decimal(rest)
        found["expected_usd"] = end.quantize(PLACES)
        found["low_usd"] = max(spent, end - margin).quantize(PLACES)
        found["high_usd"] = (end + margin).quantize(PLACES)
    return Expected({"forecast": found}, tuple(found), [found])


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / value.denominator
