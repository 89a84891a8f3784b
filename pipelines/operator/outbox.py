"""Writes messages to the operator into PostgreSQL, each once. The bot sends them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import psycopg

from common.settings import DatabaseSettings
from pipelines.errors import SourceError

WRITE = "INSERT INTO outbox (key, payload) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING"


@dataclass(frozen=True, slots=True)
class OperatorMessage:
    """One message.

    Args:
        key: of what; the same key is written once.
        chart: its title, and a number per day, oldest first.
    """

    key: str
    text: str
    chart: tuple[str, tuple[tuple[date, int], ...]] | None = None

    def payload(self) -> str:
        """The entry of the outbox."""
        content: dict[str, object] = {"text": self.text}
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
                if connection.execute(WRITE, (message.key, message.payload())).rowcount == 1
            ]
    except psycopg.Error as error:
        raise SourceError(f"nothing was written to the outbox: {type(error).__name__}") from error
