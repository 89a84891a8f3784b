"""Every table that the packages declare, gathered for Alembic and for the schema test."""

from __future__ import annotations

import api.accounts.tables
import api.alerts.tables
import api.audit.tables
import api.people.tables
import bot.db.outbox
import bot.db.tables
import common.tables.changed_settings
import common.tables.invitations
import pipelines.tables
from common.postgres import Base

TABLE_MODULES = (
    api.accounts.tables,
    api.alerts.tables,
    api.audit.tables,
    api.people.tables,
    bot.db.outbox,
    bot.db.tables,
    common.tables.changed_settings,
    common.tables.invitations,
    pipelines.tables,
)
METADATA = Base.metadata
