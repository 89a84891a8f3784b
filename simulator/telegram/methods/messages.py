"""Bot API methods that send, edit and delete messages."""

from __future__ import annotations

import time
from uuid import uuid4

from simulator.telegram.account import BotAccount
from simulator.telegram.errors import bad_request
from simulator.telegram.files import file_object
from simulator.telegram.methods.composing import (
    delivered,
    formatted_text,
    has_preview,
    markup_of,
    new_message,
    reachable_chat,
)
from simulator.telegram.methods.parameters import Parameters
from simulator.telegram.methods.rich import rich_markdown, rich_message
from simulator.telegram.sent import SentAction, StoredFile
from simulator.telegram.world import MAX_TEXT, Json

MAX_CAPTION = 1024
"""UTF-16 units."""
ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send_message(account: BotAccount, parameters: Parameters) -> Json:
    chat = reachable_chat(account, parameters)
    formatted = formatted_text(parameters, "text", longest=MAX_TEXT, required=True)
    message = new_message(account, parameters, chat, formatted, field="text")
    return delivered(account, parameters, message, formatted, kind="message")


def send_message_draft(account: BotAccount, parameters: Parameters) -> bool:
    chat = reachable_chat(account, parameters)
    if chat["type"] != "private":
        raise bad_request("drafts can be sent only to private chats")
    draft_id = parameters.integer("draft_id")
    if draft_id == 0:
        raise bad_request("draft_id must be non-zero")
    formatted = formatted_text(parameters, "text", longest=MAX_TEXT, required=False)
    account.sent_log.record(
        SentAction(
            kind="draft",
            chat_id=chat["id"],
            thread_id=parameters.optional_integer("message_thread_id"),
            draft_id=draft_id,
            text=formatted.text,
            entities=formatted.entities,
            can_stop=parameters.flag("can_stop") or None,
        )
    )
    return True


def send_document(account: BotAccount, parameters: Parameters) -> Json:
    return _send_file(account, parameters, "document")


def send_photo(account: BotAccount, parameters: Parameters) -> Json:
    return _send_file(account, parameters, "photo")


def edit_message_text(account: BotAccount, parameters: Parameters) -> Json:
    message = _own_message(account, parameters)
    if "rich_message" in parameters.values:
        return _edit_rich(account, parameters, message)
    formatted = formatted_text(parameters, "text", longest=MAX_TEXT, required=True)
    edited = {
        name: value
        for name, value in message.items()
        if name not in ("entities", "reply_markup", "rich_message")
    }
    edited["text"] = formatted.text
    if formatted.entities:
        edited["entities"] = formatted.entities
    if (markup := markup_of(parameters)) is not None:
        edited["reply_markup"] = markup
    preview = has_preview(parameters, formatted)
    return _edit(account, message, edited, kind="edit", preview=preview)


def _edit_rich(account: BotAccount, parameters: Parameters, message: Json) -> Json:
    markdown = rich_markdown(parameters)
    dropped = ("text", "entities", "reply_markup")
    edited = {name: value for name, value in message.items() if name not in dropped}
    edited["rich_message"] = rich_message(markdown)
    if (markup := markup_of(parameters)) is not None:
        edited["reply_markup"] = markup
    return _edit(account, message, edited, kind="edit", markdown=markdown)


def edit_message_reply_markup(account: BotAccount, parameters: Parameters) -> Json:
    message = _own_message(account, parameters)
    edited = {name: value for name, value in message.items() if name != "reply_markup"}
    if (markup := markup_of(parameters)) is not None:
        edited["reply_markup"] = markup
    return _edit(account, message, edited, kind="markup")


def delete_message(account: BotAccount, parameters: Parameters) -> bool:
    chat_id, message_id = parameters.chat_id(), parameters.integer("message_id")
    if not account.sent_log.remove(chat_id, message_id):
        raise bad_request("message to delete not found")
    account.sent_log.record(SentAction(kind="delete", chat_id=chat_id, message_id=message_id))
    return True


def send_chat_action(account: BotAccount, parameters: Parameters) -> bool:
    chat = reachable_chat(account, parameters)
    action = parameters.text("action")
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    account.sent_log.record(
        SentAction(
            kind="action",
            chat_id=chat["id"],
            thread_id=parameters.optional_integer("message_thread_id"),
            action=action,
        )
    )
    return True


def answer_callback_query(account: BotAccount, parameters: Parameters) -> bool:
    if not parameters.text("callback_query_id"):
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    account.sent_log.record(
        SentAction(kind="callback_answer", chat_id=0, text=parameters.text("text") or None)
    )
    return True


def _own_message(account: BotAccount, parameters: Parameters) -> Json:
    if parameters.text("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    chat = reachable_chat(account, parameters)
    message = account.sent_log.message(chat["id"], parameters.integer("message_id"))
    if message is None:
        raise bad_request("message to be edited not found")
    return message


def _send_file(account: BotAccount, parameters: Parameters, kind: str) -> Json:
    chat = reachable_chat(account, parameters)
    source = parameters.text(kind)
    upload = parameters.uploads.get(source.removeprefix("attach://")) or parameters.uploads.get(
        kind
    )
    if upload is not None:
        if not upload.content:
            raise bad_request("file must be non-empty")
        stored = StoredFile(uuid4().hex, upload.name, upload.content)
        account.sent_log.store_file(stored)
    elif (known := account.sent_log.file(source)) is not None:
        stored = known
    else:
        raise bad_request(
            f"there is no {kind} in the request"
            if not source
            else "wrong file identifier/HTTP URL specified"
        )
    formatted = formatted_text(parameters, "caption", longest=MAX_CAPTION, required=False)
    message = new_message(account, parameters, chat, formatted, field="caption")
    if kind == "photo":
        message["photo"] = [file_object(stored) | {"width": 640, "height": 480}]
    else:
        message["document"] = file_object(stored) | {"file_name": stored.name}
    return delivered(account, parameters, message, formatted, kind=kind)


def _edit(
    account: BotAccount,
    message: Json,
    edited: Json,
    *,
    kind: str,
    preview: bool | None = None,
    markdown: str | None = None,
) -> Json:
    compared = ("text", "entities", "rich_message", "reply_markup")
    if all(edited.get(name) == message.get(name) for name in compared):
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly"
            " the same as a current content and reply markup of the message"
        )
    edited["edit_date"] = int(time.time())
    account.sent_log.keep_message(edited)
    account.sent_log.record(
        SentAction(
            kind=kind,
            chat_id=edited["chat"]["id"],
            message_id=edited["message_id"],
            thread_id=edited.get("message_thread_id"),
            text=edited.get("text") if markdown is None else markdown,
            is_rich=None if markdown is None else True,
            entities=edited.get("entities", []),
            reply_markup=edited.get("reply_markup"),
            has_preview=preview,
        )
    )
    return edited
