"""Compares all records after a fault run and counts the defects; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.encryption.sealing import Vault
from common.postgres import connect
from embedded.stack.api_client import ApiClient
from tests.chaos.checks.api import api_differs
from tests.chaos.checks.bill import bill_differs
from tests.chaos.checks.conversations import (
    duplicated_calls,
    lost,
    read_recorded,
    unexpected,
    unseen_answers,
)
from tests.chaos.checks.expected import TURNS, Expected
from tests.chaos.checks.rollups import ZONE, rollups_differ
from tests.chaos.checks.rules import RuleRecord, rules_differ
from tests.chaos.checks.stores import Warehouse, rows_differ
from tests.chaos.writers import SentUpdates

SHOWN_DETAILS = 20
"""Maximum per kind of difference."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Counts of defects, and of `turns_recorded`."""

    turns_recorded: int
    lost: int
    duplicated_calls: int
    rows_differ: int
    details: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        return self.lost == self.duplicated_calls == self.rows_differ == 0


@dataclass(frozen=True, kw_only=True)
class ObservedTraffic:
    """Records from outside the product.

    Args:
        sent: updates that the simulated Telegram accepted.
        calls: events logged by the simulated model, as JSON objects.
        bot_starts: Unix seconds at which each process of the bot started.
        rules: bans and limits that the API confirmed.
    """

    sent: SentUpdates
    calls: Sequence[Mapping[str, Any]]
    bot_starts: Sequence[float]
    rules: RuleRecord


async def compare_all(
    observed: ObservedTraffic,
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
        bill = await bill_differs(connection)
        rules = await rules_differ(connection, vault, observed.rules)
    finally:
        await connection.close()
    zones = warehouse.rows(ZONE)
    expected = Expected(turns, zone=zones[0]["zone"] if zones else "UTC")
    missing = lost(observed.sent, recorded)
    duplicated = duplicated_calls(observed.calls, observed.bot_starts, recorded, observed.sent)
    differing = (
        copied,
        bill,
        rules,
        rollups_differ(expected, warehouse),
        api_differs(expected, client),
        unexpected(observed.sent, recorded),
        unseen_answers(observed.calls, recorded),
    )
    return Findings(
        turns_recorded=len(turns),
        lost=missing.count,
        duplicated_calls=duplicated.count,
        rows_differ=sum(found.count for found in differing),
        details=tuple(
            detail
            for found in (missing, duplicated, *differing)
            for detail in found.details[:SHOWN_DETAILS]
        ),
    )
