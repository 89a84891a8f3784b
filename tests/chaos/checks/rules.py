"""Bans, lifts and caps people through the API during faults, and checks that the bot obeyed.

The people write all the time. A ban is certain from the API's answer until its end is asked for: no
turn may be opened in between, whatever is killed.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from common.encryption.sealing import Vault
from tests.chaos.checks.conversations import Differences
from tests.chaos.writers import SentUpdates

FIRST_PERSON = 950_001
CAPPED_PERSON = 940_001
DAILY_MESSAGES = 5
RULES = "/api/v1/admin/rules"
PAUSE_SECONDS = 0.5
TOGGLE_CHANCE = 0.15
OPENED = """
SELECT extract(epoch FROM call.started_at)::float8 AS at
FROM llm_calls AS call
JOIN turns AS turn ON turn.id = call.turn_id
JOIN users AS person ON person.key = turn.user_key
WHERE call.attempt = 1 AND person.telegram_hmac = $1
"""
ANSWERED = """
SELECT received_at::date AS day, sum(user_messages) AS messages
FROM turns JOIN users AS person ON person.key = user_key
WHERE status <> 'rejected' AND person.telegram_hmac = $1
GROUP BY day
"""


@dataclass
class RuleRecord:
    """Certain bans: person, and Unix seconds of the API's answer and of the call that lifts it."""

    bans: list[tuple[int, float, float]] = field(default_factory=list)
    is_capped: bool = False


class Operator:
    """Sets and ends rules in a thread, and writes as the people that they are about.

    Args:
        sent: their texts and updates are added to it: each has an outcome, whichever.
    """

    def __init__(
        self,
        api: httpx.Client,
        simulator_url: str,
        *,
        seed: int,
        sent: SentUpdates,
        record: RuleRecord,
    ) -> None:
        self._api = api
        self._simulator = httpx.Client(base_url=simulator_url, timeout=10)
        self._random = random.Random(seed)
        self._sent = sent
        self._people = [FIRST_PERSON, FIRST_PERSON + 1, FIRST_PERSON + 2]
        self._since: dict[int, float] = {}
        self._rules: dict[int, int] = {}
        self._numbers = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)
        self.record = record

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop; the bans in force end here."""
        self._stop.set()
        self._thread.join(timeout=60)
        for person in list(self._since):
            self._end(person)
        self._simulator.close()
        self._api.close()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            if not self.record.is_capped:
                self.record.is_capped = self._put(
                    CAPPED_PERSON, kind="limits", daily_messages=DAILY_MESSAGES
                )
            for place in range(len(self._people)):
                if self._random.random() < TOGGLE_CHANCE:
                    self._toggle(place)
                self._write(self._people[place])
            if self.record.is_capped:
                self._write(CAPPED_PERSON)

    def _toggle(self, place: int) -> None:
        person = self._people[place]
        if person not in self._since:
            if self._put(person, kind="ban"):
                self._since[person] = time.time()
            return
        # Whether it was lifted or not: nothing is certain from here on.
        self._end(person)
        answer = self._ask("DELETE", f"{RULES}/{self._rules[person]}")
        if answer is None or answer.is_server_error:
            # It may still be lifted at any time, also under the next ban: take another person.
            self._people[place] = max(self._people) + 1

    def _end(self, person: int) -> None:
        self.record.bans.append((person, self._since.pop(person), time.time()))

    def _put(self, person: int, **terms: Any) -> bool:
        answer = self._ask("PUT", RULES, json={"subject": {"telegram_id": person}, **terms})
        if answer is None or not answer.is_success:
            return False
        self._rules[person] = answer.json()["id"]
        return True

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response | None:
        """The answer; None if there was none."""
        try:
            return self._api.request(method, path, **arguments)
        except httpx.HTTPError:
            return None

    def _write(self, person: int) -> None:
        self._numbers += 1
        text = f"ruled-{self._numbers}"
        # Accepted or not, answered or refused: only its outcome is certain.
        self._sent.uncertain.append(text)
        body = {
            "text": text,
            "person": {"id": person, "first_name": f"Ruled {person}"},
        }
        try:
            answer = self._simulator.post("/control/messages", json=body)
            answer.raise_for_status()
            self._sent.others |= dict.fromkeys(answer.json().get("update_ids", []), "")
        except (httpx.HTTPError, ValueError):
            return


async def rules_differ(
    connection: asyncpg.Connection, vault: Vault, record: RuleRecord
) -> Differences:
    """Count turns that were opened under a ban, and messages answered beyond a limit."""
    found = Differences()
    for person in {person for person, _, _ in record.bans}:
        opened = await connection.fetch(OPENED, vault.lookup("user", person))
        during = sum(
            since <= row["at"] <= until
            for who, since, until in record.bans
            if who == person
            for row in opened
        )
        found.add(during, f"{during} turns of person {person} were opened during a ban")
    for row in await connection.fetch(ANSWERED, vault.lookup("user", CAPPED_PERSON)):
        over = max(int(row["messages"]) - DAILY_MESSAGES, 0)
        found.add(over, f"{over} messages above the limit were answered on {row['day']}")
    return found
