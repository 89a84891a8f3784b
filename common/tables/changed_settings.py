"""Records which settings changed since the last start of a service.

The database keeps a digest of each value, keyed by a secret that is not in the database: DATA_KEY,
or DATABASE_URL of a service that has no DATA_KEY. Events contain names only.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from pydantic import SecretStr
from sqlalchemy import LargeBinary, Text, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from common.backoff import backoff
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Base, Sessions, transaction
from common.settings import Section

LOCK = "known_settings"
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


class KnownSetting(Base):
    """The keyed digest of a setting's value at the last start of a service."""

    __tablename__ = "known_settings"

    service: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True)
class SettingDigests:
    """Digests of a service's settings.

    Attributes:
        service: such as `bot`.
        key_name: the setting whose value keys the digests.
        by_name: for each setting the digest of its value; while the key is replaced a second one,
            by the key before.
    """

    service: str
    key_name: str
    by_name: Mapping[str, list[bytes]]


def digest_settings(
    service: str, group: object, *, key_name: str, second_key: str | None = None
) -> SettingDigests:
    """Digests of all settings in a dataclass of sections.

    Args:
        service: such as `bot`.
        group: the dataclass.
        key_name: the setting among them that keys the digests.
        second_key: the key before, while it is replaced.
    """
    sections: Iterable[Section] = (getattr(group, field.name) for field in fields(group))  # type: ignore[arg-type] # a dataclass
    values = {
        name.upper(): _plain(value)
        for section in sections
        for name, value in section.model_dump().items()
    }
    keys = [values[key_name], *([second_key] if second_key else [])]
    return SettingDigests(
        service,
        key_name,
        {name: [_digest(key, name, value) for key in keys] for name, value in values.items()},
    )


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else repr(value)


def _digest(secret: str, name: str, value: str) -> bytes:
    key = hmac.digest(secret.encode(), b"known settings", hashlib.sha256)
    return hmac.digest(key, f"{name}={value}".encode("utf-8", "surrogatepass"), hashlib.sha256)


async def watch_settings(sessions: Sessions, settings: SettingDigests) -> None:
    """Record once what changed since the last start, as soon as the database answers."""
    for pause in backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS):
        try:
            await record_changed_settings(sessions, settings)
        except DRIVER_ERRORS as error:
            log.warning("changed_settings_unrecorded", error=type(error).__name__)
        else:
            return
        await asyncio.sleep(pause)


async def record_changed_settings(sessions: Sessions, settings: SettingDigests) -> list[str]:
    """Write one event with the names of the settings that changed; of several processes one does.

    Returns:
        The names. With a replaced key that comes without the one before it is the key alone,
        because the digests of the others cannot be compared.
    """
    service = settings.service
    async with transaction(sessions) as session:
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(LOCK))))
        rows = await session.scalars(select(KnownSetting).where(KnownSetting.service == service))
        known = {row.name: row.digest for row in rows}
        changed = sorted(
            name
            for name, ours in settings.by_name.items()
            if name in known and known[name] not in ours
        )
        if settings.key_name in changed:
            changed = [settings.key_name]
        differing = [
            {"service": service, "name": name, "digest": ours[0]}
            for name, ours in settings.by_name.items()
            if known.get(name) != ours[0]
        ]
        if differing:
            statement = insert(KnownSetting).values(differing)
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=["service", "name"],
                    set_={"digest": statement.excluded.digest},
                )
            )
        if not changed:
            return []
        event_id = await session.scalar(select(func.record_changed_settings(service, changed)))
    log.info("settings_changed", event_id=event_id, names=changed)
    return changed
