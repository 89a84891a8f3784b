"""The steps of a person's day, in order: add a feature's step to `STEPS`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.telegram.files import spoken
from tests.bot.media.files import pdf, picture
from tests.tour.chat import GROUP, PersonInChat, quietly

STEP_SECONDS = 60.0
SLOW = {"first_token_seconds": 0.2, "token_seconds": 0.2, "answer_words": 200}
TABLE = "\n".join(
    ["| Planet | Moons | Day |", "|---|---:|---|"]
    + [f"| Planet {number} | {number * 3} | {number} h |" for number in range(1, 41)]
)


@dataclass(frozen=True)
class Step:
    """One thing that the person does, and what the bot must show after it.

    `act` may wait for something that the bot shows meanwhile. `answer`: of the model; None: it
    generates one.
    """

    title: str
    act: Callable[[PersonInChat], Awaitable[None] | None]
    shows: tuple[str, ...]
    """Each must appear in a text, a caption or a file name."""
    answer: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    """More of the model's behaviour, as in simulator.model.behaviour."""
    records: str = ""
    """A SELECT of rows of PostgreSQL that must exist after it."""


def _send_album(person: PersonInChat) -> None:
    person.send_file("photo", picture(60, 40), caption="Which is wider?", album="1")
    person.send_file("photo", picture(40, 60), album="1")


def _forward_with_comment(person: PersonInChat) -> None:
    # A client sends the comment first.
    person.write("Is this true?")
    person.forward("The earth is flat.", author="Bob")


def _write_three(person: PersonInChat) -> None:
    for text in ("hey", "one more thing", "explain dew"):
        person.write(text)


async def _stop(person: PersonInChat) -> None:
    person.write("Tell me everything about rain")
    await person.wait_for_preview(seconds=STEP_SECONDS)
    person.write("/stop")


async def _stop_by_button(person: PersonInChat) -> None:
    person.write("Tell me everything about snow")
    await person.stop_draft(seconds=STEP_SECONDS)


async def _stop_in_group(person: PersonInChat) -> None:
    person.mention("Tell us everything about hail")
    await person.wait_for_button("Stop", seconds=STEP_SECONDS)
    await quietly(0.2)
    person.press("Stop", chat=GROUP)


async def _choose_model(person: PersonInChat) -> None:
    person.write("/model")
    await person.wait_for_button("sim/other", seconds=STEP_SECONDS)
    await quietly(0.2)
    person.press("sim/other")


async def _forget(person: PersonInChat) -> None:
    person.write("/forget")
    await person.wait_for_button("Erase everything", seconds=STEP_SECONDS)
    await quietly(0.2)
    person.press("Erase everything")


