"""Shared by Bot API methods: finding the chat, composing a message."""

from __future__ import annotations

import re
import time

from simulator.telegram.account import BotAccount
from simulator.telegram.errors import bad_request, forbidden
from simulator.telegram.methods.formatting import FormattedText, format_text
from simulator.telegram.methods.parameters import Parameters
from simulator.telegram.sent import SentAction
from simulator.telegram.world import Json, utf16_length

_ADDRESS = re.compile(r"https?://\S")
MAX_CALLBACK_DATA = 64
"""Bytes."""


def chat_of(account: BotAccount, chat_id: int) -> Json:
    if chat_id > 0:
        return {"id": chat_id, "type": "private"}
    group = account.groups.get(chat_id)
    if group is None:
        raise bad_request("chat not found")
    return group.as_chat()


def reachable_chat(account: BotAccount, parameters: Parameters) -> Json:
    chat = chat_of(account, parameters.chat_id())
    if chat["id"] == account.id:
        raise forbidden("bot can't send messages to bots")
    if chat["id"] in account.blocked:
        if chat["type"] == "private":
            raise forbidden("bot was blocked by the user")
        raise forbidden(f"bot was kicked from the {chat['type']} chat")
    return chat


def formatted_text(
    parameters: Parameters, field: str, *, longest: int, required: bool
) -> FormattedText:
    entities_field = "entities" if field == "text" else "caption_entities"
    if parameters.text("parse_mode"):
        raise bad_request("unsupported parse_mode")
    formatted = format_text(parameters.text(field), parameters.json(entities_field, list) or [])
    if required and not formatted.text:
        raise bad_request("message text is empty")
    if utf16_length(formatted.text) > longest:
        raise bad_request(
            "message is too long" if field == "text" else "message caption is too long"
        )
    return formatted


def markup_of(parameters: Parameters) -> Json | None:
    markup: Json | None = parameters.json("reply_markup", dict)
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            if len(str(button.get("callback_data", "")).encode()) > MAX_CALLBACK_DATA:
                raise bad_request("BUTTON_DATA_INVALID")
            if not button.get("text"):
                raise bad_request("can't parse inline keyboard button: text is empty")
    return markup


def new_message(
    account: BotAccount, parameters: Parameters, chat: Json, formatted: FormattedText, *, field: str
) -> Json:
    message: Json = {
        "message_id": account.next_message_id(),
        "from": account.as_user(),
        "chat": chat if chat["type"] != "private" else chat | {"first_name": "Somebody"},
        "date": int(time.time()),
    }
    if formatted.text:
        message[field] = formatted.text
    if formatted.entities:
        message["entities" if field == "text" else "caption_entities"] = formatted.entities
    thread_id = parameters.optional_integer("message_thread_id")
    if thread_id:
        if chat["type"] == "supergroup" and not chat.get("is_forum"):
            raise bad_request("message thread not found")
        message |= {"message_thread_id": thread_id, "is_topic_message": True}
    if (markup := markup_of(parameters)) is not None and "inline_keyboard" in markup:
        message["reply_markup"] = markup
    return message


def has_preview(parameters: Parameters, formatted: FormattedText) -> bool | None:
    """True if Telegram would show a link preview, else None."""
    options = parameters.json("link_preview_options", dict) or {}
    if options.get("is_disabled") or parameters.flag("disable_web_page_preview"):
        return None
    is_linked = any(entity["type"] == "text_link" for entity in formatted.entities)
    return True if is_linked or _ADDRESS.search(formatted.text) else None


def _reply_target(account: BotAccount, parameters: Parameters, chat: Json) -> int | None:
    reply = parameters.json("reply_parameters", dict) or {}
    target = reply.get("message_id") or parameters.optional_integer("reply_to_message_id")
    if target is None:
        return None
    known = account.knows_message(int(target))
    if not known and not reply.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    del chat
    return int(target)


def delivered(
    account: BotAccount,
    parameters: Parameters,
    message: Json,
    formatted: FormattedText,
    *,
    kind: str,
    is_rich: bool = False,
) -> Json:
    reply_to = _reply_target(account, parameters, message["chat"])
    stored: Json = message.get("document") or (message.get("photo") or [{}])[0]
    account.sent_log.keep_message(message)
    account.sent_log.record(
        SentAction(
            kind=kind,
            chat_id=message["chat"]["id"],
            message_id=message["message_id"],
            thread_id=message.get("message_thread_id"),
            text=formatted.text or None,
            entities=formatted.entities,
            reply_markup=parameters.json("reply_markup", dict),
            reply_to=reply_to,
            is_rich=is_rich or None,
            has_preview=(
                has_preview(parameters, formatted) if kind == "message" and not is_rich else None
            ),
            file_id=stored.get("file_id"),
            file_name=stored.get("file_name"),
            file_size=stored.get("file_size"),
        )
    )
    return message
