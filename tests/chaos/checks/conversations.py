"""What was sent and what the model saw, against what the bot recorded. Counts defects."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from common.encryption import bindings
from common.encryption.sealing import Vault
from tests.chaos.writers import Record

FULL_PART_UNITS = 4096
MAX_MERGED = 20
"""As many messages as a dialog remembers."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The bot's side, read from PostgreSQL."""

    outcomes: Mapping[int, tuple[str | None, UUID | None]]
    """Update id -> outcome and turn."""
    user_messages: Mapping[UUID, int]
    """Turn -> how many updates it says it joins."""
    pending: int
    """Turns that were never finished."""
    texts: Mapping[UUID, list[str]]
    """Turn -> what the person wrote, unsealed."""
    repeats: Mapping[UUID, str]
    """Turn without a text of its own -> the text before it in its dialog, which it is about."""
    attempts: Mapping[UUID, list[tuple[float, str | None]]]
    """Turn -> start (Unix seconds) and outcome of each attempt at the model."""
    merged: Mapping[str, str] = field(default_factory=dict)
    """Digest of a text behind others of its dialog -> digest of the text alone: a model is asked
    both together when the other one was not answered."""


@dataclass
class Differences:
    """A count and what it is made of."""

    details: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, count: int, detail: str) -> None:
        if count:
            self.count += count
            self.details.append(detail)


async def read_recorded(connection: asyncpg.Connection, vault: Vault) -> Recorded:
    """Read everything of the bot that is compared here."""
    outcomes = {
        row["update_id"]: (row["outcome"], row["turn_id"])
        for row in await connection.fetch("SELECT update_id, outcome, turn_id FROM updates")
    }
    turns = await connection.fetch("SELECT id, dialog_id, status, user_messages FROM turns")
    texts: dict[UUID, list[str]] = {}
    written: dict[UUID, list[tuple[float, str]]] = {}
    for row in await connection.fetch(
        "SELECT m.id, m.turn_id, m.dialog_id, m.content, u.wrapped_key, u.telegram_hmac,"
        " extract(epoch FROM m.created_at)::float8 AS at FROM messages m"
        " JOIN users u ON u.key = m.user_key WHERE m.role = 'user' ORDER BY m.created_at"
    ):
        text = vault.user_sealer(row["wrapped_key"], row["telegram_hmac"]).open_text(
            row["content"], bindings.text(row["id"], row["dialog_id"])
        )
        texts.setdefault(row["turn_id"], []).append(text)
        written.setdefault(row["dialog_id"], []).append((row["at"], text))
    attempts: dict[UUID, list[tuple[float, str | None]]] = {}
    for row in await connection.fetch(
        "SELECT turn_id, outcome, extract(epoch FROM started_at)::float8 AS at FROM llm_calls"
    ):
        attempts.setdefault(row["turn_id"], []).append((row["at"], row["outcome"]))
    repeats: dict[UUID, str] = {}
    for row in turns:
        if row["id"] in attempts and row["id"] not in texts:
            # One chat is answered in order: nothing was written before the answer was done.
            asked_at, _ = min(attempts[row["id"]])
            before = [text for at, text in written.get(row["dialog_id"], []) if at <= asked_at]
            if before:
                repeats[row["id"]] = before[-1]
    return Recorded(
        outcomes=outcomes,
        user_messages={row["id"]: row["user_messages"] for row in turns},
        pending=sum(row["status"] == "pending" for row in turns),
        texts=texts,
        repeats=repeats,
        attempts=attempts,
        merged=_merged(written.values()),
    )


def _merged(dialogs: Iterable[Sequence[tuple[float, str]]]) -> dict[str, str]:
    merged = {}
    for dialog in dialogs:
        texts = [text for _, text in sorted(dialog, key=lambda row: row[0])]
        for last, text in enumerate(texts):
            together = text
            for before in reversed(texts[max(0, last - MAX_MERGED) : last]):
                together = f"{before}\n\n{together}"
                merged[_digest(together)] = _digest(text)
    return merged


def read_calls(path: Path) -> list[dict[str, Any]]:
    """What the simulated model noted of its calls."""
    calls = []
    for line in path.read_bytes().splitlines():
        try:
            calls.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            # Torn by a kill, before anything was answered.
            continue
    return calls


def lost(sent: Record, recorded: Recorded) -> Differences:
    """Updates without their outcome, texts that are not byte for byte in exactly one turn."""
    found = Differences()
    found.add(recorded.pending, f"{recorded.pending} turns were never finished")
    parts: dict[UUID, list[int]] = {}
    for update_id in sorted(sent.texts):
        outcome, turn = recorded.outcomes.get(update_id, (None, None))
        if outcome != "turn" or turn is None:
            found.add(1, f"update {update_id} is in no turn (outcome {outcome})")
        else:
            parts.setdefault(turn, []).append(update_id)
    for update_id, expected in sorted(sent.others.items()):
        outcome, _ = recorded.outcomes.get(update_id, (None, None))
        if outcome is None or (expected and outcome != expected):
            found.add(1, f"update {update_id} ended as {outcome}, not as {expected or 'anything'}")
    _count_repeats(sent, recorded, found)
    together: dict[UUID, list[int]] = {}
    for update_id, (_, turn) in sorted(recorded.outcomes.items()):
        if turn in parts:
            together.setdefault(turn, []).append(update_id)
    for turn, update_ids in together.items():
        written = recorded.texts.get(turn, [])
        # Of one whose acknowledgement was lost the text is one of the uncertain ones.
        slots = [
            [sent.texts[update_id]] if update_id in sent.texts else sent.uncertain
            for update_id in update_ids
        ]
        if len(written) != 1 or not _fits(written[0], slots):
            found.add(len(update_ids), f"the text of turn {turn} is not that of {update_ids}")
        if recorded.user_messages.get(turn) != len(update_ids):
            found.add(1, f"turn {turn} does not count its {len(update_ids)} updates")
    return found


