"""Longer command texts and the list of commands, in the user's language."""

from __future__ import annotations

from dataclasses import dataclass

from bot.settings import CountingSettings
from common.language.i18n import Translator
from common.settings import ConsentSettings


def command_list(_: Translator) -> dict[str, str]:
    """Every command with its description, in menu order."""
    return {
        "new": _("start a new conversation"),
        "stop": _("stop the running answer"),
        "redo": _("answer the last message again"),
        "model": _("choose the model"),
        "system": _("show, set or reset the instruction"),
        "history": _("how many messages are remembered"),
        "compact": _("summarise the conversation so far"),
        "rich": _("formatted tables and formulas: on or off"),
        "usage": _("your usage and remaining limits"),
        "export": _("your data as a file"),
        "forget": _("erase your data"),
        "privacy": _("what is stored about you, who may read it, whether you are counted"),
        "help": _("what this bot can do"),
        "start": _("begin"),
    }


PRIVATE_ONLY = frozenset({"system", "usage", "export", "forget"})
"""Commands that a group only answers with where to send them."""


def help_text(_: Translator, *, sees: bool, hears: bool) -> str:
    """`sees`: whether pictures are read. `hears`: whether speech is transcribed."""
    spoken = [_("Voice messages and video notes: I write down what you say and answer.")]
    lines = [
        _("You can also send me pictures and documents (PDF, DOCX, text, code).")
        if sees
        else _("You can also send me documents (PDF, DOCX, text, code)."),
        *(spoken if hears else []),
        _("In a group, mention me or reply to my message."),
        _("Rate an answer with 👍 or 👎 under it, or with a reaction."),
        "",
        *(f"/{name} - {meaning}" for name, meaning in command_list(_).items()),
    ]
    return "\n".join(lines)


def readers_text(_: Translator, *, is_readable: bool) -> str:
    """The choice that applies to a person."""
    if is_readable:
        return _("Analysts of the operator may read your texts now.")
    return _("Your texts are closed to the operator's analysts now.")


def counting_text(_: Translator, *, is_counted: bool) -> str:
    """The choice that applies to a person's next messages."""
    if is_counted:
        return _("You are counted as a person now.")
    return _("You are not counted as a person now.")


@dataclass(frozen=True)
class PrivacyChoices:
    """The choices that apply to a person."""

    is_readable: bool
    is_counted: bool


def choices_text(
    _: Translator,
    choices: PrivacyChoices | None,
    *,
    consent: ConsentSettings,
    counting: CountingSettings,
) -> str:
    """The choices and their defaults. `choices`: None in a group, which is not told."""
    readers = {
        (True, True): _("Until you choose, they may."),
        (False, False): _("Until you choose, they may not."),
        (True, False): _(
            "Until you choose, they may; not if you first wrote before there was this choice."
        ),
        (False, True): _(
            "Until you choose, they may not; they may if you first wrote before there was this "
            "choice."
        ),
    }
    counted = {
        (True, True): _("Until you choose, you are."),
        (False, False): _("Until you choose, you are not."),
        (True, False): _(
            "Until you choose, you are; not if you first wrote before there was this choice."
        ),
        (False, True): _(
            "Until you choose, you are not; you are if you first wrote before there was this "
            "choice."
        ),
    }
    reading = [
        _(
            "**Your choice.** You decide whether analysts of the operator may read your texts "
            "and the answers to you, in groups too."
        ),
        readers[consent.texts_readable, consent.texts_readable_of_earlier_people],
    ]
    being_counted = [
        _(
            "You also decide whether your next messages are counted as a person's. If not, they "
            "are counted in sums alone, without your pseudonymous number."
        ),
        counted[counting.counts_people, counting.counts_earlier_people],
    ]
    if choices is None:
        return " ".join(
            (*reading, *being_counted, _("Use /privacy in our private chat to choose."))
        )
    reading.append(readers_text(_, is_readable=choices.is_readable))
    being_counted.append(counting_text(_, is_counted=choices.is_counted))
    return " ".join((*reading, *being_counted))


def privacy_text(
    _: Translator,
    *,
    uses_first_names: bool,
    picture_hours: int,
    hears: bool,
    sums_up: bool,
    choices: str,
) -> str:
    """`choices`: of `choices_text`."""
    pictures = (
        _.plural(
            "Pictures are kept for {count} hour.",
            "Pictures are kept for {count} hours.",
            picture_hours,
        )
        if picture_hours
        else _("Pictures are not kept.")
    )
    in_groups = (
        _("In groups the model sees first names.")
        if uses_first_names
        else _("In groups the model sees pseudonyms, new ones in each conversation.")
    )
    paragraphs = (
        _(
            "**What is stored.** Your messages and the answers, your settings, your Telegram name "
            "and language. Texts and names are encrypted with a key of your own, and that key is "
            "encrypted with a key stored elsewhere."
        ),
        _(
            "**Who sees it.** Your messages are sent to the provider of the model that answers "
            "you. People authorized by the bot's operator can read conversations (every access is "
            "recorded) unless you close yours, and see names. No one else gets them, and they are "
            "not used for statistics."
        ),
        choices,
        _(
            "**Other people's texts.** What your message replies to, quotes or forwards is sent "
            "to the model with it and stored like your own texts, encrypted with your key. "
            "/export leaves it out."
        )
        + " "
        + in_groups,
        _(
            "**Files.** Pictures and the text of documents are sent to the model, stored encrypted "
            "with your key and erased with your texts."
        )
        + " "
        + pictures,
        *(
            [
                _(
                    "**Recordings.** They are sent to a provider that transcribes them, and not "
                    "stored; the transcript is stored like your messages."
                )
            ]
            if hears
            else []
        ),
        *(
            [
                _(
                    "**Summaries.** The model sums up the earlier part of a long private "
                    "conversation. /history shows the summary. It is stored like your messages, "
                    "and /new deletes it."
                )
            ]
            if sums_up
            else []
        ),
        _(
            "**What is counted.** For each message: time, lengths, tokens, cost and language, "
            "under a pseudonymous number, and how you rated the answer. Also the names of the "
            "commands you use, and when you block the bot. No text and no Telegram id."
        ),
        _(
            "**Your rights.** /export gives you everything as a file. /forget erases your texts, "
            "settings and name at once by destroying your key, backups included. The counts "
            "remain, and cannot be linked to you."
        ),
        _(
            "So that an erasure does not reset limits, a hash of your account and your usage are "
            "kept until the end of the month."
        ),
    )
    return "\n\n".join(paragraphs)
