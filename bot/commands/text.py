"""Everything that is no registered command: texts for the model, and what cannot be read."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import Message

from bot.incoming import Identity, is_addressed
from bot.talk import Talk
from bot.visit import Visit
from common.vocabulary import UpdateOutcome

# What a chat does by itself: nobody expects an answer to it.
SERVICE = frozenset(
    {
        "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo",
        "delete_chat_photo", "group_chat_created", "supergroup_chat_created",
        "message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id",
        "pinned_message", "forum_topic_created", "forum_topic_edited", "forum_topic_closed",
        "forum_topic_reopened", "video_chat_started", "video_chat_ended", "boost_added",
        "chat_background_set", "write_access_allowed", "users_shared", "chat_shared",
    }
)  # fmt: skip


async def answer_text(
    message: Message, visit: Visit, talk: Talk, identity: Identity
) -> UpdateOutcome:
    """A text for the model, in a private chat or addressed to the bot in a group."""
    if not is_addressed(message, identity):
        return UpdateOutcome.IGNORED
    text = visit.text if visit.place.is_private else without_mention(visit.text, identity)
    if not text.strip():
        if visit.place.is_private:
            return UpdateOutcome.IGNORED
        _ = visit.translate
        await visit.conversation.say(_("I am listening. Write your question after my name."))
        return UpdateOutcome.IGNORED
    await talk.answer(visit, text)
    return UpdateOutcome.TURN


async def refuse_other_content(message: Message, visit: Visit, identity: Identity) -> UpdateOutcome:
    """A photo, a voice message, a sticker: a polite answer where one is due."""
    if message.content_type not in SERVICE and is_addressed(message, identity):
        _ = visit.translate
        await visit.conversation.say(_("I can read text only. Please write your message."))
    return UpdateOutcome.IGNORED


def without_mention(text: str, identity: Identity) -> str:
    """The text without the bot's name at its beginning or end."""
    name = f"@{identity.username}"
    stripped = text.strip()
    if stripped.lower().startswith(name.lower()):
        stripped = stripped[len(name) :].lstrip(" ,:")
    if stripped.lower().endswith(name.lower()):
        stripped = stripped[: -len(name)].rstrip()
    return stripped


def create_router() -> Router:
    router = Router(name="text")
    router.message.register(answer_text, F.text)
    router.message.register(refuse_other_content)
    return router
