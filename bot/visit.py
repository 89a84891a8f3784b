"""What a handler is given: the update's person, place, line and voice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.conversation import Conversation
from bot.i18n import Translator
from bot.incoming import Place
from bot.lanes import Line
from bot.people import Person, Sender
from bot.records import Room
from bot.render import units

LONGEST_MESSAGE_UNITS = 4096


@dataclass
class Visit:
    """One update of one person.

    Args:
        update_ids: more than one when parts of a long text were joined.
        texts: the text of each part.
    """

    person: Person
    sender: Sender
    place: Place
    room: Room
    line: Line
    conversation: Conversation
    translate: Translator
    received_at: datetime
    sent_at: datetime | None
    update_ids: tuple[int, ...]
    texts: tuple[str, ...] = ()
    settled: bool = False
    """The handler recorded the outcome itself."""
    reload: bool = False
    """The handler changed what is stored of this line."""

    @property
    def text(self) -> str:
        """The parts as one text. A client cuts a full part anywhere, a shorter one at a blank."""
        whole = ""
        glue = ""
        for part in self.texts:
            whole += glue + part
            glue = "" if units(part) >= LONGEST_MESSAGE_UNITS else "\n"
        return whole
