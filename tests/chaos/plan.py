"""The fault plan: which fault is applied when, where and for how long, decided by the seed alone.

Two sequences run side by side: one has faults of processes, disk and connections, the other has
faults of the traffic between Telegram, the bot and the model. A fault waits for its time and for
the end of the fault before it in the same sequence. The sequences do not wait for each other, so
that a process may die while a model stalls.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

TARGETS = (
    "bot",
    "api",
    "clickhouse",
    "postgres",
    "dagster-daemon",
    "dagster-code",
    "batch",
    "simulator",
)
"""Programs of the stack, and `batch`: the Dagster run that replicates at that moment."""
STORES = ("postgres", "clickhouse")
SERVICES = ("bot", "api", "dagster-code", "dagster-daemon", "dagster-webserver", "batch")
"""Programs killed while a store is frozen: each needs the store to start."""
SIGNALS = ("SIGKILL", "SIGTERM", "SIGSTOP")
FREEZE_SECONDS = (1.0, 12.0)
DISK_SECONDS = (3.0, 8.0)
CUT_SECONDS = (0.5, 5.0)
WIRE_SECONDS = (2.0, 12.0)
STORE_FREEZE_SECONDS = 180.0
PROCESS_PAUSE_SECONDS = (5.0, 10.0)
WIRE_PAUSE_SECONDS = (1.0, 5.0)

TELEGRAM_FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "error", "status": 429, "description": "Too Many Requests", "retry_after": 2},
    {"kind": "error", "status": 429, "description": "Too Many Requests"},
    {"kind": "error", "status": 500},
    {"kind": "html", "status": 502},
    {"kind": "no_description", "status": 500},
    {"kind": "drop"},
    {"kind": "drop_after"},
    {"kind": "garbage"},
    {"kind": "delay", "delay_seconds": 2.0},
    {"kind": "delay", "method": "getUpdates", "delay_seconds": 6.0},
)
MODEL_FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "status", "status": 503},
    {"kind": "html", "status": 502},
    {"kind": "stall", "seconds": 6},
    {"kind": "drip", "seconds": 0.3},
    {"kind": "cut"},
    {"kind": "disconnect"},
    {"kind": "malformed"},
    {"kind": "error_event"},
    {"kind": "empty"},
)
DELIVERIES: tuple[Mapping[str, Any], ...] = ({"repeat": 0.5}, {"shuffle": 0.5}, {"malformed": 0.1})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault applied to the stack.

    `kind`: a signal's name, `freeze` (a store, while every service is killed), `disk`, `cut`
    (connections), or `telegram`, `model`, `deliveries`.
    """

    at: float
    """Earliest start, in seconds since the run began."""
    kind: str
    target: str = ""
    seconds: float = 0.0
    """Duration; 0 for a fault without one."""
    killed: tuple[str, ...] = ()
    """Programs to kill during a freeze."""
    rule: Mapping[str, Any] = field(default_factory=dict)
    """Rule of a network fault, in the format of the simulators' control API."""

    def __str__(self) -> str:
        words = [self.kind, self.target, *(f"{name}={value}" for name, value in self.rule.items())]
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return " ".join(word for word in words if word) + lasting


@dataclass(frozen=True)
class FaultPlan:
    """Both sequences, each ordered by time, and how long they take."""

    processes: tuple[Fault, ...]
    wire: tuple[Fault, ...]
    seconds: float

    def lines(self) -> Iterator[str]:
        """One readable line for each fault, ordered by time."""
        for fault in sorted((*self.processes, *self.wire), key=lambda fault: fault.at):
            yield f"{fault.at:7.1f} s  {fault}"


def make_plan(
    seed: int,
    *,
    seconds: float,
    freeze_seconds: float = STORE_FREEZE_SECONDS,
    stores: Sequence[str] = STORES,
    killed: tuple[str, ...] = SERVICES,
) -> FaultPlan:
    """Plan faults for that many seconds, and one freeze of each store on top.

    All kinds of faults are shuffled and used up before they are shuffled again, so that a long
    enough run applies every kind to every target.
    """
    chance = random.Random(seed)
    processes = list(_schedule(chance, _PROCESS_FAULTS, PROCESS_PAUSE_SECONDS, seconds))
    whole = seconds + freeze_seconds * len(stores)
    wire = tuple(_schedule(chance, _WIRE_FAULTS, WIRE_PAUSE_SECONDS, whole))
    for store in chance.sample(stores, len(stores)):
        freeze = Fault(at=0.0, kind="freeze", target=store, seconds=freeze_seconds, killed=killed)
        _insert(processes, freeze, chance.randrange(len(processes) + 1))
    return FaultPlan(processes=tuple(processes), wire=wire, seconds=whole)


def _insert(faults: list[Fault], fault: Fault, position: int) -> None:
    """Insert a fault at this position; all later faults are delayed by its duration."""
    later = faults[position:]
    at = later[0].at if later else sum((faults[-1].at, faults[-1].seconds)) if faults else 0.0
    faults[position:] = [
        replace(fault, at=at),
        *(replace(each, at=each.at + fault.seconds) for each in later),
    ]


FaultFactory = Callable[[random.Random, float], Fault]


def _schedule(
    chance: random.Random,
    factories: Sequence[FaultFactory],
    pause: tuple[float, float],
    seconds: float,
) -> Iterator[Fault]:
    remaining: list[FaultFactory] = []
    at = chance.uniform(*pause)
    while at < seconds:
        if not remaining:
            remaining = list(factories)
            chance.shuffle(remaining)
        fault = remaining.pop()(chance, at)
        yield fault
        at += fault.seconds + chance.uniform(*pause)


def _tenths(chance: random.Random, span: tuple[float, float]) -> float:
    return round(chance.uniform(*span), 1)


def _signal(target: str, kind: str) -> FaultFactory:
    def create(chance: random.Random, at: float) -> Fault:
        seconds = _tenths(chance, FREEZE_SECONDS) if kind == "SIGSTOP" else 0.0
        return Fault(at=at, kind=kind, target=target, seconds=seconds)

    return create


def _lasting(kind: str, target: str, span: tuple[float, float]) -> FaultFactory:
    def create(chance: random.Random, at: float) -> Fault:
        return Fault(at=at, kind=kind, target=target, seconds=_tenths(chance, span))

    return create


def _wire_fault(path: str, rule: Mapping[str, Any]) -> FaultFactory:
    def create(chance: random.Random, at: float) -> Fault:
        seconds = _tenths(chance, WIRE_SECONDS)
        probability = {"probability": round(chance.uniform(0.3, 1.0), 2)}
        more = {} if path == "deliveries" else probability
        return Fault(at=at, kind=path, seconds=seconds, rule={**rule, **more})

    return create


_PROCESS_FAULTS: tuple[FaultFactory, ...] = (
    *(_signal(target, kind) for target in TARGETS for kind in SIGNALS),
    _lasting("disk", "", DISK_SECONDS),
    _lasting("cut", "postgres", CUT_SECONDS),
    _lasting("cut", "clickhouse", CUT_SECONDS),
)
_WIRE_FAULTS: tuple[FaultFactory, ...] = (
    *(_wire_fault("telegram", rule) for rule in TELEGRAM_FAULTS),
    *(_wire_fault("model", rule) for rule in MODEL_FAULTS),
    *(_wire_fault("deliveries", rule) for rule in DELIVERIES),
)
