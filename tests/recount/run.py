"""A recount: a ledger written in three acts, random requests after each, all fields compared."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import orjson
import pyarrow as pa

from tests.recount.asking import FORMATS, Act, read_freshness
from tests.recount.compare import Difference, shown
from tests.recount.constants import DAY, REPORT_ZONES
from tests.recount.expected import STATS
from tests.recount.facts import Facts
from tests.recount.ledger import DAYS, Ledger
from tests.recount.requests import WITHOUT_PERIOD, Request, Requests
from tests.recount.smaller import smaller
from tests.recount.stack import NAMED, PLAIN, Stack
from tests.recount.view import Row
from tests.recount.zones import Zone, micros, zone

MIN_FIELDS_PER_CASE = 400
"""A tenth of the usual number."""
SAID_EVERY = 20
SIZE = 3_000
QUALITY = f"{STATS}/quality"
MAX_SHOWN = 20
MAX_STEPS = 60
"""How many requests may be tried to simplify one difference."""
ACTS = (0.15, 0.4, 1.0)
"""Share of the cases asked by the end of each act."""
FRESH_SECONDS = 60
MAX_PAGES = 3
PAGED = (f"{STATS}/dialogs", f"{STATS}/turns")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """The result, printed as the last line."""

    cases: int
    fields_compared: int
    reports: int
    zones: int
    differ: int
    seconds: float
    ok: bool

    def line(self) -> str:
        return orjson.dumps(asdict(self)).decode()


@dataclass(frozen=True)
class Found:
    """A difference, and the request that reproduces it."""

    request: Request
    format: str
    account: str
    difference: Difference

    @property
    def kind(self) -> tuple[str, str]:
        return self.request.path, re.sub(r"\d+", "", f"{self.format} {self.difference.field}")

    def shown(self) -> Row:
        return {
            **self.request.shown(),
            "format": self.format,
            "field": self.difference.field,
            "expected": shown(self.difference.expected),
            "got": shown(self.difference.got),
        }


class Recount:
    """Writes the ledger act by act, makes requests and compares the answers.

    Args:
        stack: a migrated, empty stack.
        seed: seed of ledger and requests.
        say: called with progress messages.
        size: approximate number of turns.
    """

    def __init__(self, stack: Stack, *, seed: int, say: Say, size: int = SIZE) -> None:
        self._stack = stack
        self._say = say
        self._now = micros(stack.clock.now)
        self._chance = random.Random(seed)
        self._report = zone(stack.pipeline_settings.report.report_timezone)
        self._ledger = Ledger(seed, now=stack.clock.now, size=size)
        self._requests = Requests(
            seed,
            report=self._report,
            now=self._now,
            begin=self._now - DAYS * DAY,
            changes=self._ledger.changes,
            dialogs=sorted({str(turn["dialog_id"]) for turn in self._ledger.turns})[:20],
        )
        self._clients: dict[str, httpx.Client] = {}
        self._types: dict[tuple[str, ...], pa.DataType] = {}
        self._began = time.monotonic()
        self._asked = self._fields = 0
        self._reports: set[str] = set()
        self._zones: set[str] = set()
        self.act: Act
        """The newest act."""
        self.found: list[Found] = []

    def __enter__(self) -> Self:
        self._clients = {account: self._stack.client(account) for account in (PLAIN, NAMED)}
        return self

    def __exit__(self, *_exception: object) -> None:
        for client in self._clients.values():
            client.close()

    def run(self, cases: int) -> Result:
        """Run all acts with this many cases in total."""
        for number, share in enumerate(ACTS):
            self.act = self.play(number)
            self.ask(self.act, round(cases * share) - self._asked)
        self.show(self.act)
        return self.result()

    def play(self, number: int) -> Act:
        """Write one act, publish it, and read the rows of PostgreSQL."""
        with self._stack.connect() as connection:
            if number == 0:
                self._ledger.first_act(connection, self._stack.vault)
            elif number == 1:
                self._ledger.second_act(connection)
            else:
                self._ledger.third_act(connection)
        self._stack.cycle()
        is_last = number == len(ACTS) - 1
        if is_last:
            self._reconcile()
        act = Act(
            self._stack,
            self._report,
            Facts.read(self._stack.database_url),
            dict(self._ledger.names),
            self._clients,
            is_reconciled=is_last,
            types=self._types,
        )
        self._wait(act)
        self._say(f"act {number + 1}: {len(act.facts.all)} turns published")
        return act

    def _reconcile(self) -> None:
        outcome = self._stack.reconcile()
        if outcome.rows_differ or not outcome.ok:
            difference = Difference("reconciliation", "equal stores", outcome.line())
            self._note(Request(QUALITY, self._now), "json", PLAIN, [difference])

    def ask(self, act: Act, cases: int) -> None:
        """Ask that many cases about the newest publication."""
        for _ in range(cases):
            self._case(act, self._requests.case())
            self._asked += 1
            if self._asked % SAID_EVERY == 0:
                self._say(f"{self._asked} cases, {self._fields} fields, {len(self.found)} differ")

    def show(self, act: Act) -> None:
        """Report one difference of each kind, with the smallest request that shows it."""
        kinds: dict[tuple[str, str], Found] = {}
        for one in self.found:
            kinds.setdefault(one.kind, one)
        for one in list(kinds.values())[:MAX_SHOWN]:
            self._say(orjson.dumps(self._smallest(act, one).shown(), default=str).decode())

    def result(self) -> Result:
        """The outcome so far."""
        enough = is_enough(self._asked, self._fields)
        if not enough:
            self._say(f"{self._asked} cases compared only {self._fields} fields")
        return Result(
            cases=self._asked,
            fields_compared=self._fields,
            reports=len(self._reports),
            zones=len(self._zones),
            differ=len(self.found),
            seconds=round(time.monotonic() - self._began, 1),
            ok=enough and not self.found,
        )

    def _wait(self, act: Act) -> None:
        """Wait until the API serves the newest publication."""
        deadline = time.monotonic() + FRESH_SECONDS
        publication = str(self._stack.publication())
        while publication not in (found := read_freshness(act, self._now))["snapshot_id"]:
            assert time.monotonic() < deadline, "the publication does not show"
            time.sleep(0.1)
        act.snapshot = found["snapshot_id"]
        act.through = micros(datetime.fromisoformat(found["data_through"]))
        late = (datetime.now(UTC) - datetime.fromisoformat(found["data_through"])).total_seconds()
        assert 0 <= late < FRESH_SECONDS * 10, found

    def _case(self, act: Act, requests: list[Request]) -> None:
        for request in requests:
            account = self._chance.choice([PLAIN, NAMED])
            answer = self.compare(act, request, "json", account)
            self.compare(act, request, self._chance.choice(FORMATS[1:]), account)
            for _ in range(MAX_PAGES):
                cursor = (answer or {}).get("next_cursor")
                if request.path not in PAGED or not cursor:
                    break
                request = Request(  # noqa: PLW2901 # the next page
                    request.path, request.now, {**request.arguments, "cursor": cursor}
                )
                answer = self.compare(act, request, "json", account)

    def compare(self, act: Act, request: Request, format_: str, account: str) -> Row | None:
        """Ask and record differences; return the answer if its format is JSON."""
        found, answer = act.compare(request, format_, account)
        self._fields += found.fields
        self._reports.add(request.path)
        if request.path not in WITHOUT_PERIOD:
            self._zones.add(request.arguments.get("tz", self._report.name))
        self._note(request, format_, account, found.differences)
        return answer

    def _note(
        self, request: Request, format_: str, account: str, differences: list[Difference]
    ) -> None:
        self.found += [Found(request, format_, account, one) for one in differences]

    def _smallest(self, act: Act, one: Found) -> Found:
        best, steps = one, MAX_STEPS
        while steps:
            for request in smaller(best.request, _period(best.request, act)):
                steps -= 1
                again = [
                    found
                    for difference in act.compare(request, best.format, best.account)[0].differences
                    if (found := Found(request, best.format, best.account, difference)).kind
                    == best.kind
                ]
                if again:
                    best = again[0]
                    break
                if not steps:
                    return best
            else:
                return best
        return best


def _period(request: Request, act: Act) -> Any:
    if request.path in WITHOUT_PERIOD:
        return None
    return request.period(act.report, act.beginning)


def is_enough(cases: int, fields: int) -> bool:
    """Whether the cases compared enough fields for the result to mean something."""
    return cases > 0 and fields >= MIN_FIELDS_PER_CASE * cases


def report_zone(seed: int) -> Zone:
    """REPORT_TIMEZONE of the stack of this seed."""
    return zone(REPORT_ZONES[seed % len(REPORT_ZONES)])


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()
