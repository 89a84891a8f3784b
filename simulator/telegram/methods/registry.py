"""The Bot API methods by name, except getUpdates, which the server implements."""

from __future__ import annotations

from simulator.telegram.methods.messages import (
    answer_callback_query,
    delete_message,
    edit_message_reply_markup,
    edit_message_text,
    send_chat_action,
    send_document,
    send_message,
    send_message_draft,
    send_photo,
)
from simulator.telegram.methods.profile import (
    Method,
    delete_my_commands,
    delete_webhook,
    get_chat,
    get_chat_member,
    get_file,
    get_me,
    get_my_commands,
    get_webhook_info,
    getter,
    log_out_or_close,
    set_my_commands,
    set_webhook,
    setter,
)
from simulator.telegram.methods.rich import send_rich_message, send_rich_message_draft

METHODS: dict[str, Method] = {
    "getme": get_me,
    "sendmessage": send_message,
    "sendmessagedraft": send_message_draft,
    "sendrichmessage": send_rich_message,
    "sendrichmessagedraft": send_rich_message_draft,
    "senddocument": send_document,
    "sendphoto": send_photo,
    "editmessagetext": edit_message_text,
    "editmessagereplymarkup": edit_message_reply_markup,
    "deletemessage": delete_message,
    "sendchataction": send_chat_action,
    "answercallbackquery": answer_callback_query,
    "getfile": get_file,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "logout": log_out_or_close,
    "close": log_out_or_close,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    "setmyname": setter("name"),
    "getmyname": getter("name"),
    "setmydescription": setter("description"),
    "getmydescription": getter("description"),
    "setmyshortdescription": setter("short_description"),
    "getmyshortdescription": getter("short_description"),
}
"""By lower-case name: Telegram ignores the case."""

FLOOD_LIMITED = frozenset(
    {
        "sendmessage",
        "sendrichmessage",
        "senddocument",
        "sendphoto",
        "editmessagetext",
        "editmessagereplymarkup",
    }
)
CHANGES_PROFILE = frozenset(
    name
    for name in METHODS
    if name.startswith(("setmy", "deletemy")) or name in ("setwebhook", "deletewebhook")
)
