"""Compares sent messages and model calls with the bot's records, and counts defects."""

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

from bot.turns.question import load_messages, model_text
from common.encryption import bindings
from common.encryption.sealing import Vault
from tests.chaos.writers import SentUpdates

FULL_PART_UNITS = 4096
MAX_MERGED = 20
"""How many messages a dialog remembers."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The bot's records, read from PostgreSQL."""

    outcomes: Mapping[int, tuple[str | None, UUID | None]]
    """Update id -> outcome and turn."""
    user_messages: Mapping[UUID, int]
    """Turn -> how many updates it joins, by its own count."""
    pending: int
    """Turns that were never finished."""
    texts: Mapping[UUID, list[str]]
    """Turn -> the decrypted texts of the user."""
    asked: Mapping[UUID, str] = field(default_factory=dict)
    """Turn -> the text for the model, which includes quotes."""
    repeats: Mapping[UUID, str]
    """Turn without its own text -> the previous text of its dialog, which it answers again."""
    attempts: Mapping[UUID, list[tuple[float, str | None]]]
    """Turn -> start (Unix seconds) and outcome of each model call."""
    side_calls: Mapping[tuple[str, UUID], int] = field(default_factory=dict)
    """Purpose (summary, transcription) and turn -> how many attempts it made."""
    merged: Mapping[str, str] = field(default_factory=dict)
    """Digest of a text joined to earlier texts of its dialog -> digest of the text alone. A model
    gets unanswered texts together with the next one."""


@dataclass
class Differences:
    """A count of differences, and a line for each kind."""

    details: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, count: int, detail: str) -> None:
        if count:
            self.count += count
            self.details.append(detail)


async def read_recorded(connection: asyncpg.Connection, vault: Vault) -> Recorded:
    """Read the records to compare."""
    outcomes = {
        row["update_id"]: (row["outcome"], row["turn_id"])
        for row in await connection.fetch("SELECT update_id, outcome, turn_id FROM updates")
    }
    turns = await connection.fetch("SELECT id, dialog_id, status, user_messages FROM turns")
    texts: dict[UUID, list[str]] = {}
    asked: dict[UUID, str] = {}
    written: dict[UUID, list[tuple[float, str]]] = {}
    for row in await connection.fetch(
        "SELECT m.id, m.turn_id, m.dialog_id, m.content, m.sealed_parts, u.wrapped_key,"
        " u.telegram_hmac,"
        " extract(epoch FROM m.created_at)::float8 AS at FROM messages m"
        " JOIN users u ON u.key = m.user_key WHERE m.role = 'user' ORDER BY m.created_at"
    ):
        sealer = vault.user_sealer(row["wrapped_key"], row["telegram_hmac"])
        place = row["id"], row["dialog_id"]
        text = sealer.open_text(row["content"], bindings.text(*place))
        texts.setdefault(row["turn_id"], []).append(text)
        if sealed := row["sealed_parts"]:
            parts = sealer.open_text(sealed, bindings.parts(*place))
            text = model_text(load_messages(text, parts))
        asked[row["turn_id"]] = text
        written.setdefault(row["dialog_id"], []).append((row["at"], text))
    attempts: dict[UUID, list[tuple[float, str | None]]] = {}
    for row in await connection.fetch(
        "SELECT turn_id, outcome, extract(epoch FROM started_at)::float8 AS at FROM llm_calls"
        " WHERE purpose = 'answer'"
    ):
        attempts.setdefault(row["turn_id"], []).append((row["at"], row["outcome"]))
    side_calls = {
        (row["purpose"], row["turn_id"]): row["attempts"]
        for row in await connection.fetch(
            "SELECT purpose, turn_id, count(*) AS attempts FROM llm_calls"
            " WHERE purpose <> 'answer' GROUP BY purpose, turn_id"
        )
    }
    repeats: dict[UUID, str] = {}
    for row in turns:
        if row["id"] in attempts and row["id"] not in texts:
            # A chat is answered in order: the next text is stored after the answer.
            asked_at, _ = min(attempts[row["id"]])
            before = [
                text
                for at, text in written.get(row["dialog_id"], [])
                if at <= asked_at and text.strip()
            ]
            if before:
                repeats[row["id"]] = before[-1]
    return Recorded(
        outcomes=outcomes,
        user_messages={row["id"]: row["user_messages"] for row in turns},
        pending=sum(row["status"] == "pending" for row in turns),
        texts=texts,
        asked=asked,
        repeats=repeats,
        attempts=attempts,
        side_calls=side_calls,
        merged=_merged(written.values()),
    )


