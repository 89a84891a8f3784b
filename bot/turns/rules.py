"""The operators' rules that apply to a person in a chat.

They are read by the statements that use them, from the function `rules_of`: a rule counts for the
very next update in every process, and nothing has to be announced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.db.statements import Statements
from bot.turns.responder import Refusal

BANNED, PAUSED = "banned", "paused"


@dataclass(frozen=True)
class AppliedRules:
    """The rules in force. None: the settings apply."""

    access: str | None = None
    """`ban` or `allow`."""
    banned_until: datetime | None = None
    """None: until the ban is lifted."""
    is_chat_banned: bool = False
    """The whole chat is banned, not the person."""
    daily_messages: int | None = None
    """This and the following: the person's limits."""
    monthly_messages: int | None = None
    daily_usd: Decimal | None = None
    monthly_usd: Decimal | None = None
    chat_daily_messages: int | None = None
    """This and the following: limits of all members of a group together."""
    chat_daily_usd: Decimal | None = None
    models: tuple[str, ...] = ()
    """The models to choose from, the default first."""

    @property
    def is_allowed(self) -> bool:
        return self.access == "allow"

    @property
    def refusal(self) -> Refusal | None:
        """Why nothing is answered, if the person or the chat is banned."""
        if self.access != "ban":
            return None
        if self.banned_until is None:
            return Refusal(BANNED)
        left = (self.banned_until - datetime.now(UTC)).total_seconds()
        return Refusal(PAUSED, max(left, 0))


NO_RULES = AppliedRules()


def rules_in(row: Mapping[str, Any]) -> AppliedRules:
    """The rules in the columns of `rules_of`."""
    columns = {name: row[name] for name in AppliedRules.__dataclass_fields__}
    return AppliedRules(**{**columns, "models": tuple(row["models"] or ())})


class RuleReader:
    """Reads rules where no other statement does, and limits the notices about bans."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def load(self, user_key: int, chat_hmac: bytes, *, is_admin: bool) -> AppliedRules:
        """The rules that apply now; none if the user was erased."""
        rows = await self._statements.rows(
            "rules", {"user_key": user_key, "chat_hmac": chat_hmac, "is_admin": is_admin}
        )
        return rules_in(rows[0]) if rows else NO_RULES

    async def may_notify(self, user_key: int, chat_hmac: bytes, rules: AppliedRules) -> bool:
        """Whether to say that the person or chat is banned: once a day and ban in all processes."""
        rows = await self._statements.rows(
            "claim_ban_notice",
            {
                "user_key": user_key,
                "chat_hmac": chat_hmac,
                "is_about_chat": rules.is_chat_banned,
            },
        )
        return bool(rows)
