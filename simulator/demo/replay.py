"""`python -m simulator.demo.replay`: sends the messages of the demo data to the bot.

Uses the simulator's control API; the last line on standard output is the result as JSON.
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
from simulator.demo.datafile import DialogLine, DialogSource, ReadCounts
from simulator.demo.people import DemoUser, demo_user
from simulator.demo.position import EndlessDialogs, ReplayPosition, source_of
from simulator.demo.source import (
    DialogSettings,
    count,
    open_dialogs,
    report_line,
)
from simulator.telegram.world import is_command, is_like_a_command, split_long

BATCH = 100
BACKLOG = 500
"""Unconfirmed updates at which the replay waits for the bot."""
BACKLOG_SECONDS = 30.0
"""How long the replay waits before it reports that."""
PROGRESS_SECONDS = 5.0
# The bot's commands, used until it has registered them.
USUAL_COMMANDS = frozenset(
    "start help new system history model stop redo usage privacy export forget".split()  # noqa: SIM905 # reads as a list
)


@dataclass(slots=True)
class ReplayResult:
    """Counts of the lines sent and of the statistics expected from them, printed as JSON."""

    lines_read: int = 0
    lines_skipped: int = 0
    """Unreadable lines."""
    messages_sent: int = 0
    """Sent lines."""
    updates_sent: int = 0
    """More than messages: long texts are split, and some users send /start first."""
    commands_sent: int = 0
    """Updates that are commands, and therefore no user messages."""
    slash_texts: int = 0
    """Texts that look like commands, but are none of the bot's."""
    expected_user_messages: int = 0
    expected_active_users: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ReplayPace:
    """`rate` messages a second, or `speed` times the recorded pace; None: as fast as possible."""

    rate: float | None = None
    speed: float | None = None


