"""Records who blocked or unblocked the bot."""

from __future__ import annotations

from aiogram import Router
from aiogram.enums import ChatMemberStatus
from aiogram.types import ChatMemberUpdated

from bot.handlers.context import UpdateContext
from bot.users.blocks import BlockRecorder
from common.vocabulary import UpdateOutcome

LEFT_STATUSES = frozenset({ChatMemberStatus.KICKED, ChatMemberStatus.LEFT})


async def update_blocked(
    event: ChatMemberUpdated, context: UpdateContext, blocks: BlockRecorder
) -> UpdateOutcome:
    if context.chat.is_private:
        has_left = event.new_chat_member.status in LEFT_STATUSES
        await blocks.record(
            context.user,
            context.update_ids[0],
            blocked_at=event.date if has_left else None,
            occurred_at=context.received_at,
        )
    return UpdateOutcome.IGNORED


def create_router() -> Router:
    router = Router(name="membership")
    router.my_chat_member.register(update_blocked)
    return router
