"""Records which settings changed since the last start of a service.

The database keeps a digest of each value, keyed by DATA_KEY, which is not in the database. Events
contain names only.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import fields

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from api.audit.events import AuditKind, Origin
from api.audit.tables import KnownSetting
from api.audit.trail import add_event, log_event, make_event
from common.backoff import backoff
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction
from common.settings import DataKeySettings, Section

LOCK = "known_settings"
OWN_KEY = "DATA_KEY"
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


def digests_of(group: object, keys: DataKeySettings) -> dict[str, list[bytes]]:
    """For each setting of a dataclass of sections the digest of its value, the current key first.

    While DATA_KEY is replaced there is one for each of the two keys.
    """
    sections: Iterable[Section] = (getattr(group, field.name) for field in fields(group))  # type: ignore[arg-type] # a dataclass
    values = {
        name.upper(): value for section in sections for name, value in section.model_dump().items()
    }
    secrets = [keys.data_key.get_secret_value(), *([keys.second] if keys.second else [])]
    return {
        name: [_digest(secret, name, value) for secret in secrets] for name, value in values.items()
    }


def _digest(secret: str, name: str, value: object) -> bytes:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else repr(value)
    key = hmac.digest(secret.encode(), b"known settings", hashlib.sha256)
    return hmac.digest(key, f"{name}={plain}".encode("utf-8", "surrogatepass"), hashlib.sha256)


async def watch_settings(
    sessions: Sessions, service: str, digests: Mapping[str, list[bytes]]
) -> None:
    """Record once what changed since the last start, as soon as the database answers."""
    for pause in backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS):
        try:
            await record_changed_settings(sessions, service, digests)
        except DRIVER_ERRORS as error:
            log.warning("changed_settings_unrecorded", error=type(error).__name__)
        else:
            return
        await asyncio.sleep(pause)


async def record_changed_settings(
    sessions: Sessions, service: str, digests: Mapping[str, list[bytes]]
) -> list[str]:
    """Write one event with the names of the settings that changed; of several workers one does.

    Returns:
        The names. With a replaced DATA_KEY and no DATA_KEY_SECOND it is DATA_KEY alone, because
        the digests of the others cannot be compared.
    """
    async with transaction(sessions) as session:
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(LOCK))))
        rows = await session.scalars(select(KnownSetting).where(KnownSetting.service == service))
        known = {row.name: row.digest for row in rows}
        changed = sorted(
            name for name, ours in digests.items() if name in known and known[name] not in ours
        )
        if OWN_KEY in changed:
            changed = [OWN_KEY]
        differing = [
            {"service": service, "name": name, "digest": ours[0]}
            for name, ours in digests.items()
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
        event = make_event(
            AuditKind.SETTINGS_CHANGED,
            {"service": service, "names": changed},
            origin=Origin(actor="start"),
        )
        logged = await add_event(session, event)
    log_event(logged)
    return changed