def _count_repeats(sent: Record, recorded: Recorded, found: Differences) -> None:
    shared = Counter(turn for _, turn in recorded.outcomes.values())
    for update_id in sorted(sent.repeats):
        outcome, turn = recorded.outcomes.get(update_id, (None, None))
        if outcome != "command" and (outcome != "turn" or turn is None):
            found.add(1, f"update {update_id} ended as {outcome}, not as a turn or a command")
        elif turn is not None and (recorded.user_messages.get(turn) != 0 or shared[turn] != 1):
            found.add(1, f"turn {turn} is not that of update {update_id} alone, without a text")


def invented(sent: Record, recorded: Recorded) -> Differences:
    """Turns of texts that nobody wrote, and updates that were left without an outcome."""
    found = Differences()
    known = {recorded.outcomes[one][1] for one in sent.texts if one in recorded.outcomes}
    maybe = set(sent.uncertain)
    for turn, texts in recorded.texts.items():
        if turn not in known and not set(texts) <= maybe:
            # Parts of a long text whose acknowledgement was lost may have been joined.
            whole = "".join(texts)
            if not any(whole.startswith(part) for part in maybe):
                found.add(1, f"turn {turn} holds a text that nobody wrote")
    stated = {turn for _, turn in recorded.outcomes.values()}
    for turn in recorded.user_messages.keys() - stated - recorded.texts.keys():
        found.add(1, f"turn {turn} is that of no update")
    open_ones = [one for one, (outcome, _) in recorded.outcomes.items() if outcome is None]
    found.add(len(open_ones), f"updates without an outcome: {open_ones[:5]}")
    return found


def duplicated_calls(
    calls: Sequence[Mapping[str, Any]], bot_births: Sequence[float], recorded: Recorded
) -> Differences:
    """Calls that nobody recorded, and turns that were asked again by a later process."""
    found = Differences()
    births = sorted(bot_births)
    for turn, attempts in recorded.attempts.items():
        lives = {bisect_right(births, at) for at, _ in attempts}
        times = ", ".join(f"{at:.3f} {outcome}" for at, outcome in sorted(attempts))
        found.add(
            len(lives) - 1,
            f"turn {turn} was asked again after a restart: asked at {times}; the bot began at"
            f" {', '.join(f'{born:.3f}' for born in births)}",
        )
    seen = _seen(calls, recorded)
    attempted = _by_text(recorded, lambda _outcome: True)
    for digest, count in (seen - attempted).items():
        found.add(count, f"{count} calls of {digest[:12]} are not recorded")
    return found


def unseen_answers(calls: Sequence[Mapping[str, Any]], recorded: Recorded) -> Differences:
    """Attempts recorded as answered that the model never saw."""
    found = Differences()
    answered = _by_text(recorded, lambda outcome: outcome == "answered")
    for digest, count in (answered - _seen(calls, recorded)).items():
        found.add(count, f"{count} answers to {digest[:12]} were never given")
    return found


def _fits(written: str, slots: Sequence[Sequence[str]]) -> bool:
    """Whether the text is one of each slot, joined."""
    if not slots:
        return written == ""
    for text in slots[0]:
        whole = joined([text, ""]) if len(slots) > 1 else text
        if written.startswith(whole) and _fits(written[len(whole) :], slots[1:]):
            return True
    return False


def joined(parts: Sequence[str]) -> str:
    """Parts of one input as one text: a full part was cut anywhere, a shorter one is a line."""
    whole = glue = ""
    for part in parts:
        whole += glue + part
        glue = "" if len(part.encode("utf-16-le")) // 2 >= FULL_PART_UNITS else "\n"
    return whole


def _seen(calls: Sequence[Mapping[str, Any]], recorded: Recorded) -> Counter[str]:
    """Calls that began, by the digest of the text that they ask about."""
    digests = [call["text_sha256"] for call in calls if call.get("event") == "started"]
    return Counter(recorded.merged.get(digest, digest) for digest in digests)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _by_text(recorded: Recorded, counts: Callable[[str | None], bool]) -> Counter[str]:
    """Attempts by the digest of the text that they ask about."""
    found: Counter[str] = Counter()
    whole = {turn: "".join(texts) for turn, texts in recorded.texts.items()}
    for turn, text in (whole | dict(recorded.repeats)).items():
        digest = _digest(text)
        found[digest] += sum(counts(outcome) for _, outcome in recorded.attempts.get(turn, []))
    return found
