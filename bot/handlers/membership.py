"""Records who blocked or unblocked the bot."""

from __future__ import annotations

from aiogram import Router
from aiogram.enums import ChatMemberStatus
from aiogram.types import ChatMemberUpdated

from bot.handlers.context import UpdateContext
from bot.users.repository import UserRepository
from common.vocabulary import UpdateOutcome

LEFT_STATUSES = frozenset({ChatMemberStatus.KICKED, ChatMemberStatus.LEFT})


async def update_blocked(
    event: ChatMemberUpdated, context: UpdateContext, users: UserRepository
) -> UpdateOutcome:
    if context.chat.is_private:
        has_left = event.new_chat_member.status in LEFT_STATUSES
        await users.set_blocked(context.user, at=event.date if has_left else None)
    return UpdateOutcome.IGNORED


def create_router() -> Router:
    router = Router(name="membership")
    router.my_chat_member.register(update_blocked)
    return router
