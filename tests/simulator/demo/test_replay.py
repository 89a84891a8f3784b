"""Traffic: from dialogs to updates, and the counts that the statistics must show."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice, pairwise
from pathlib import Path

import pytest

from common.errors import SettingError
from simulator.app import Simulator
from simulator.demo.datafile import DialogLine, ReadCounts
from simulator.demo.people import demo_user
from simulator.demo.position import EndlessDialogs, ReplayPosition
from simulator.demo.replay import ReplayPace, replay
from simulator.demo.traffic import GeneratedDialogs
from simulator.telegram.world import is_command, split_long, utf16_length

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


class Spoken:
    """Dialogs of a list of (user, text), one a second."""

    def __init__(self, *spoken: tuple[str, str]) -> None:
        self._spoken = spoken

    def lines(self, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        for number, (user, text) in enumerate(self._spoken, start=1):
            if tally is not None:
                tally.lines_read += 1
            yield DialogLine(
                number=number, at=NOON.replace(second=number % 60), user=user, text=text
            )


def quiet(_: str) -> None:
    """Progress is not looked at."""


def test_long_texts_are_split_without_tearing_a_character() -> None:
    text = "a" + "😀" * 5000
    parts = split_long(text)
    assert "".join(parts) == text
    assert [utf16_length(part) for part in parts] == [4095, 4096, 1810]


def test_a_user_is_always_the_same() -> None:
    people = [demo_user(f"user{number}") for number in range(2000)]
    assert people == [demo_user(f"user{number}") for number in range(2000)]
    assert len({who.person.id for who in people}) == 2000
    assert {"en", "ru", None} <= {who.person.language_code for who in people}
    assert 0.2 < sum(who.source is not None for who in people) / 2000 < 0.4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start x", True),
        ("/start@My_Bot", True),
        ("/start@other_bot", False),
        ("/starting", False),
        ("/etc/passwd", False),
        ("say /start", False),
        ("", False),
    ],
)
def test_only_registered_words_are_commands(text: str, *, expected: bool) -> None:
    assert is_command(text, registered=frozenset({"start"}), username="my_bot") is expected


async def test_everything_is_sent_and_counted(simulator: Simulator) -> None:
    sourced = next(f"u{n}" for n in range(100) if demo_user(f"u{n}").source)
    plain = next(f"u{n}" for n in range(100) if not demo_user(f"u{n}").source)
    dialogs = Spoken(
        (plain, "one"), (sourced, "two"), (plain, "/help"), (plain, "/etc x"), (sourced, "y" * 5000)
    )
    result = await replay(dialogs, url=simulator.url, report=quiet)
    assert (result.lines_read, result.messages_sent, result.updates_sent) == (5, 5, 7)
    assert (result.commands_sent, result.slash_texts) == (2, 1)
    assert (result.expected_user_messages, result.expected_active_users) == (4, 2)
    texts = [json.loads(body)["message"]["text"] for _, body in simulator.account.queue.first(9)]
    assert texts[1:3] == [f"/start {demo_user(sourced).source}", "two"]


async def test_a_part_is_sent_by_skip_and_limit(simulator: Simulator) -> None:
    dialogs = Spoken(*((f"u{number}", f"text {number}") for number in range(10)))
    result = await replay(
        dialogs, url=simulator.url, skip=3, limit=4, sends_starts=False, report=quiet
    )
    texts = [json.loads(body)["message"]["text"] for _, body in simulator.account.queue.first(99)]
    assert texts == [f"text {number}" for number in range(3, 7)]
    assert result.updates_sent == result.expected_active_users == 4


async def test_a_second_run_continues_where_the_first_stopped(
    simulator: Simulator, tmp_path: Path
) -> None:
    sourced = [f"u{n}" for n in range(100) if demo_user(f"u{n}").source][:2]
    dialogs = Spoken(*((sourced[number % 2], f"text {number}") for number in range(10)))
    for limit in (3, 2, None):
        await replay(
            dialogs,
            url=simulator.url,
            skip=1,
            limit=limit,
            report=quiet,
            position=ReplayPosition(tmp_path / "p.json", source="these"),
        )
    texts = [json.loads(body)["message"]["text"] for _, body in simulator.account.queue.first(99)]
    assert [text for text in texts if text.startswith("text")] == [
        f"text {number}" for number in range(1, 10)
    ]
    assert len([text for text in texts if text.startswith("/start")]) == 2
    assert ReplayPosition(tmp_path / "p.json", source="others").sent == 0


async def test_a_run_that_is_killed_while_sending_repeats_nothing(
    simulator: Simulator, tmp_path: Path
) -> None:
    position = ReplayPosition(tmp_path / "p.json", source="these")
    dialogs = Spoken(*(("u", f"text {number}") for number in range(300)))
    run = asyncio.create_task(
        replay(
            dialogs, url=simulator.url, pace=ReplayPace(rate=300), report=quiet, position=position
        )
    )
    await simulator.wait_until(lambda: simulator.counters.updates_accepted > 20)
    run.cancel()
    await asyncio.wait([run])

    await replay(dialogs, url=simulator.url, sends_starts=False, report=quiet, position=position)

    texts = [json.loads(body)["message"]["text"] for _, body in simulator.account.queue.first(999)]
    assert len(texts) == len(set(texts))
    assert len(texts) >= 299


def test_endless_dialogs_continue_after_the_file_deterministically() -> None:
    endless = EndlessDialogs(Spoken(("u", "the only one")), people=2, days=2)
    texts = [(line.user, line.text) for line in islice(endless.lines(), 200)]
    assert texts[0] == ("u", "the only one")
    assert texts == [(line.user, line.text) for line in islice(endless.lines(), 200)]


async def test_a_rate_is_kept(simulator: Simulator) -> None:
    dialogs = Spoken(*(("u", f"text {number}") for number in range(60)))
    began = time.monotonic()
    await replay(dialogs, url=simulator.url, pace=ReplayPace(rate=200), report=quiet)
    assert 0.29 <= time.monotonic() - began < 20


async def test_recorded_pauses_are_kept_faster(simulator: Simulator) -> None:
    # Recorded within 58 seconds.
    dialogs = Spoken(*(("u", f"text {number}") for number in range(59)))
    began = time.monotonic()
    await replay(dialogs, url=simulator.url, pace=ReplayPace(speed=100), report=quiet)
    assert 0.55 <= time.monotonic() - began < 40


async def test_no_simulator_is_one_clear_line() -> None:
    with pytest.raises(SettingError, match=r"^TELEGRAM_API_URL: no simulator responds at"):
        await replay(Spoken(("u", "x")), url="http://127.0.0.1:9", report=quiet)


def test_generated_dialogs_are_in_order_and_deterministic() -> None:
    def made(seed: int) -> list[DialogLine]:
        last_day = date(2026, 1, 31)
        return list(GeneratedDialogs(people=50, days=30, last_day=last_day, seed=seed).lines())

    lines = made(1)
    assert lines == made(1) != made(2)
    assert all(earlier.at <= later.at for earlier, later in pairwise(lines))
    assert lines[-1].at.date() <= date(2026, 1, 31)
    assert len({line.user for line in lines}) == 50
    assert len(lines) > 500


@pytest.mark.parametrize("module", ["simulator.demo.replay", "simulator.demo.history"])
def test_a_missing_file_is_one_line_and_exit_code_2(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--data", str(tmp_path / "none.gz")],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ".", "DATABASE_URL": "postgresql://x", "DATA_KEY": "k"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("DATA: cannot read")
    assert done.stderr.count("\n") == 1