def _merged(dialogs: Iterable[Sequence[tuple[float, str]]]) -> dict[str, str]:
    merged = {}
    for dialog in dialogs:
        in_order = sorted(dialog, key=lambda row: row[0])
        texts = [text for _, text in in_order if text.strip()]
        for last, text in enumerate(texts):
            together = text
            for before in reversed(texts[max(0, last - MAX_MERGED) : last]):
                together = f"{before}\n\n{together}"
                merged[_digest(together)] = _digest(text)
    return merged


def read_calls(path: Path) -> list[dict[str, Any]]:
    """Events of calls that the simulated model logged."""
    calls = []
    for line in path.read_bytes().splitlines():
        try:
            calls.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            # Cut off by a kill, before the model answered.
            continue
    return calls


def lost(sent: SentUpdates, recorded: Recorded) -> Differences:
    """Count updates without a valid outcome, and texts not in exactly one turn, byte for byte."""
    found = Differences()
    found.add(recorded.pending, f"{recorded.pending} turns were never finished")
    turns = _count_outcomes(sent, recorded, found)
    _count_repeats(sent, recorded, found)
    together: dict[UUID, list[int]] = {}
    for update_id, (_, turn) in sorted(recorded.outcomes.items()):
        if turn in turns:
            together.setdefault(turn, []).append(update_id)
    for turn, update_ids in together.items():
        # Only the words of a recording are stored, so without them there is no message.
        written = recorded.texts.get(turn, [""])
        slots = [sent.possible_texts(update_id) for update_id in update_ids]
        if len(written) != 1 or not _fits(written[0], slots):
            found.add(len(update_ids), f"the text of turn {turn} is not that of {update_ids}")
        if recorded.user_messages.get(turn) != len(update_ids):
            found.add(1, f"turn {turn} does not count its {len(update_ids)} updates")
    return found


def _count_outcomes(sent: SentUpdates, recorded: Recorded, found: Differences) -> set[UUID]:
    """The turns of all texts and files."""
    turns: set[UUID] = set()
    for update_id in sorted(sent.texts):
        outcome, turn = recorded.outcomes.get(update_id, (None, None))
        if outcome != "turn" or turn is None:
            found.add(1, f"update {update_id} is in no turn (outcome {outcome})")
        else:
            turns.add(turn)
    for update_id, expected in sorted((sent.others | dict.fromkeys(sent.files, "")).items()):
        outcome, turn = recorded.outcomes.get(update_id, (None, None))
        if outcome is None or (expected and outcome != expected):
            found.add(1, f"update {update_id} ended as {outcome}, not as {expected or 'anything'}")
        elif outcome == "turn" and turn is not None and update_id in sent.files:
            turns.add(turn)
    return turns


def _count_repeats(sent: SentUpdates, recorded: Recorded, found: Differences) -> None:
    shared = Counter(turn for _, turn in recorded.outcomes.values())
    for update_id in sorted(sent.repeats):
        outcome, turn = recorded.outcomes.get(update_id, (None, None))
        if outcome != "command" and (outcome != "turn" or turn is None):
            found.add(1, f"update {update_id} ended as {outcome}, not as a turn or a command")
        elif turn is not None and (recorded.user_messages.get(turn) != 0 or shared[turn] != 1):
            found.add(1, f"turn {turn} is not that of update {update_id} alone, without a text")


def unexpected(sent: SentUpdates, recorded: Recorded) -> Differences:
    """Count turns with texts that were never sent, and updates left without an outcome."""
    found = Differences()
    known = {
        recorded.outcomes[one][1] for one in (*sent.texts, *sent.files) if one in recorded.outcomes
    }
    maybe = {*sent.uncertain, *sent.uncertain_files}
    for turn, texts in recorded.texts.items():
        if turn not in known and not set(texts) <= maybe:
            # Parts of a long text whose acknowledgement was lost may have been joined.
            whole = "".join(texts)
            if not any(whole.startswith(part) for part in maybe):
                found.add(1, f"turn {turn} holds a text that was never sent")
    stated = {turn for _, turn in recorded.outcomes.values()}
    for turn in recorded.user_messages.keys() - stated - recorded.texts.keys():
        found.add(1, f"turn {turn} belongs to no update")
    open_ones = [one for one, (outcome, _) in recorded.outcomes.items() if outcome is None]
    found.add(len(open_ones), f"updates without an outcome: {open_ones[:5]}")
    return found


