"""The plan of a storm: which blow falls when, where and for how long. A pure function of the seed.

Two lanes run side by side: one strikes processes, disk and connections, the other what travels
between Telegram, the bot and the model. A blow waits for its moment and for the end of the blow
before it in its lane, never for the other lane, so that a process also dies while a model stalls.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

VICTIMS = (
    "bot",
    "api",
    "clickhouse",
    "postgres",
    "dagster-daemon",
    "dagster-code",
    "batch",
    "simulator",
)
"""Programs of the stack, and `batch`: the run that is moving data at that moment."""
STORES = ("postgres", "clickhouse")
SERVICES = ("bot", "api", "dagster-code", "dagster-daemon", "dagster-webserver", "batch")
"""Killed while a store is frozen: what needs it to start again."""
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
class Blow:
    """One thing that is done to the stack.

    `kind`: a signal's name, `freeze` (a store, while every service is killed), `disk`, `cut`
    (connections), or `telegram`, `model`, `deliveries`.
    """

    at: float
    """Seconds since the storm began; not earlier."""
    kind: str
    target: str = ""
    seconds: float = 0.0
    """How long it lasts; 0 for what happens at once."""
    killed: tuple[str, ...] = ()
    """What is killed during a freeze."""
    rule: Mapping[str, Any] = field(default_factory=dict)
    """What a fault on the wire does, as the simulators' control states it."""

    def __str__(self) -> str:
        words = [self.kind, self.target, *(f"{name}={value}" for name, value in self.rule.items())]
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return " ".join(word for word in words if word) + lasting


@dataclass(frozen=True)
class Plan:
    """Both lanes, each in the order of its moments, and how long they take."""

    processes: tuple[Blow, ...]
    wire: tuple[Blow, ...]
    seconds: float

    def lines(self) -> Iterator[str]:
        """The whole plan for a reader, by moment."""
        for blow in sorted((*self.processes, *self.wire), key=lambda blow: blow.at):
            yield f"{blow.at:7.1f} s  {blow}"


def plan_of(
    seed: int,
    *,
    seconds: float,
    freeze_seconds: float = STORE_FREEZE_SECONDS,
    stores: Sequence[str] = STORES,
    killed: tuple[str, ...] = SERVICES,
) -> Plan:
    """The blows of a storm of so many seconds, and a freeze of each store on top.

    Every kind of blow is a card of a deck that is shuffled and dealt out, so that a storm long
    enough strikes everything with everything.
    """
    chance = random.Random(seed)
    processes = list(_deal(chance, _PROCESS_DECK, PROCESS_PAUSE_SECONDS, seconds))
    whole = seconds + freeze_seconds * len(stores)
    wire = tuple(_deal(chance, _WIRE_DECK, WIRE_PAUSE_SECONDS, whole))
    for store in chance.sample(stores, len(stores)):
        freeze = Blow(at=0.0, kind="freeze", target=store, seconds=freeze_seconds, killed=killed)
        _insert(processes, freeze, chance.randrange(len(processes) + 1))
    return Plan(processes=tuple(processes), wire=wire, seconds=whole)


def _insert(blows: list[Blow], blow: Blow, position: int) -> None:
    """Put a blow in the place of the one at this position, which follows it with all others."""
    later = blows[position:]
    at = later[0].at if later else sum((blows[-1].at, blows[-1].seconds)) if blows else 0.0
    blows[position:] = [
        replace(blow, at=at),
        *(replace(each, at=each.at + blow.seconds) for each in later),
    ]


Card = Callable[[random.Random, float], Blow]


def _deal(
    chance: random.Random, deck: Sequence[Card], pause: tuple[float, float], seconds: float
) -> Iterator[Blow]:
    hand: list[Card] = []
    at = chance.uniform(*pause)
    while at < seconds:
        if not hand:
            hand = list(deck)
            chance.shuffle(hand)
        blow = hand.pop()(chance, at)
        yield blow
        at += blow.seconds + chance.uniform(*pause)


def _tenths(chance: random.Random, span: tuple[float, float]) -> float:
    return round(chance.uniform(*span), 1)


def _signal(victim: str, kind: str) -> Card:
    def card(chance: random.Random, at: float) -> Blow:
        seconds = _tenths(chance, FREEZE_SECONDS) if kind == "SIGSTOP" else 0.0
        return Blow(at=at, kind=kind, target=victim, seconds=seconds)

    return card


def _lasting(kind: str, target: str, span: tuple[float, float]) -> Card:
    def card(chance: random.Random, at: float) -> Blow:
        return Blow(at=at, kind=kind, target=target, seconds=_tenths(chance, span))

    return card


def _fault(path: str, rule: Mapping[str, Any]) -> Card:
    def card(chance: random.Random, at: float) -> Blow:
        seconds = _tenths(chance, WIRE_SECONDS)
        probability = {"probability": round(chance.uniform(0.3, 1.0), 2)}
        more = {} if path == "deliveries" else probability
        return Blow(at=at, kind=path, seconds=seconds, rule={**rule, **more})

    return card


_PROCESS_DECK: tuple[Card, ...] = (
    *(_signal(victim, kind) for victim in VICTIMS for kind in SIGNALS),
    _lasting("disk", "", DISK_SECONDS),
    _lasting("cut", "postgres", CUT_SECONDS),
    _lasting("cut", "clickhouse", CUT_SECONDS),
)
_WIRE_DECK: tuple[Card, ...] = (
    *(_fault("telegram", rule) for rule in TELEGRAM_FAULTS),
    *(_fault("model", rule) for rule in MODEL_FAULTS),
    *(_fault("deliveries", rule) for rule in DELIVERIES),
)
