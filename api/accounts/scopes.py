"""What an account may do. Knows no route."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    STATS_READ = "stats:read"
    """Every figure; people appear as pseudonymous keys."""
    NAMES_READ = "names:read"
    """Names beside the keys."""
    TEXTS_READ = "texts:read"
    """Texts of dialogs; every reading is recorded."""
    DAGSTER_USE = "dagster:use"
    """Dagster's page, whose guard asks here: start and stop every run."""
    ADMIN = "admin"
    """Accounts, scopes, the record of readings."""


DESCRIPTIONS = {
    Scope.STATS_READ: "Read statistics; people appear as pseudonymous keys.",
    Scope.NAMES_READ: "See people's names beside their keys.",
    Scope.TEXTS_READ: "Read the texts of dialogs; every reading is recorded.",
    Scope.DAGSTER_USE: "Use Dagster's page: see, start and stop every run.",
    Scope.ADMIN: "Manage accounts and see who read which texts.",
}
