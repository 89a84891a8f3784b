"""A fault plan depends on its seed alone, and leaves no kind of fault out."""

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
    TARGETS,
    TELEGRAM_FAULTS,
    make_plan,
)

PROJECT = Path(__file__).parents[2]
TEN_MINUTES = 600.0


def test_one_seed_has_one_plan_and_another_seed_another() -> None:
    plan = make_plan(7, seconds=TEN_MINUTES)
    assert make_plan(7, seconds=TEN_MINUTES) == plan
    assert make_plan(8, seconds=TEN_MINUTES) != plan


def test_another_process_makes_the_same_plan() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seed", "7", "--minutes", "10", "--plan"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.splitlines() == list(make_plan(7, seconds=TEN_MINUTES).lines())


def test_ten_minutes_apply_every_kind_of_fault_to_every_target() -> None:
    plan = make_plan(1, seconds=TEN_MINUTES)
    planned = {(fault.target, fault.kind) for fault in plan.processes}
    assert planned == {
        *((target, kind) for target in TARGETS for kind in SIGNALS),
        *((store, "freeze") for store in STORES),
        ("", "disk"),
        ("postgres", "cut"),
        ("clickhouse", "cut"),
    }
    kinds = {
        (fault.kind, tuple(item for item in fault.rule.items() if item[0] != "probability"))
        for fault in plan.wire
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


def test_faults_of_one_sequence_follow_each_other_and_those_of_two_overlap() -> None:
    plan = make_plan(3, seconds=TEN_MINUTES)
    for sequence in (plan.processes, plan.wire):
        ends = [fault.at + fault.seconds for fault in sequence]
        assert all(end <= after.at for end, after in zip(ends, sequence[1:], strict=False))
        assert all(0 < fault.at < plan.seconds for fault in sequence)
    assert any(
        on_wire.at < fault.at < on_wire.at + on_wire.seconds
        for on_wire in plan.wire
        for fault in plan.processes
    )


def test_every_plan_freezes_each_store_once_however_short_it_is() -> None:
    for seconds in (0.0, 60.0, TEN_MINUTES):
        plan = make_plan(5, seconds=seconds, freeze_seconds=180.0)
        freezes = [fault for fault in plan.processes if fault.kind == "freeze"]
        assert sorted(fault.target for fault in freezes) == sorted(STORES)
        assert {fault.seconds for fault in freezes} == {180.0}
        assert plan.seconds == seconds + 360.0
