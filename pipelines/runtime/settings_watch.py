"""Records from a thread of the code server which settings changed since its last start."""

from __future__ import annotations

import asyncio
import threading

from sqlalchemy.ext.asyncio import async_sessionmaker

from common.postgres import create_engine
from common.settings import DatabaseSettings
from common.tables.changed_settings import SettingDigests, digest_settings, watch_settings
from pipelines.runtime.metrics_server import is_code_server
from pipelines.settings import PipelineSettings


def record_settings(settings: PipelineSettings) -> None:
    """Begin to record them, without waiting for the database; in the code server only."""
    if not is_code_server():
        return
    # The pipelines have no DATA_KEY.
    digests = digest_settings("pipelines", settings, key_name="DATABASE_URL")
    threading.Thread(
        target=lambda: asyncio.run(_watch(settings.database, digests)),
        name="settings",
        daemon=True,
    ).start()


async def _watch(database: DatabaseSettings, digests: SettingDigests) -> None:
    engine = create_engine(database, application_name="pipelines")
    try:
        await watch_settings(async_sessionmaker(engine), digests)
    finally:
        await engine.dispose()
