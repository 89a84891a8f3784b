"""Bot API methods with rich messages: Markdown that Telegram parses (10.1)."""

from __future__ import annotations

import re

from simulator.telegram.account import BotAccount
from simulator.telegram.errors import bad_request
from simulator.telegram.methods.composing import delivered, new_message, reachable_chat
from simulator.telegram.methods.formatting import FormattedText
from simulator.telegram.methods.parameters import Parameters
from simulator.telegram.sent import SentAction
from simulator.telegram.world import Json

MAX_CHARACTERS = 32_768
MAX_COLUMNS = 20
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$", re.MULTILINE)


def send_rich_message(account: BotAccount, parameters: Parameters) -> Json:
    chat = reachable_chat(account, parameters)
    markdown = rich_markdown(parameters)
    message = new_message(account, parameters, chat, FormattedText(""), field="text")
    message["rich_message"] = rich_message(markdown)
    return delivered(
        account, parameters, message, FormattedText(markdown), kind="message", is_rich=True
    )


def send_rich_message_draft(account: BotAccount, parameters: Parameters) -> bool:
    chat = reachable_chat(account, parameters)
    if chat["type"] != "private":
        raise bad_request("drafts can be sent only to private chats")
    draft_id = parameters.integer("draft_id")
    if draft_id == 0:
        raise bad_request("draft_id must be non-zero")
    account.sent_log.record(
        SentAction(
            kind="draft",
            chat_id=chat["id"],
            thread_id=parameters.optional_integer("message_thread_id"),
            draft_id=draft_id,
            text=rich_markdown(parameters),
            is_rich=True,
        )
    )
    return True


def rich_markdown(parameters: Parameters) -> str:
    """The Markdown of the parameter `rich_message`; other forms are not simulated.

    Raises:
        BotApiError: it is missing, or beyond a limit of Telegram.
    """
    given = parameters.json("rich_message", dict) or {}
    contents = [given[form] for form in ("html", "markdown", "blocks") if given.get(form)]
    if len(contents) != 1:
        raise bad_request("exactly one of html, markdown and blocks must be specified")
    markdown = given.get("markdown")
    if not isinstance(markdown, str):
        raise bad_request("can't parse rich message")
    if not markdown.strip():
        raise bad_request("message text is empty")
    if len(markdown) > MAX_CHARACTERS:
        raise bad_request("rich message is too long")
    if any(rule.count("-|") + rule.count("- |") >= MAX_COLUMNS for rule in _rules(markdown)):
        raise bad_request("can't parse rich message: too many table columns")
    return markdown


def rich_message(markdown: str) -> Json:
    """The message as Telegram states it, without its structure: one paragraph."""
    return {"blocks": [{"type": "paragraph", "text": markdown}]}


def _rules(markdown: str) -> list[str]:
    return [match[0] for match in _TABLE_RULE.finditer(markdown)]
