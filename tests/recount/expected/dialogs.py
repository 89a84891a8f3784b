"""`dialogs`: dialogs with a turn in the period, in an order."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import numpy as np

from tests.recount.view import Expected, Row, View
from tests.recount.zones import micros, moment

COLUMNS = (
    *("dialog_id", "bot_id", "user_key", "users", "chat_type", "language", "turns"),
    *("user_messages", "answers", "tokens", "cost_usd", "unpriced_turns"),
    *("first_turn_at", "last_turn_at", "last_status", "last_model"),
)
FIGURES = ("turns", "user_messages", "answers", "tokens", "cost_usd", "unpriced_turns")
USUAL_LIMIT = 20
NEWEST_FIRST = "-last_turn_at"
TEXTS = ("chat_type", "language", "last_status", "last_model")
TIMES = ("first_turn_at", "last_turn_at")


def all_dialogs(view: View) -> list[Row]:
    """Every dialog of the period; those of one moment by their id, the last one first."""
    facts = view.facts
    rows = view.turns(view.period.since, view.period.until)
    by_dialog: dict[str, list[int]] = {}
    for row, dialog in zip(rows, facts.column("dialog_id", rows), strict=True):
        by_dialog.setdefault(dialog, []).append(int(row))
    found = [_dialog(view, dialog, np.array(own)) for dialog, own in by_dialog.items()]
    found.sort(key=lambda row: (row["last_turn_at"], row["dialog_id"]), reverse=True)
    return found


def _dialog(view: View, dialog: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Row:
    facts = view.facts
    newest = rows[-1:]
    latest = {
        name: facts.column(name, newest)[0]
        for name in ("bot_id", "user_key", "chat_type", "language", "status", "model")
    }
    figures = facts.group(rows, rows[:0])
    row: Row = {
        "dialog_id": dialog,
        "bot_id": int(latest["bot_id"]),
        "user_key": int(latest["user_key"]),
        "users": len(figures.active),
        "chat_type": latest["chat_type"],
        "language": latest["language"] or None,
        **figures.figures(FIGURES),
        "first_turn_at": moment(facts.at[rows[0]]),
        "last_turn_at": moment(facts.at[rows[-1]]),
        "last_status": latest["status"],
        "last_model": latest["model"] or None,
    }
    return {name: row[name] for name in COLUMNS}


def newest(view: View, limit: int) -> list[Row]:
    """The first page."""
    return all_dialogs(view)[:limit]


def dialogs(view: View) -> Expected:
    """One page; as CSV or Arrow every dialog, unless a page is asked for."""
    newest_first = all_dialogs(view)
    order = view.arguments.get("order", NEWEST_FIRST)
    found = newest_first if order == NEWEST_FIRST else _ordered(newest_first, order)
    limit = int(view.arguments.get("limit", USUAL_LIMIT))
    begin = _place(found, view.arguments.get("cursor"), order)
    page = found[begin : begin + limit]
    is_last = begin + limit >= len(found)
    is_page = {"limit", "cursor"} & view.arguments.keys()
    return Expected(
        {"dialogs": page, "next_cursor": None if is_last or not page else _cursor(page[-1], order)},
        COLUMNS,
        page if is_page else newest_first,
        people=frozenset(row["user_key"] for row in page),
        shows_people=True,
    )


def _ordered(found: list[Row], order: str) -> list[Row]:
    """Sorted by a field; unknown values last, equal ones by the dialog."""
    field = order.removeprefix("-")
    by_dialog = sorted(found, key=lambda row: str(row["dialog_id"]))
    known = [row for row in by_dialog if row[field] not in (None, "")]
    known.sort(key=lambda row: _key(row, field), reverse=order.startswith("-"))
    return known + [row for row in by_dialog if row[field] in (None, "")]


def _key(row: Row, field: str) -> Any:
    value = row[field]
    if field in TEXTS:
        return _in_small_letters(value)
    return micros(value) if field in TIMES else value


def _in_small_letters(text: str) -> str:
    """Those of ASCII."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _cursor(row: Row, order: str) -> str:
    text = f"{micros(row['last_turn_at'])}.{row['dialog_id']}"
    if order != NEWEST_FIRST:
        field = order.removeprefix("-")
        is_text = field in TEXTS
        # An unknown cost counts as zero.
        number = Decimal(0) if is_text or row[field] is None else Decimal(str(_key(row, field)))
        label = _in_small_letters(row[field] or "") if is_text else ""
        is_unknown = row[field] in (None, "")
        text = json.dumps([order, is_unknown, f"{number:.10f}", label, row["dialog_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(found: list[Row], cursor: str | None, order: str) -> int:
    if cursor is None:
        return 0
    return 1 + next(place for place, row in enumerate(found) if _cursor(row, order) == cursor)
