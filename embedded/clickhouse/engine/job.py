"""One statement on its way, as its client asked for it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embedded.clickhouse.accounts import Account
from embedded.clickhouse.engine.input_rows import ExternalTable


@dataclass
class Job:
    """One statement on its way."""

    query_id: str
    account: Account
    database: str
    """Empty: the session's."""
    default_format: str
    settings: Mapping[str, str]
    """All of them, the account's included."""
    asked_settings: Sequence[str]
    """The names of those that the request gives."""
    parameters: Mapping[str, str]
    external_tables: Sequence[ExternalTable] = ()
    must_read: bool = False
    waits_for_end: bool = False
    protocol_revision: int = 0
    client_text: str = ""
    """The beginning of the statement, for `system.processes`."""
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    """In a comment before the statement, so that it can be found and killed."""
    started: float = field(default_factory=time.monotonic)

    @property
    def comment(self) -> bytes:
        return f"/*{self.mark}*/ ".encode()