STEPS = (
    Step("start", lambda person: person.write("/start"), ("Send me a message",)),
    Step("text", lambda person: person.write("Explain rain"), ("falls",), "Water that falls."),
    Step("long table", lambda person: person.write("List 40 planets"), ("Planet 40",), TABLE),
    Step(
        "formula",
        lambda person: person.write("Energy of a mass?"),
        ("mc^2",),
        "It is $$E = mc^2$$ for a body at rest.",
    ),
    Step("no rich messages", lambda person: person.write("/rich off"), ("sent as text",)),
    Step(
        "table as text",
        lambda person: person.write("List planets again"),
        ("Planet 9  | 27",),
        TABLE,
    ),
    Step("rich messages again", lambda person: person.write("/rich on"), ("sent formatted",)),
    Step(
        "photo with a caption",
        lambda person: person.send_file("photo", picture(), caption="Describe it"),
        ("A red field",),
        "A red field.",
    ),
    Step("album", _send_album, ("The first",), "The first one."),
    Step(
        "voice",
        lambda person: person.send_file("voice", spoken("When does it rain?")),
        ("🎙 When does it rain?", "In autumn"),
        "In autumn.",
    ),
    Step(
        "PDF",
        lambda person: person.send_file(
            "document",
            pdf("The rent is 900."),
            caption="How much is the rent?",
            name="contract.pdf",
            mime_type="application/pdf",
        ),
        ("It is 900",),
        "It is 900.",
    ),
    Step("joins a group", lambda person: person.join_group(), ()),
    Step("question in a group", lambda person: person.mention("hi"), ("Hello all",), "Hello all."),
    Step(
        "reply in a group",
        lambda person: person.reply_in_group("How are you?"),
        ("All is well",),
        "All is well.",
    ),
    Step("forward with a comment", _forward_with_comment, ("It is round",), "It is round."),
    Step("three quick messages", _write_three, ("Water on grass",), "Water on grass."),
    Step(
        "question to be edited",
        lambda person: person.write_to_edit("Explain snwo"),
        ("Do you mean snow",),
        "Do you mean snow?",
    ),
    Step(
        "edit",
        lambda person: person.edit_last_text("Explain snow"),
        ("Frozen water",),
        "Frozen water.",
    ),
    Step("stop", _stop, ("Stopped",), model=SLOW),
    Step(
        "again",
        lambda person: person.write("/redo"),
        ("In short",),
        "In short: water.",
        records="SELECT FROM user_events WHERE name = 'redo'",
    ),
    Step(
        "stop by button",
        _stop_by_button,
        ("Stopped",),
        model=SLOW,
        records="SELECT FROM turns WHERE reason = 'stopped' AND chat_type = 'private'",
    ),
    Step(
        "stop by button in a group",
        _stop_in_group,
        ("Stopped",),
        model=SLOW,
        records="SELECT FROM turns WHERE reason = 'stopped' AND chat_type = 'supergroup'",
    ),
    Step(
        "answer that is cut",
        lambda person: person.write("Tell me about fog"),
        ("Fog is", "length limit"),
        "Fog is a cloud",
        {"finish_reason": "length"},
    ),
    Step(
        "continue by button",
        lambda person: person.press("▶️"),
        ("on the ground",),
        "that lies on the ground.",
    ),
    Step("again by button", lambda person: person.press("🔄"), ("low cloud",), "A low cloud."),
    Step(
        "good answer",
        lambda person: person.press("👍"),
        ("Thank you!",),
        records="SELECT FROM feedback WHERE verdict = 1 AND given_by = 'button'",
    ),
    Step(
        "bad answer",
        lambda person: person.press("👎"),
        ("Thank you, noted.",),
        records="SELECT FROM feedback WHERE verdict = -1 AND given_by = 'button'",
    ),
    Step(
        "reaction",
        lambda person: person.react("🔥"),
        (),
        records="SELECT FROM feedback WHERE verdict = 1 AND given_by = 'reaction'",
    ),
    Step("list of models", lambda person: person.write("/model"), ("Models:",)),
    Step("choice of a model", lambda person: person.write("/model 1"), ("Your model is now",)),
    Step("choice of a model by button", _choose_model, ("Your model is now sim/other",)),
    Step("usage", lambda person: person.write("/usage"), ("Today: messages",)),
    Step(
        "summary on demand",
        lambda person: person.write("/compact"),
        ("is now a summary",),
        "Many questions.",
    ),
    Step(
        "summary shown",
        lambda person: person.write("/history"),
        ("Remembered messages", "Summary of", "Many questions"),
    ),
    Step("privacy", lambda person: person.write("/privacy"), ("Your rights",)),
    Step(
        "texts closed to analysts",
        lambda person: person.press("Close my texts"),
        ("Your texts are closed",),
        records="SELECT FROM user_settings WHERE NOT are_texts_readable",
    ),
    Step(
        "texts opened to analysts",
        lambda person: person.press("Let analysts read"),
        ("may read your texts now",),
        records="SELECT FROM user_settings WHERE are_texts_readable",
    ),
    Step(
        "not counted as a person",
        lambda person: person.press("Do not count me"),
        ("You are not counted",),
        records="SELECT FROM user_settings WHERE NOT is_counted",
    ),
    Step(
        "question of a person who is not counted",
        lambda person: person.write("Explain ice"),
        ("Frozen",),
        "Frozen water, too.",
        records="SELECT FROM turns WHERE NOT is_counted AND status = 'answered'",
    ),
    Step("export", lambda person: person.write("/export"), ("dialytics-export.json",)),
    Step("new conversation", lambda person: person.write("/new"), ("New conversation",)),
    Step("forget", _forget, ("Your data is erased",)),
)
