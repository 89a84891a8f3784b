"""`python -m simulator.demo.replay`: people write to the bot what the demo data says they wrote.

Sends through the simulator's control API; the last line on standard output is the result as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import orjson

from common.process import run
from common.settings import Section, load
from simulator.client import ControlClient
from simulator.demo.datafile import Dialogs, Line, Tally
from simulator.demo.people import Member, member
from simulator.demo.position import Endless, Position, source_of
from simulator.demo.source import (
    DialogSettings,
    count,
    open_dialogs,
    report_line,
)
from simulator.telegram.world import is_command, is_like_a_command, split_long

BATCH = 100
BACKLOG = 500
"""Unconfirmed updates beyond which the replay waits for the bot."""
BACKLOG_SECONDS = 30.0
"""After so long without room the replay says what it is waiting for."""
PROGRESS_SECONDS = 5.0
# What the bot is known to register, for the moment before it has done so.
USUAL_COMMANDS = frozenset(
    "start help new system history model stop redo usage privacy export forget".split()  # noqa: SIM905 # reads as a list
)


@dataclass(slots=True)
class ReplayResult:
    """What was sent, and what the statistics must therefore show."""

    lines_read: int = 0
    lines_skipped: int = 0
    """Unreadable ones."""
    messages_sent: int = 0
    """Readable lines sent."""
    updates_sent: int = 0
    """More than messages: long texts come in parts, some people press Start first."""
    commands_sent: int = 0
    """Updates that the bot takes as commands; no user messages."""
    slash_texts: int = 0
    """Texts that begin with / and are nevertheless meant for the model."""
    expected_user_messages: int = 0
    expected_active_users: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast: `rate` messages a second, or `speed` times the recorded pace; None: at once."""

    rate: float | None = None
    speed: float | None = None


