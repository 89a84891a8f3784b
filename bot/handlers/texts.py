"""The longer texts of commands, and the list of commands, in the person's language."""

from __future__ import annotations

from bot.i18n import Translator


def command_list(_: Translator) -> dict[str, str]:
    """Every command with its one line of explanation, in the order of the menu."""
    return {
        "new": _("start a new conversation"),
        "stop": _("stop the running answer"),
        "redo": _("answer the last message again"),
        "model": _("choose the model"),
        "system": _("show, set or reset the instruction"),
        "history": _("how many messages are remembered"),
        "usage": _("your usage and what is left of your limits"),
        "export": _("your data as a file"),
        "forget": _("erase your data"),
        "privacy": _("what is kept about you"),
        "help": _("what this bot can do"),
        "start": _("begin"),
    }


def help_text(_: Translator) -> str:
    lines = [
        _("In a group, mention me or reply to my message."),
        "",
        *(f"/{name} - {meaning}" for name, meaning in command_list(_).items()),
    ]
    return "\n".join(lines)


def privacy_text(_: Translator, *, tells_names: bool) -> str:
    in_groups = (
        _("In groups the model is told the first name of whoever writes.")
        if tells_names
        else _("In groups the model is told a made-up name of whoever writes, new in each dialog.")
    )
    paragraphs = (
        _(
            "**What is kept.** Your messages and the answers, your settings, your Telegram name "
            "and language. Texts and names are encrypted with a key of your own, and that key is "
            "encrypted with a key stored elsewhere."
        ),
        _(
            "**Who sees it.** Your messages go to the provider of the model that answers you. "
            "People whom the operator of this bot allows can read conversations (every reading "
            "is recorded) and see names. Nobody else gets them, and they are not used for "
            "statistics."
        ),
        _(
            "**Others' words.** What your message replies to, quotes or forwards is sent along "
            "with it and kept as yours are, encrypted with your key. /export leaves it out."
        )
        + " "
        + in_groups,
        _(
            "**What is counted.** Per message: time, lengths, tokens, cost and language, under a "
            "number that stands for you. No text and no Telegram id."
        ),
        _(
            "**Your rights.** /export gives you everything as a file. /forget erases your texts, "
            "settings and name at once by destroying your key, backups included. The counts "
            "stay, and nothing leads from them to you."
        ),
        _(
            "So that erasing does not refill a limit, a fingerprint of your account is kept with "
            "what you have used until the end of the month."
        ),
    )
    return "\n\n".join(paragraphs)
