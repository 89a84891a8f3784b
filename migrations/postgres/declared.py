"""Every table that the packages declare, gathered for Alembic and for the schema test."""

from __future__ import annotations

import api.tables
import bot.outbox_table
import bot.tables
import pipelines.tables
from common.postgres import Base

TABLE_MODULES = (api.tables, bot.outbox_table, bot.tables, pipelines.tables)
METADATA = Base.metadata