class Replay:
    """Sends lines and counts them.

    Args:
        starts: let people who came through a link send `/start <payload>` first.
        report: told how far it is.
        on_sending: told how many messages will have been sent, before they are.
    """

    def __init__(
        self,
        client: ControlClient,
        *,
        pace: Pace,
        starts: bool,
        report: Callable[[str], None],
        on_sending: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._client = client
        self._on_sending = on_sending
        self._pace = pace
        self._starts = starts
        self._report = report
        self._result = ReplayResult()
        self._active: set[int] = set()
        self._started: set[int] = set()
        self._first_line: Line | None = None
        self._began = self._reported = time.monotonic()
        self._commands = USUAL_COMMANDS
        self._username = ""

    async def send(self, lines: Iterator[Line], tally: Tally) -> ReplayResult:
        """Send everything and wait until the bot has taken it over.

        Raises:
            StartupError: the simulator refused a message.
        """
        state = await self._client.state()
        self._commands = frozenset(state["commands"]) or USUAL_COMMANDS
        self._username = str(state["username"])
        size = BATCH if self._pace == Pace() else 1
        while batch := list(islice(lines, size)):
            await self._keep_pace(batch[-1])
            await self._send_batch(batch)
            self._progress()
        result = self._result
        result.lines_read, result.lines_skipped = tally.lines_read, tally.lines_skipped
        result.expected_active_users = len(self._active)
        result.seconds = round(time.monotonic() - self._began, 3)
        return result

    def pass_over(self, lines: Iterator[Line]) -> None:
        """These were sent by an earlier run: who spoke there has pressed Start."""
        self._started.update(member(line.user).person.id for line in lines)

    async def _send_batch(self, batch: list[Line]) -> None:
        messages: list[dict[str, object]] = []
        for line in batch:
            who = member(line.user)
            person = who.person.model_dump()
            if start := self._start_of(who):
                messages.append({"person": person, "text": start})
            messages.append({"person": person, "text": line.text})
            self._count(who, line.text)
        while not await self._client.wait(pending_at_most=BACKLOG, seconds=BACKLOG_SECONDS):
            self._report(f"the bot takes no updates: more than {BACKLOG} are waiting")
        # Before, not after: a demo that is killed may miss a message, but never repeats one.
        self._on_sending(self._result.messages_sent + len(batch))
        sent = await self._client.write(messages)
        self._result.messages_sent += len(batch)
        self._result.updates_sent += sum(len(update_ids) for update_ids in sent)

    def _start_of(self, who: Member) -> str | None:
        if not self._starts or who.source is None or who.person.id in self._started:
            return None
        self._started.add(who.person.id)
        self._result.commands_sent += 1
        return f"/start {who.source}"

    def _count(self, who: Member, text: str) -> None:
        for part in split_long(text):
            if is_command(part, registered=self._commands, username=self._username):
                self._result.commands_sent += 1
                continue
            if is_like_a_command(part):
                self._result.slash_texts += 1
                continue
            self._result.expected_user_messages += 1
            self._active.add(who.person.id)

    async def _keep_pace(self, line: Line) -> None:
        first = self._first_line = self._first_line or line
        due = 0.0
        if self._pace.rate is not None:
            due = self._result.messages_sent / self._pace.rate
        elif self._pace.speed is not None:
            due = (line.at - first.at).total_seconds() / self._pace.speed
        await asyncio.sleep(max(0.0, self._began + due - time.monotonic()))

    def _progress(self) -> None:
        if time.monotonic() - self._reported >= PROGRESS_SECONDS:
            self._reported = time.monotonic()
            self._report(
                f"{self._result.messages_sent} messages sent by {len(self._active)} people"
            )


class ReplaySettings(Section):
    telegram_api_url: str = "http://127.0.0.1:8081"


async def replay(
    dialogs: Dialogs,
    *,
    url: str,
    limit: int | None = None,
    skip: int = 0,
    pace: Pace | None = None,
    starts: bool = True,
    report: Callable[[str], None] = report_line,
    position: Position | None = None,
) -> ReplayResult:
    """Send readable messages `skip` to `skip + limit` of some dialogs to the bot at `url`.

    With a position, those that an earlier run has sent are passed over, and `limit` counts from
    there.

    Raises:
        SettingError: no simulator answers at `url`.
    """
    tally = Tally()
    passed = position.sent if position else 0
    lines = islice(dialogs.lines(tally), skip, None)
    async with ControlClient.open(url) as client:
        sender = Replay(
            client,
            pace=pace or Pace(),
            starts=starts,
            report=report,
            on_sending=lambda sent: position.keep(passed + sent) if position else None,
        )
        sender.pass_over(islice(lines, passed))
        return await sender.send(islice(lines, limit), tally)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.demo.replay", description=__doc__)
    parser.add_argument("--data", type=Path, help="gzip JSON lines (default: DATA, else made up)")
    parser.add_argument("--limit", type=count, help="messages to send at most")
    parser.add_argument("--skip", type=count, default=0, help="messages to pass over first")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--rate", type=float, help="messages per second")
    pace.add_argument("--speed", type=float, help="times faster than recorded")
    parser.add_argument("--position", type=Path, help="file that keeps how far earlier runs came")
    parser.add_argument("--endless", action="store_true", help="go on with made up messages")
    parser.add_argument("--no-starts", action="store_true", help="nobody sends /start first")
    arguments = parser.parse_args()
    settings, source = load(ReplaySettings), load(DialogSettings)
    data = arguments.data or source.data
    dialogs: Dialogs
    if arguments.endless:
        first = open_dialogs(data, source) if data else None
        dialogs = Endless(first, people=source.simulator_people, days=source.simulator_days)
    else:
        dialogs = open_dialogs(data, source)
    position = Position(arguments.position, source=source_of(data)) if arguments.position else None
    result = asyncio.run(
        replay(
            dialogs,
            url=settings.telegram_api_url,
            limit=arguments.limit,
            skip=arguments.skip,
            pace=Pace(rate=arguments.rate, speed=arguments.speed),
            starts=not arguments.no_starts,
            position=position,
        )
    )
    sys.stdout.write(orjson.dumps(asdict(result)).decode() + "\n")


if __name__ == "__main__":
    run(main)
