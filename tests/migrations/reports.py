"""Every report of the API, over HTTP, without what differs between two builds of a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx

from api.app import create_app
from common.settings import DatabaseSettings
from tests.api.constants import ADMIN_TOKEN, PARTS, PASSWORD, STATS
from tests.api.running import LONG_TIMEOUTS, api_settings, serving
from warehouse.settings import WarehouseSettings

Answers = dict[str, Any]
"""JSON by address."""
WITHOUT_PERIOD = ("/freshness", "/forecast", "/now", "/catalogue")
WITHOUT_FILTERS = ("/quality",)
ARGUMENTS = ("period=30d", "period=30d&tz=Asia/Kathmandu", "period=30d&chat_type=private")
OF_THE_BUILD = frozenset(
    {
        *("snapshot", "snapshot_id", "watermark", "lag_seconds", "replication_lag_seconds"),
        *("data_through", "newest_through", "published_at", "replicated_at", "checked_at"),
    }
)


def every_report(
    database: DatabaseSettings,
    warehouse: WarehouseSettings,
    *,
    now: datetime,
    arguments: Sequence[str] = ARGUMENTS,
) -> Answers:
    """Ask each report, by default for all turns, in another zone, and narrowed."""
    settings = api_settings(
        database,
        clickhouse_url=warehouse.writer_url,
        clickhouse_reader_url=warehouse.reader_url,
    )
    app = create_app(settings, clock=lambda: now, timeouts=LONG_TIMEOUTS)
    name = f"analyst_{uuid4().hex[:8]}"
    account = {"username": name, "password": PASSWORD, "admin_token": ADMIN_TOKEN}
    with serving(app) as url, httpx.Client(base_url=url, timeout=90) as client:
        client.post("/api/v1/auth/register", json=account).raise_for_status()
        client.auth = (name, PASSWORD)
        addresses = dict.fromkeys(_address(part, given) for part in PARTS for given in arguments)
        answers = {address: client.get(address).raise_for_status() for address in addresses}
    return {address: without_build(answer.json()) for address, answer in answers.items()}


def _address(part: str, given: str) -> str:
    if part in WITHOUT_PERIOD:
        return f"{STATS}{part}"
    return f"{STATS}{part}?{given.partition('&')[0] if part in WITHOUT_FILTERS else given}"


def without_build(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_build(v) for k, v in value.items() if k not in OF_THE_BUILD}
    if isinstance(value, list):
        return [without_build(item) for item in value]
    return value