class Replay:
    """Sends and counts lines.

    Args:
        sends_starts: users with a source send `/start <payload>` first.
        report: called with progress messages.
        on_sending: called before sending, with the number of messages sent then.
    """

    def __init__(
        self,
        client: ControlClient,
        *,
        pace: ReplayPace,
        sends_starts: bool,
        report: Callable[[str], None],
        on_sending: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._client = client
        self._on_sending = on_sending
        self._pace = pace
        self._sends_starts = sends_starts
        self._report = report
        self._result = ReplayResult()
        self._active: set[int] = set()
        self._started: set[int] = set()
        self._first_line: DialogLine | None = None
        self._began = self._reported = time.monotonic()
        self._commands = USUAL_COMMANDS
        self._username = ""

    async def send(self, lines: Iterator[DialogLine], tally: ReadCounts) -> ReplayResult:
        """Send all lines, waiting for the bot when too many updates are pending.

        Raises:
            StartupError: the simulator refused a message.
        """
        state = await self._client.state()
        self._commands = frozenset(state["commands"]) or USUAL_COMMANDS
        self._username = str(state["username"])
        size = BATCH if self._pace == ReplayPace() else 1
        while batch := list(islice(lines, size)):
            await self._keep_pace(batch[-1])
            await self._send_batch(batch)
            self._progress()
        result = self._result
        result.lines_read, result.lines_skipped = tally.lines_read, tally.lines_skipped
        result.expected_active_users = len(self._active)
        result.seconds = round(time.monotonic() - self._began, 3)
        return result

    def skip(self, lines: Iterator[DialogLine]) -> None:
        """Skip lines sent by an earlier run; their users have sent /start."""
        self._started.update(demo_user(line.user).person.id for line in lines)

    async def _send_batch(self, batch: list[DialogLine]) -> None:
        messages: list[dict[str, object]] = []
        for line in batch:
            who = demo_user(line.user)
            person = who.person.model_dump()
            if start := self._start_of(who):
                messages.append({"person": person, "text": start})
            messages.append({"person": person, "text": line.text})
            self._count(who, line.text)
        while not await self._client.wait(pending_at_most=BACKLOG, seconds=BACKLOG_SECONDS):
            self._report(f"waiting for the bot: more than {BACKLOG} updates are pending")
            # Before sending: after a kill a message may be missing, but none is sent twice.
        self._on_sending(self._result.messages_sent + len(batch))
        sent = await self._client.write(messages)
        self._result.messages_sent += len(batch)
        self._result.updates_sent += sum(len(update_ids) for update_ids in sent)

    def _start_of(self, who: DemoUser) -> str | None:
        if not self._sends_starts or who.source is None or who.person.id in self._started:
            return None
        self._started.add(who.person.id)
        self._result.commands_sent += 1
        return f"/start {who.source}"

    def _count(self, who: DemoUser, text: str) -> None:
        for part in split_long(text):
            if is_command(part, registered=self._commands, username=self._username):
                self._result.commands_sent += 1
                continue
            if is_like_a_command(part):
                self._result.slash_texts += 1
                continue
            self._result.expected_user_messages += 1
            self._active.add(who.person.id)

    async def _keep_pace(self, line: DialogLine) -> None:
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
            self._report(f"{self._result.messages_sent} messages sent by {len(self._active)} users")


class ReplaySettings(Section):
    telegram_api_url: str = "http://127.0.0.1:8081"


async def replay(
    dialogs: DialogSource,
    *,
    url: str,
    limit: int | None = None,
    skip: int = 0,
    pace: ReplayPace | None = None,
    sends_starts: bool = True,
    report: Callable[[str], None] = report_line,
    position: ReplayPosition | None = None,
) -> ReplayResult:
    """Send messages `skip` to `skip + limit` of the dialogs to the bot at `url`.

    With a position, messages sent by earlier runs are skipped, and `limit` counts from there.

    Raises:
        SettingError: no simulator responds at `url`.
    """
    tally = ReadCounts()
    passed = position.sent if position else 0
    lines = islice(dialogs.lines(tally), skip, None)
    async with ControlClient.open(url) as client:
        sender = Replay(
            client,
            pace=pace or ReplayPace(),
            sends_starts=sends_starts,
            report=report,
            on_sending=lambda sent: position.keep(passed + sent) if position else None,
        )
        sender.skip(islice(lines, passed))
        return await sender.send(islice(lines, limit), tally)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.demo.replay", description=__doc__)
    parser.add_argument("--data", type=Path, help="gzip JSON lines (default: DATA, else generated)")
    parser.add_argument("--limit", type=count, help="maximum number of messages")
    parser.add_argument("--skip", type=count, default=0, help="messages to skip first")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--rate", type=float, help="messages per second")
    pace.add_argument("--speed", type=float, help="times faster than recorded")
    parser.add_argument("--position", type=Path, help="file with the position of earlier runs")
    parser.add_argument("--endless", action="store_true", help="continue with generated messages")
    parser.add_argument("--no-starts", action="store_true", help="do not send /start first")
    arguments = parser.parse_args()
    settings, source = load(ReplaySettings), load(DialogSettings)
    data = arguments.data or source.data
    dialogs: DialogSource
    if arguments.endless:
        first = open_dialogs(data, source) if data else None
        dialogs = EndlessDialogs(first, people=source.simulator_people, days=source.simulator_days)
    else:
        dialogs = open_dialogs(data, source)
    position = (
        ReplayPosition(arguments.position, source=source_of(data)) if arguments.position else None
    )
    result = asyncio.run(
        replay(
            dialogs,
            url=settings.telegram_api_url,
            limit=arguments.limit,
            skip=arguments.skip,
            pace=ReplayPace(rate=arguments.rate, speed=arguments.speed),
            sends_starts=not arguments.no_starts,
            position=position,
        )
    )
    sys.stdout.write(orjson.dumps(asdict(result)).decode() + "\n")


if __name__ == "__main__":
    run(main)
