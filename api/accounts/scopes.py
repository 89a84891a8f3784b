"""Scopes: the permissions of an account."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    STATS_READ = "stats:read"
    """All statistics; users appear as pseudonymous keys."""
    NAMES_READ = "names:read"
    """Names beside the keys."""
    TEXTS_READ = "texts:read"
    """Texts of dialogs; each reading is recorded."""
    DAGSTER_USE = "dagster:use"
    """Dagster's page: see, start and stop every run."""
    ADMIN = "admin"
    """Accounts, scopes, and the audit trail."""


DESCRIPTIONS = {
    Scope.STATS_READ: "Read statistics; users appear as pseudonymous keys.",
    Scope.NAMES_READ: "See users' names beside their keys.",
    Scope.TEXTS_READ: "Read the texts of dialogs; every reading is recorded.",
    Scope.DAGSTER_USE: "Use Dagster's page: see, start and stop every run.",
    Scope.ADMIN: "Manage accounts and read the audit trail.",
}
