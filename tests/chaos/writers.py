"""People who keep writing to the bot while it is being broken. Remembers who was promised what.

An accepted update is one that the simulated Telegram acknowledged. One whose acknowledgement was
lost (the simulator died in between) may or may not exist: its text is kept apart.
"""

from __future__ import annotations

import itertools
import random
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx

FIRST_PERSON = 900_001
LANGUAGES = ("en", "ru", "de", "pt-br", None)
# Not only ASCII: what is stored must come back byte for byte.
ALPHABET = ("alpha", "бета", "gamma 🌊", "דלתא", "e\u0301psilon", "<b>&", "`zeta`")
COMMANDS = ("/help", "/new", "/usage")
KINDS = ("short", "long", "slash", "command", "edit", "redo")
SHARES = (78, 5, 3, 6, 4, 4)


@dataclass
class Record:
    """What was sent."""

    texts: dict[int, str] = field(default_factory=dict)
    """Update id -> the text of that update, which is meant for the model."""
    others: dict[int, str] = field(default_factory=dict)
    """Update id -> the only outcome it may have; empty: any."""
    repeats: set[int] = field(default_factory=set)
    """Updates that ask for another answer to the text before."""
    uncertain: list[str] = field(default_factory=list)
    """Texts of which nobody knows whether they were accepted."""

    @property
    def update_ids(self) -> set[int]:
        return self.texts.keys() | self.others.keys() | self.repeats


class Writers:
    """A thread that sends `per_second` messages of `people` persons, in an order fixed by seed."""

    def __init__(
        self,
        url: str,
        *,
        seed: int,
        people: int = 40,
        per_second: float = 6.0,
        first_number: int = 1,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=10)
        self._random = random.Random(seed)
        self._people = people
        self._pause = 1.0 / per_second
        self._numbers = itertools.count(first_number)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writers", daemon=True)
        self.record = Record()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the last message is out."""
        self._stop.set()
        self._thread.join(timeout=30)
        self._http.close()

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self._write(next(self._numbers))

    def _write(self, number: int) -> None:
        person = FIRST_PERSON + self._random.randrange(self._people)
        (kind,) = self._random.choices(KINDS, SHARES)
        words = " ".join(self._random.choices(ALPHABET, k=self._random.randint(1, 12)))
        body: dict[str, Any] = {
            "text": f"storm-{number} {words}",
            "person": {
                "id": person,
                "first_name": f"Person {person}",
                "language_code": LANGUAGES[person % len(LANGUAGES)],
            },
        }
        match kind:
            case "long":
                # Clients cut it into several updates of at most 4,096 units.
                body["text"] += "-long" * self._random.randint(900, 2000)
            case "slash":
                # No command of the bot: a hint, and no turn.
                update_ids = self._send(
                    "/control/messages", body | {"text": f"/storm {body['text']}"}
                )
                self.record.others |= dict.fromkeys(update_ids, "ignored")
                return
            case "command":
                words = self._random.choice(COMMANDS)
                update_ids = self._send("/control/messages", body | {"text": words})
                self.record.others |= dict.fromkeys(update_ids, "command")
                return
            case "redo":
                self.record.repeats.update(
                    self._send("/control/messages", body | {"text": "/redo"})
                )
                return
            case "edit":
                update_ids = self._send("/control/edits", body | {"message_id": 1})
                self.record.others |= dict.fromkeys(update_ids, "")
                return
        update_ids = self._send("/control/messages", body, is_text=True)
        for update_id, part in zip(update_ids, _parts(body["text"]), strict=False):
            self.record.texts[update_id] = part

    def _send(self, path: str, body: dict[str, Any], *, is_text: bool = False) -> list[int]:
        try:
            answer = self._http.post(path, json=body)
            answer.raise_for_status()
            said = answer.json()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            # Nobody listened, so nobody accepted anything.
            return []
        except (httpx.HTTPError, ValueError):
            if is_text:
                self.record.uncertain += _parts(body["text"])
            return []
        stated: list[int | None] = said.get("update_ids", [said.get("update_id")])
        return [one for one in stated if one is not None]


def _parts(text: str) -> list[str]:
    """As a client cuts it: 4,096 UTF-16 units each. There the texts above have no pair or blank."""
    encoded = text.encode("utf-16-le")
    size = 2 * 4096
    return [encoded[at : at + size].decode("utf-16-le") for at in range(0, len(encoded), size)]
