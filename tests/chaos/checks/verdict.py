"""After the storm: every promise against every record, counted. Repairs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.encryption.sealing import Vault
from common.postgres import connect
from embedded.stack.api_client import ApiClient
from tests.chaos.checks.conversations import (
    duplicated_calls,
    invented,
    lost,
    read_recorded,
    unseen_answers,
)
from tests.chaos.checks.expected import TURNS, Expected
from tests.chaos.checks.rollups import ZONE, rollups_differ
from tests.chaos.checks.served import api_differs
from tests.chaos.checks.stores import Warehouse, rows_differ
from tests.chaos.writers import Record


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything is a count of defects, but `turns_recorded`."""

    turns_recorded: int
    lost: int
    duplicated_calls: int
    rows_differ: int
    details: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        return self.lost == self.duplicated_calls == self.rows_differ == 0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known from outside the product.

    Args:
        sent: what the simulated Telegram accepted.
        calls: what the simulated model noted, as JSON objects.
        bot_births: Unix seconds at which each process of the bot began.
    """

    sent: Record
    calls: Sequence[Mapping[str, Any]]
    bot_births: Sequence[float]


async def examine(
    evidence: Evidence,
    *,
    database_url: str,
    warehouse: Warehouse,
    vault: Vault,
    client: ApiClient,
) -> Findings:
    """Compare what was accepted, recorded, called, replicated, rolled up and served."""
    connection = await connect(database_url, application_name="chaos")
    try:
        recorded = await read_recorded(connection, vault)
        copied = await rows_differ(connection, warehouse)
        turns = await connection.fetch(TURNS)
    finally:
        await connection.close()
    zones = warehouse.rows(ZONE)
    expected = Expected(turns, zone=zones[0]["zone"] if zones else "UTC")
    gone = lost(evidence.sent, recorded)
    doubled = duplicated_calls(evidence.calls, evidence.bot_births, recorded)
    differing = (
        copied,
        rollups_differ(expected, warehouse),
        api_differs(expected, client),
        invented(evidence.sent, recorded),
        unseen_answers(evidence.calls, recorded),
    )
    return Findings(
        turns_recorded=len(turns),
        lost=gone.count,
        duplicated_calls=doubled.count,
        rows_differ=sum(found.count for found in differing),
        details=tuple(detail for found in (gone, doubled, *differing) for detail in found.details),
    )
