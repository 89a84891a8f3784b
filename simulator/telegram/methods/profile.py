"""Bot API methods about the bot itself, its webhook, files and chats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.telegram.account import BotAccount, WebhookInfo
from simulator.telegram.errors import bad_request
from simulator.telegram.files import MAX_DOWNLOAD, file_object
from simulator.telegram.methods.composing import chat_of
from simulator.telegram.methods.parameters import Parameters
from simulator.telegram.world import Json

MAX_COMMAND = 32
GIFT_TYPES = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)

Method = Callable[[BotAccount, Parameters], Any]


def get_me(account: BotAccount, _parameters: Parameters) -> Json:
    return account.as_user() | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def get_file(account: BotAccount, parameters: Parameters) -> Json:
    stored = account.sent_log.file(parameters.text("file_id"))
    if stored is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if len(stored.content) > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    return file_object(stored) | {"file_path": f"documents/{stored.file_id}"}


def get_chat(account: BotAccount, parameters: Parameters) -> Json:
    return chat_of(account, parameters.chat_id()) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(GIFT_TYPES, False),
    }


def get_chat_member(account: BotAccount, parameters: Parameters) -> Json:
    chat = chat_of(account, parameters.chat_id())
    user_id = parameters.integer("user_id")
    if user_id == account.id:
        user = account.as_user()
    else:
        user = {"id": user_id, "is_bot": False, "first_name": chat.get("first_name", "Member")}
    return {"status": "member", "user": user}


def log_out_or_close(_account: BotAccount, _parameters: Parameters) -> bool:
    return True


def set_webhook(account: BotAccount, parameters: Parameters) -> bool:
    url = parameters.text("url")
    if url and not url.startswith(("http://", "https://")):
        raise bad_request("bad webhook: an HTTP or HTTPS URL must be provided for webhook")
    note_allowed_updates(account, parameters)
    if parameters.flag("drop_pending_updates"):
        account.queue.drop_all()
    account.webhook = WebhookInfo(
        url=url,
        secret_token=parameters.text("secret_token"),
        max_connections=parameters.integer("max_connections", 40),
    )
    account.queue.recheck()
    return True


def delete_webhook(account: BotAccount, parameters: Parameters) -> bool:
    if parameters.flag("drop_pending_updates"):
        account.queue.drop_all()
    account.webhook = WebhookInfo()
    account.queue.recheck()
    return True


def get_webhook_info(account: BotAccount, _parameters: Parameters) -> Json:
    webhook = account.webhook
    info: Json = {
        "url": webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(account.queue),
        "max_connections": webhook.max_connections,
    }
    if webhook.last_error_date is not None:
        info |= {
            "last_error_date": webhook.last_error_date,
            "last_error_message": webhook.last_error_message,
        }
    return info


def set_my_commands(account: BotAccount, parameters: Parameters) -> bool:
    commands = parameters.json("commands", list)
    if commands is None:
        raise bad_request("parameter 'commands' is required")
    for command in commands:
        name = command.get("command") if isinstance(command, dict) else None
        if not isinstance(name, str) or not name.isascii() or not 1 <= len(name) <= MAX_COMMAND:
            raise bad_request("BOT_COMMAND_INVALID")
        if not command.get("description"):
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    account.commands[_command_scope(parameters)] = commands
    return True


def get_my_commands(account: BotAccount, parameters: Parameters) -> list[Json]:
    return account.commands.get(_command_scope(parameters), [])


def delete_my_commands(account: BotAccount, parameters: Parameters) -> bool:
    account.commands.pop(_command_scope(parameters), None)
    return True


def setter(field: str) -> Method:
    def set_text(account: BotAccount, parameters: Parameters) -> bool:
        account.texts[field, parameters.text("language_code")] = parameters.text(field)
        return True

    return set_text


def getter(field: str) -> Method:
    def get_text(account: BotAccount, parameters: Parameters) -> Json:
        return {field: account.texts.get((field, parameters.text("language_code")), "")}

    return get_text


def note_allowed_updates(account: BotAccount, parameters: Parameters) -> None:
    """Set the allowed updates. Absent: unchanged. Empty: the default kinds."""
    allowed = parameters.json("allowed_updates", list)
    if allowed is not None:
        account.queue.allowed = frozenset(map(str, allowed)) or None


def _command_scope(parameters: Parameters) -> tuple[str, str]:
    scope = parameters.json("scope", dict) or {}
    return str(scope.get("type", "default")), parameters.text("language_code")
