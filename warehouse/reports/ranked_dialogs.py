"""Dialogs in the order of one of their figures, page by page."""

from __future__ import annotations

import base64
import binascii
import json
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.dialog_places import CursorError
from warehouse.reports.parameters import (
    Parameters,
    Row,
    ask_ledger,
    ledger_parameters,
    time_range,
)
from warehouse.reports.shapes import Filters
from warehouse.snapshot import Snapshot


class DialogColumn(StrEnum):
    """Fields of a dialog that lists can be ordered by."""

    LAST_TURN_AT = "last_turn_at"
    FIRST_TURN_AT = "first_turn_at"
    USERS = "users"
    TURNS = "turns"
    USER_MESSAGES = "user_messages"
    ANSWERS = "answers"
    TOKENS = "tokens"
    COST_USD = "cost_usd"
    CHAT_TYPE = "chat_type"
    LANGUAGE = "language"
    LAST_STATUS = "last_status"
    LAST_MODEL = "last_model"


class DialogOrder(NamedTuple):
    """One field, ascending or descending; what is unknown comes last, ties are by the dialog."""

    column: DialogColumn
    is_descending: bool

    @classmethod
    def parse(cls, text: str) -> DialogOrder:
        """`cost_usd`, or `-cost_usd` for the greatest first.

        Raises:
            ValueError: not a column.
        """
        return cls(DialogColumn(text.removeprefix("-")), text.startswith("-"))

    def __str__(self) -> str:
        return f"-{self.column}" if self.is_descending else str(self.column)


NEWEST_FIRST = DialogOrder(DialogColumn.LAST_TURN_AT, is_descending=True)
MAX_LABEL_LETTERS = 1_000


class RankedPlace(NamedTuple):
    """Where a dialog stands in an order."""

    is_unknown: bool
    number: Decimal
    label: str
    dialog: str


BEFORE_EVERYTHING = RankedPlace(is_unknown=False, number=Decimal(0), label="", dialog="")


async def ranked_dialogs(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
    order: DialogOrder,
    after: RankedPlace,
    limit: int,
) -> list[Row]:
    """Dialogs with their figures, in the order, strictly after the place."""
    parameters: Parameters = {
        **time_range(period.span),
        **ledger_parameters(snapshot),
        "by": order.column.value,
        "is_descending": order.is_descending,
        "after_unknown": int(after.is_unknown),
        "after_number": f"{after.number:.10f}",
        "after_label": after.label,
        "after_dialog": after.dialog,
        "limit": limit,
    }
    return await ask_ledger(reader, "ranked_dialogs", parameters, filters)


def place_of(row: Row) -> RankedPlace:
    """The place of a dialog that `ranked_dialogs` has found."""
    return RankedPlace(bool(row["is_unknown"]), row["number"], row["label"], row["dialog"])


def encode_ranked(order: DialogOrder, place: RankedPlace) -> str:
    """The page after this place of the order, as the next request names it."""
    parts = [str(order), place.is_unknown, f"{place.number:.10f}", place.label, place.dialog]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_ranked(cursor: str, order: DialogOrder) -> RankedPlace:
    """The place that a page begins after.

    Raises:
        CursorError: the cursor was not issued by this report in this order.
    """
    try:
        text = base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode())
        of_order, is_unknown, number, label, dialog = json.loads(text)
        place = RankedPlace(is_unknown is True, Decimal(str(number)), str(label), str(UUID(dialog)))
        place.label.encode()
    except (
        binascii.Error,
        ValueError,
        TypeError,
        AttributeError,
        InvalidOperation,
        RecursionError,
    ) as error:
        raise CursorError("cursor: not one that this report issued") from error
    # Larger numbers do not fit the type that the statement compares.
    is_sound = place.number.is_finite() and place.number.adjusted() < 27  # noqa: PLR2004
    is_text = len(place.label) <= MAX_LABEL_LETTERS and "\0" not in place.label
    if of_order != str(order) or not is_sound or not is_text:
        raise CursorError("cursor: not one that this report issued in this order")
    return place
