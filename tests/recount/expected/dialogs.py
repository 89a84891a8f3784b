"""`dialogs`: dialogs with a turn in the period, newest first."""

from __future__ import annotations

import base64

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
    found = all_dialogs(view)
    limit = int(view.arguments.get("limit", USUAL_LIMIT))
    begin = _place(found, view.arguments.get("cursor"))
    page = found[begin : begin + limit]
    is_last = begin + limit >= len(found)
    is_page = {"limit", "cursor"} & view.arguments.keys()
    return Expected(
        {"dialogs": page, "next_cursor": None if is_last or not page else _cursor(page[-1])},
        COLUMNS,
        page if is_page else found,
        people=frozenset(row["user_key"] for row in page),
        shows_people=True,
    )


def _cursor(row: Row) -> str:
    text = f"{micros(row['last_turn_at'])}.{row['dialog_id']}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(found: list[Row], cursor: str | None) -> int:
    if cursor is None:
        return 0
    return 1 + next(place for place, row in enumerate(found) if _cursor(row) == cursor)
