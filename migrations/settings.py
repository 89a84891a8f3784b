"""How the migrations start."""

from __future__ import annotations

from pydantic import Field

from common.settings import Section


class MigrationSettings(Section):
    """How the migrations start."""

    migration_wait_seconds: float = Field(default=300.0, gt=0)
    """How long migrations wait for a store that does not answer."""
