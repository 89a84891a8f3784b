"""Scopes, the permissions of an account, and the principal of a request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

DASHBOARD = "dashboard"


class Scope(StrEnum):
    STATS_READ = "stats:read"
    """All statistics; users appear as pseudonymous keys."""
    NAMES_READ = "names:read"
    """Names beside the keys."""
    TEXTS_READ = "texts:read"
    """Texts of dialogs; each reading is recorded."""
    DAGSTER_USE = "dagster:use"
    """Dagster's page: see, start and stop every run."""
    PEOPLE_MANAGE = "people:manage"
    """Rules about people: bans, pauses, limits, models."""
    ADMIN = "admin"
    """Accounts, scopes, and the audit trail. Includes `people:manage`."""


DESCRIPTIONS = {
    Scope.STATS_READ: "Read statistics; users appear as pseudonymous keys.",
    Scope.NAMES_READ: "See users' names beside their keys.",
    Scope.TEXTS_READ: "Read the texts of dialogs; every reading is recorded.",
    Scope.DAGSTER_USE: "Use Dagster's page: see, start and stop every run.",
    Scope.PEOPLE_MANAGE: "Ban, pause and limit the bot's users.",
    Scope.ADMIN: "Manage accounts and read the audit trail.",
}


def held_scopes(granted: Collection[str]) -> frozenset[str]:
    """The granted scopes with those that they include."""
    included = {Scope.PEOPLE_MANAGE.value} if Scope.ADMIN.value in granted else set()
    return frozenset(granted) | included


@dataclass(frozen=True, slots=True)
class Principal:
    """An account, and what this request may do."""

    account_id: int
    username: str
    scopes: frozenset[str]
    """With those that they include."""
    method: Literal["basic", "bearer", "key", "session"]
    client: str = ""
    """`client_id` that the token was issued for."""
    logged_in_at: datetime | None = None
    """When the password was entered; renewed tokens keep it."""
    credentials_version: int | None = None
    """Version of the password that the token was issued for."""
    session_id: int | None = None
    key_id: int | None = None
    rate_limit: str | None = None
    """The key's own limit."""

    @property
    def is_dashboard(self) -> bool:
        return self.client == DASHBOARD

    def may(self, scope: Scope) -> bool:
        return scope.value in self.scopes
