"""Simulated users who keep writing to the bot during faults, and a record of what they sent.

An accepted update is one that the simulated Telegram acknowledged. If the acknowledgement was lost
(the simulator died in between), the update may or may not exist: its text is recorded separately.
"""

from __future__ import annotations

import itertools
import random
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from simulator.telegram.files import spoken

FIRST_PERSON = 900_001
LANGUAGES = ("en", "ru", "de", "pt-br", None)
# Not only ASCII: what is stored must come back byte for byte.
ALPHABET = ("alpha", "бета", "gamma 🌊", "דלתא", "e\u0301psilon", "<b>&", "`zeta`")
COMMANDS = ("/help", "/new", "/usage")
KINDS = (
    *("short", "long", "slash", "command", "edit", "redo"),
    *("press", "reaction", "photo", "voice"),
)
SHARES = (66, 5, 3, 6, 4, 4, 4, 2, 3, 3)
REACTIONS: tuple[list[str], ...] = (["👍"], ["👎"], ["🐳"], [])


def _photo() -> str:
    content = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "JPEG")
    return b64encode(content.getvalue()).decode()


PHOTO = _photo()


@dataclass
class SentUpdates:
    """Updates that the simulated Telegram accepted, and texts that it may have accepted."""

    texts: dict[int, str] = field(default_factory=dict)
    """Update id -> the text of that update, which is meant for the model."""
    others: dict[int, str] = field(default_factory=dict)
    """Update id -> its only valid outcome; empty: any outcome is valid."""
    files: dict[int, str] = field(default_factory=dict)
    """Update id -> the caption or the words of a file. The file of a killed simulator is gone, so
    any outcome is valid, and the words may be missing."""
    recordings: set[int] = field(default_factory=set)
    """The updates among `files` that are to be transcribed."""
    repeats: set[int] = field(default_factory=set)
    """Updates that ask for another answer to the text before."""
    uncertain: list[str] = field(default_factory=list)
    """Texts that may or may not have been accepted."""
    uncertain_files: list[str] = field(default_factory=list)
    """Words of files that may or may not have been accepted."""

    @property
    def update_ids(self) -> set[int]:
        return self.texts.keys() | self.others.keys() | self.files.keys() | self.repeats

    def possible_texts(self, update_id: int) -> list[str]:
        """Texts that an update may have added to its turn; an empty one adds nothing."""
        if update_id in self.texts:
            return [self.texts[update_id]]
        if update_id in self.files:
            return [self.files[update_id], ""]
        # Its acknowledgement was lost.
        without_words = [""] if self.uncertain_files else []
        return [*self.uncertain, *self.uncertain_files, *without_words]


class Writers:
    """Sends `per_second` messages from `people` users in a thread, in an order set by `seed`."""

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
        self.record = SentUpdates()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop; return when the last message was sent."""
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
                # Clients split it into several updates of at most 4,096 UTF-16 units.
                body["text"] += "-long" * self._random.randint(900, 2000)
            case "slash":
                # Not a command of the bot: it answers with a hint, without a turn.
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
            case "press" | "reaction":
                self._judge(kind, {"person": body["person"]})
                return
            case "photo" | "voice":
                self._send_file(kind, body)
                return
        unsure = (self.record.uncertain, body)
        update_ids = self._send("/control/messages", body, unsure=unsure)
        for update_id, part in zip(update_ids, _parts(body["text"]), strict=False):
            self.record.texts[update_id] = part

    def _send_file(self, kind: str, body: dict[str, Any]) -> None:
        """Send a photo with the text as its caption, or a recording of the text."""
        file = {"kind": kind, "person": body["person"]}
        if kind == "photo":
            file |= {"content": PHOTO, "caption": body["text"]}
        else:
            file |= {"content": b64encode(spoken(body["text"])).decode(), "seconds": 3}
        update_ids = self._send("/control/files", file, unsure=(self.record.uncertain_files, body))
        self.record.files |= dict.fromkeys(update_ids, body["text"])
        if kind == "voice":
            self.record.recordings.update(update_ids)

    def _judge(self, kind: str, body: dict[str, Any]) -> None:
        """Press a button under the last answer, or react to it."""
        asked = {"chat_id": body["person"]["id"], "kind": "message"}
        try:
            sent = self._http.get("/control/sent", params=asked).json()["sent"]
        except (httpx.HTTPError, ValueError):
            return
        answers = [each for each in sent if each.get("reply_markup")]
        if not answers:
            return
        body["message_id"] = answers[-1]["message_id"]
        [row] = answers[-1]["reply_markup"]["inline_keyboard"]
        if kind == "press":
            body["data"] = self._random.choice(row)["callback_data"]
            update_ids = self._send("/control/presses", body)
        else:
            body["emoji"] = self._random.choice(REACTIONS)
            update_ids = self._send("/control/reactions", body)
        self.record.others |= dict.fromkeys(update_ids, "")

    def _send(
        self,
        path: str,
        body: dict[str, Any],
        *,
        unsure: tuple[list[str], dict[str, Any]] | None = None,
    ) -> list[int]:
        try:
            answer = self._http.post(path, json=body)
            answer.raise_for_status()
            reply = answer.json()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            # Not connected, so nothing was accepted.
            return []
        except (httpx.HTTPError, ValueError):
            if unsure:
                texts, written = unsure
                texts += _parts(written["text"])
            return []
        stated: list[int | None] = reply.get("update_ids", [reply.get("update_id")])
        return [one for one in stated if one is not None]


def _parts(text: str) -> list[str]:
    """Split as clients do, every 4,096 UTF-16 units.

    The texts above have no surrogate pair or blank at a split.
    """
    encoded = text.encode("utf-16-le")
    size = 2 * 4096
    return [encoded[at : at + size].decode("utf-16-le") for at in range(0, len(encoded), size)]
