"""`feedback`: verdicts on answers."""

from __future__ import annotations

from collections import Counter

from tests.recount.facts import ratio
from tests.recount.view import Expected, Row, View

COLUMNS = ("dimension", "value", "good_ratings", "bad_ratings", "satisfaction")


def feedback(view: View) -> Expected:
    facts = view.facts
    rows = view.turns(view.period.since, view.period.until)
    asked = dict(
        zip(
            facts.column("id", rows),
            zip(facts.column("model", rows), facts.user[rows], strict=True),
            strict=True,
        )
    )
    counts: dict[tuple[str, str], Counter[int]] = {}
    for turn, verdict, given_by in facts.ratings:
        if turn not in asked:
            continue
        model, user = asked[turn]
        source = facts.origins.get(int(user)) or ""
        for group in (("", ""), ("model", model), ("source", source), ("given_by", given_by)):
            counts.setdefault(group, Counter())[verdict] += 1
    total = _figures(counts.pop(("", ""), Counter()))
    order = ("model", "source", "given_by")
    groups: list[Row] = [
        {"dimension": dimension, "value": value or None, **_figures(counts[dimension, value])}
        for dimension, value in sorted(
            counts, key=lambda group: (order.index(group[0]), -counts[group].total(), group[1])
        )
    ]
    return Expected({"feedback": {**total, "groups": groups}}, COLUMNS, groups)


def _figures(verdicts: Counter[int]) -> Row:
    return {
        "good_ratings": verdicts[1],
        "bad_ratings": verdicts[-1],
        "satisfaction": ratio(verdicts[1], verdicts.total()),
    }
