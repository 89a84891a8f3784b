"""Who blocked the bot, and who came back."""

from __future__ import annotations

from aiogram import Router
from aiogram.enums import ChatMemberStatus
from aiogram.types import ChatMemberUpdated

from bot.handlers.context import Visit
from bot.users.repository import People
from common.vocabulary import UpdateOutcome

AWAY = frozenset({ChatMemberStatus.KICKED, ChatMemberStatus.LEFT})


async def note_membership(event: ChatMemberUpdated, visit: Visit, people: People) -> UpdateOutcome:
    if visit.place.is_private:
        is_away = event.new_chat_member.status in AWAY
        await people.set_blocked(visit.person, at=event.date if is_away else None)
    return UpdateOutcome.IGNORED


def create_router() -> Router:
    router = Router(name="membership")
    router.my_chat_member.register(note_membership)
    return router
