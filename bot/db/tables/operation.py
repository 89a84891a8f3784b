"""The bots, their bills, and the state of what is sealed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    CheckConstraint,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.tables.columns import Moment, Money
from common.postgres import Base


class BotRow(Base):
    """A bot with its settings at its last start, for the dashboard."""

    __tablename__ = "bots"

    bot_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(Text)
    has_operator_chat: Mapped[bool]
    total_daily_usd: Mapped[Decimal | None] = mapped_column(Money)
    """This and the next three: limits of the bill, named as in bot.turns.bill; null: none."""
    total_monthly_usd: Mapped[Decimal | None] = mapped_column(Money)
    bot_daily_usd: Mapped[Decimal | None] = mapped_column(Money)
    bot_monthly_usd: Mapped[Decimal | None] = mapped_column(Money)
    access_mode: Mapped[str | None] = mapped_column(Text)
    """ACCESS_MODE; null: it has not started since it states that."""
    version: Mapped[str | None] = mapped_column(Text)
    """Null as above. A trigger adds each change to the audit trail."""
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class BillTotal(Base):
    """The cost of all attempts of a period, with the reserves of those whose cost is unknown.

    A trigger on `llm_calls` keeps it in every transaction. It exists where a limit is set.
    """

    __tablename__ = "bill_totals"

    bot_id: Mapped[int] = mapped_column(primary_key=True)
    """0: all bots of the installation together."""
    period_start: Mapped[date] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    """`day` or `month`."""
    usd: Mapped[Decimal] = mapped_column(Money, server_default=text("0"))

    __table_args__ = (CheckConstraint("period IN ('day', 'month')", name="period"),)


class SpentBudget(Base):
    """An erased user's usage until the end of the period, so that /forget resets no limit."""

    __tablename__ = "spent_budgets"

    telegram_hmac: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    period_start: Mapped[date] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    """`day` or `month`."""
    messages: Mapped[int] = mapped_column(Integer)
    cost_usd: Mapped[Decimal] = mapped_column(Money)


class SealingMarker(Base):
    """Has one row once every sealed value is bound to its row; unbound ones are then refused."""

    __tablename__ = "sealing_marker"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    bound_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    __table_args__ = (CheckConstraint("id = 1", name="one"),)
