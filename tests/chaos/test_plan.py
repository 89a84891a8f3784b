"""The plan of a storm is decided by its seed alone, and leaves nothing out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.chaos.plan import (
    DELIVERIES,
    MODEL_FAULTS,
    SIGNALS,
    STORES,
    TELEGRAM_FAULTS,
    VICTIMS,
    plan_of,
)

PROJECT = Path(__file__).parents[2]
TEN_MINUTES = 600.0


def test_one_seed_has_one_plan_and_another_seed_another() -> None:
    plan = plan_of(7, seconds=TEN_MINUTES)
    assert plan_of(7, seconds=TEN_MINUTES) == plan
    assert plan_of(8, seconds=TEN_MINUTES) != plan


def test_another_process_makes_the_same_plan() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seed", "7", "--minutes", "10", "--plan"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.splitlines() == list(plan_of(7, seconds=TEN_MINUTES).lines())


def test_ten_minutes_strike_everything_with_everything() -> None:
    plan = plan_of(1, seconds=TEN_MINUTES)
    struck = {(blow.target, blow.kind) for blow in plan.processes}
    assert struck == {
        *((victim, kind) for victim in VICTIMS for kind in SIGNALS),
        *((store, "freeze") for store in STORES),
        ("", "disk"),
        ("postgres", "cut"),
        ("clickhouse", "cut"),
    }
    kinds = {
        (blow.kind, tuple(item for item in blow.rule.items() if item[0] != "probability"))
        for blow in plan.wire
    }
    assert kinds == {
        (path, tuple(rule.items()))
        for path, rules in (
            ("telegram", TELEGRAM_FAULTS),
            ("model", MODEL_FAULTS),
            ("deliveries", DELIVERIES),
        )
        for rule in rules
    }


def test_blows_of_one_lane_follow_each_other_and_those_of_two_overlap() -> None:
    plan = plan_of(3, seconds=TEN_MINUTES)
    for lane in (plan.processes, plan.wire):
        ends = [blow.at + blow.seconds for blow in lane]
        assert all(end <= after.at for end, after in zip(ends, lane[1:], strict=False))
        assert all(0 < blow.at < plan.seconds for blow in lane)
    assert any(
        fault.at < blow.at < fault.at + fault.seconds
        for fault in plan.wire
        for blow in plan.processes
    )


def test_every_storm_freezes_each_store_once_however_short_it_is() -> None:
    for seconds in (0.0, 60.0, TEN_MINUTES):
        plan = plan_of(5, seconds=seconds, freeze_seconds=180.0)
        freezes = [blow for blow in plan.processes if blow.kind == "freeze"]
        assert sorted(blow.target for blow in freezes) == sorted(STORES)
        assert {blow.seconds for blow in freezes} == {180.0}
        assert plan.seconds == seconds + 360.0
