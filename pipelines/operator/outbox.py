"""Writes messages to the operator into PostgreSQL, each once. The bot sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg

from common.settings import DatabaseSettings
from pipelines.errors import SourceError

WRITE = (
    "INSERT INTO outbox (key, payload, channel, resends, send_after)"
    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class OperatorMessage:
    """One message.

    Args:
        key: of what; the same key is written once.
        chart: its title, and a number per day, oldest first.
        channel: `operator`, `chat` or `webhook`.
        details: of the channel, as bot/db/outbox.py describes them.
        resends: whether an attempt that was not confirmed is repeated.
        send_after: not earlier; None: at once.
    """

    key: str
    text: str
    chart: tuple[str, tuple[tuple[date, int], ...]] | None = None
    channel: str = "operator"
    details: Mapping[str, Any] = field(default_factory=dict)
    resends: bool = True
    send_after: datetime | None = None

    def values(self) -> tuple[object, ...]:
        """The parameters of WRITE."""
        return self.key, self.payload(), self.channel, self.resends, self.send_after

    def payload(self) -> str:
        """The entry of the outbox."""
        content: dict[str, object] = {"text": self.text, **self.details}
        if self.chart is not None:
            title, days = self.chart
            content["chart"] = {
                "title": title,
                "days": [(day.isoformat(), count) for day, count in days],
            }
        return json.dumps(content)


def write(settings: DatabaseSettings, *messages: OperatorMessage) -> list[OperatorMessage]:
    """Those of the messages that were not written before.

    Raises:
        SourceError: PostgreSQL does not answer.
    """
    try:
        with psycopg.connect(settings.libpq_url, connect_timeout=10) as connection:
            return [
                message
                for message in messages
                if connection.execute(WRITE, message.values()).rowcount == 1
            ]
    except psycopg.Error as error:
        raise SourceError(f"nothing was written to the outbox: {type(error).__name__}") from error
