"""Tells the operator at 80 % and 100 % of each limit of the bill, and measures what is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import orjson
from sqlalchemy import text

from bot.metrics import BotMetrics
from bot.telegram.notices import bill_name
from bot.turns.bill import ALL_BOTS, Bill, BillState
from common.language.i18n import Translator, dollars
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction

POLL_SECONDS = 15.0
PREPARE_SECONDS = 3600.0
WARNING_SHARE = Decimal("0.8")
WRITE = text(
    "INSERT INTO outbox (key, payload) VALUES (:key, CAST(:payload AS jsonb))"
    " ON CONFLICT (key) DO NOTHING"
)

log = get_logger(__name__)


class BillReporter:
    """Reads the totals until cancelled.

    Args:
        translate: the operator's language; None: no message is written.
    """

    def __init__(
        self, bill: Bill, *, sessions: Sessions, metrics: BotMetrics, translate: Translator | None
    ) -> None:
        self._bill = bill
        self._sessions = sessions
        self._metrics = metrics
        self._translate = translate
        self._written: set[str] = set()

    async def run(self) -> None:
        """Report at once when an attempt was refused, else every few seconds."""
        clock = asyncio.get_running_loop().time
        prepare_at = clock() + PREPARE_SECONDS
        while True:
            self._bill.has_refused.clear()
            try:
                if clock() >= prepare_at:
                    await self._bill.prepare()
                    prepare_at = clock() + PREPARE_SECONDS
                await self.report()
            except DRIVER_ERRORS as error:
                log.warning("bill_not_read", cause=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bill.has_refused.wait(), POLL_SECONDS)

    async def report(self) -> None:
        """Set the gauges, and write each message that was not written before."""
        states = await self._bill.read()
        for state in states:
            labels = ("total" if state.limit.bot_id == ALL_BOTS else "bot", state.limit.period)
            self._metrics.bill_spent.labels(*labels).set(float(state.spent_usd))
            self._metrics.bill_limit.labels(*labels).set(float(state.limit.usd))
            self._metrics.bill_used_up.labels(*labels).set(self._is_used_up(state))
        if self._translate is None:
            return
        for state in states:
            for share, message in self._messages(state, self._translate):
                await self._write(_key(state, share), message)

    def _is_used_up(self, state: BillState) -> bool:
        has_refused = (state.limit, state.period_start) in self._bill.refused_by
        return has_refused or state.spent_usd >= state.limit.usd

    def _messages(self, state: BillState, _: Translator) -> Iterator[tuple[int, str]]:
        """The shares that are reached, with their messages."""
        values = {
            "bill": bill_name(state.limit, _),
            "spent": dollars(state.spent_usd, _),
            "limit": dollars(state.limit.usd, _),
        }
        if state.spent_usd >= state.limit.usd * WARNING_SHARE:
            yield 80, _("💰 {bill}: 80 % of the limit is used, {spent} of {limit}.", **values)
        if not self._is_used_up(state):
            return
        used_up = _("⛔ {bill}: the limit is used up, {spent} of {limit}.", **values)
        if state.spent_usd < state.limit.usd:
            reserve = self._bill.refused_by[state.limit, state.period_start]
            used_up = _(
                "⛔ {bill}: an answer may cost up to {reserve} and {left} of {limit} is left.",
                reserve=dollars(reserve, _),
                left=dollars(state.limit.usd - state.spent_usd, _),
                **values,
            )
        saving = self._bill.saving_model
        then = (
            _("{model} answers until the period ends.", model=saving)
            if saving
            else _("The bot answers nothing until the period ends or the limit is raised.")
        )
        yield 100, f"{used_up} {then}"

    async def _write(self, key: str, message: str) -> None:
        if key in self._written:
            return
        async with transaction(self._sessions) as session:
            payload = orjson.dumps({"text": message}).decode()
            await session.execute(WRITE, {"key": key, "payload": payload})
        self._written.add(key)
        log.info("bill_reported", entry=key)


def _key(state: BillState, share: int) -> str:
    limit = state.limit
    scope = "" if limit.bot_id == ALL_BOTS else f" of {limit.bot_id}"
    return f"bill {limit.name}{scope} {state.period_start} {share} of {limit.usd}"
