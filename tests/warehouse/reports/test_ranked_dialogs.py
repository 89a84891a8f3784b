"""Dialogs in the order of any figure: all of them, in one order, however they are paged."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.warehouse.constants import REPORT_ZONE
from tests.warehouse.replica import Replica, Turn, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.reports import Filters
from warehouse.reports.dialog_places import CursorError
from warehouse.reports.ranked_dialogs import (
    DialogColumn,
    DialogOrder,
    RankedPlace,
    decode_ranked,
    encode_ranked,
)
from warehouse.snapshot import resolve

START = datetime(2026, 3, 27, tzinfo=UTC)
WEEK = Period(PeriodName.CUSTOM, START, START + timedelta(days=3), REPORT_ZONE, Bucket.DAY)


def crowd() -> list[Turn]:
    """40 dialogs with few different figures, so that many are equal; some of unknown cost."""
    chance = random.Random(7)
    return [
        turn(
            START + timedelta(hours=chance.randint(0, 71), microseconds=chance.randint(0, 2)),
            user=chance.randint(1, 40),
            cost_usd=chance.choice([None, Decimal("0.0000000001"), Decimal("0.2"), Decimal(30)]),
            user_messages=chance.randint(1, 3),
            language=chance.choice([None, "ru", "de", "EN"]),
            chat_type=chance.choice(["private", "group"]),
            status=chance.choice(["answered", "failed"]),
            model_used=chance.choice([None, "Zeta", "alpha"]),
            model_asked=chance.choice([None, "mid"]),
        )
        for _ in range(90)
    ]


async def in_order(reader: ClickHouseReader, order: DialogOrder, limit: int, **about: Any) -> None:
    """Ask for all pages; compare with all dialogs, and with the order."""
    chunks, _ = await reports.every_dialog(reader, **about)
    every = [dialog async for chunk in chunks for dialog in chunk]
    found: list[reports.RecentDialog] = []
    cursor = None
    while found == [] or cursor is not None:
        page = await reports.ordered_dialogs(
            reader, **about, order=order, cursor=cursor, limit=limit
        )
        found += page.dialogs
        cursor = page.next_cursor
    assert len(every) > limit
    assert sorted(found, key=str) == sorted(every, key=str), str(order)
    values = [getattr(dialog, order.column) for dialog in found]
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known)), str(order)
    texts = [value.lower() if isinstance(value, str) else value for value in known]
    assert texts == sorted(texts, reverse=order.is_descending), str(order)


async def test_every_order_lists_every_dialog_once_whatever_the_page(
    reader: ClickHouseReader, replica: Replica
) -> None:
    replica.store(crowd())
    replica.publish(WEEK.until)
    about: dict[str, Any] = {"snapshot": await resolve(reader), "period": WEEK}
    for column in DialogColumn:
        for is_descending in (True, False):
            await in_order(reader, DialogOrder(column, is_descending), 20, **about)
    for text in ("users", "-cost_usd", "last_model"):
        await in_order(reader, DialogOrder.parse(text), 7, **about)
    groups = Filters(chat_type="group")
    await in_order(reader, DialogOrder.parse("-tokens"), 7, filters=groups, **about)


def test_a_cursor_is_good_for_its_order_alone() -> None:
    order = DialogOrder.parse("-cost_usd")
    place = RankedPlace(
        is_unknown=False, number=Decimal("0.0000000001"), label="Ё", dialog=str(UUID(int=5))
    )
    cursor = encode_ranked(order, place)
    assert decode_ranked(cursor, order) == place
    with pytest.raises(CursorError):
        decode_ranked(cursor, DialogOrder.parse("cost_usd"))


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e40", "x", "", "1e999999999", None, [], True]
)
def test_a_forged_place_is_refused(number: Any) -> None:
    order = DialogOrder.parse("tokens")
    text = json.dumps([str(order), False, number, "", str(UUID(int=5))])
    with pytest.raises(CursorError):
        decode_ranked(base64.urlsafe_b64encode(text.encode()).decode(), order)


@pytest.mark.parametrize("label", ["\ud800", "a\0b", "x" * 1001])
def test_a_forged_label_is_refused(label: str) -> None:
    order = DialogOrder.parse("last_model")
    text = json.dumps([str(order), False, "0", label, str(UUID(int=5))])
    with pytest.raises(CursorError):
        decode_ranked(base64.urlsafe_b64encode(text.encode()).decode(), order)


@pytest.mark.parametrize("cursor", ["", "é", "!", "bnVsbA", "e30", "W10", "WzEsMiwzLDQsNV0"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        decode_ranked(cursor, DialogOrder.parse("tokens"))