def duplicated_calls(
    calls: Sequence[Mapping[str, Any]],
    bot_starts: Sequence[float],
    recorded: Recorded,
    sent: SentUpdates,
) -> Differences:
    """Count unrecorded calls, and turns for which a later process asked a model again."""
    found = Differences()
    starts = sorted(bot_starts)
    for turn, attempts in recorded.attempts.items():
        processes = {bisect_right(starts, at) for at, _ in attempts}
        times = ", ".join(f"{at:.3f} {outcome}" for at, outcome in sorted(attempts))
        found.add(
            len(processes) - 1,
            f"turn {turn} was asked again after a restart: asked at {times}; the bot started at"
            f" {', '.join(f'{start:.3f}' for start in starts)}",
        )
    recordings = Counter(
        turn
        for update_id, (_, turn) in recorded.outcomes.items()
        if update_id in sent.recordings or update_id not in sent.update_ids
    )
    for (purpose, turn), count in recorded.side_calls.items():
        most = max(1, recordings[turn]) if purpose == "transcription" else 1
        found.add(max(0, count - most), f"turn {turn} asked {count} times for a {purpose}")
    made = Counter(call["purpose"] for call in calls if _is_side_call(call))
    for (purpose, _), count in recorded.side_calls.items():
        made[purpose] -= count
    for purpose, count in (+made).items():
        found.add(count, f"{count} calls for a {purpose} are not recorded")
    seen = _seen(calls, recorded)
    attempted = _by_text(recorded, lambda _outcome: True)
    for digest, count in (seen - attempted).items():
        found.add(count, f"{count} calls of {digest[:12]} are not recorded")
    return found


def unseen_answers(calls: Sequence[Mapping[str, Any]], recorded: Recorded) -> Differences:
    """Count attempts recorded as answered that the model never saw."""
    found = Differences()
    answered = _by_text(recorded, lambda outcome: outcome == "answered")
    for digest, count in (answered - _seen(calls, recorded)).items():
        found.add(count, f"{count} answers to {digest[:12]} were never given")
    return found


def _fits(written: str, slots: Sequence[Sequence[str]]) -> bool:
    """Whether the text is made of one text of each slot, joined; empty ones add nothing."""
    if not slots:
        return written == ""
    rest = slots[1:]
    for text in slots[0]:
        whole = joined([text, ""])
        if (
            (not text and _fits(written, rest))
            or (written == text and _fits("", rest))
            or (text and written.startswith(whole) and _fits(written[len(whole) :], rest))
        ):
            return True
    return False


def joined(parts: Sequence[str]) -> str:
    """Join parts of one input: directly after a full part, by a line break after a shorter one."""
    whole = glue = ""
    for part in parts:
        whole += glue + part
        glue = "" if len(part.encode("utf-16-le")) // 2 >= FULL_PART_UNITS else "\n"
    return whole


def _seen(calls: Sequence[Mapping[str, Any]], recorded: Recorded) -> Counter[str]:
    """Started calls, counted by the digest of their text."""
    digests = [
        call["text_sha256"]
        for call in calls
        if call.get("event") == "started" and not _is_side_call(call)
    ]
    return Counter(recorded.merged.get(digest, digest) for digest in digests)


def _is_side_call(call: Mapping[str, Any]) -> bool:
    return call.get("event") == "started" and call.get("purpose", "answer") != "answer"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _by_text(recorded: Recorded, counts: Callable[[str | None], bool]) -> Counter[str]:
    """Attempts, counted by the digest of their text."""
    found: Counter[str] = Counter()
    own = {turn: "".join(texts) for turn, texts in recorded.texts.items()}
    whole = own | dict(recorded.asked)
    for turn, text in (whole | dict(recorded.repeats)).items():
        digest = _digest(text)
        found[digest] += sum(counts(outcome) for _, outcome in recorded.attempts.get(turn, []))
    return found
