"""Stores the key of the bot, which the operator gives to both services."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.keys.store import SERVICE_ACCOUNT, SHOWN_CHARACTERS
from api.accounts.passwords import PasswordHasher
from api.accounts.scopes import Scope
from api.accounts.tables import ApiKey, ApiUser
from api.audit.events import AuditKind, Origin
from api.audit.trail import add_event, log_event, make_event
from common.backoff import backoff
from common.encryption.digests import digest_of
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction

LABEL = "STATS_API_KEY"
SCOPES = (Scope.STATS_READ, Scope.NAMES_READ, Scope.PEOPLE_MANAGE)
RATE_LIMIT = "120/minute"
LIFETIME = timedelta(days=3650)
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


async def keep_service_key(
    sessions: Sessions, secret: SecretStr | None, passwords: PasswordHasher
) -> None:
    """Store the key, if there is one, once the database answers."""
    if secret is None:
        return
    for pause in backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS):
        try:
            await store_service_key(sessions, secret.get_secret_value(), passwords)
        except DRIVER_ERRORS as error:
            log.warning("service_key_not_stored", error=type(error).__name__)
        else:
            return
        await asyncio.sleep(pause)


async def store_service_key(sessions: Sessions, secret: str, passwords: PasswordHasher) -> None:
    """Store the key of the account `service:bot`, and revoke the one before.

    A key that is stored stays as it is, so that one which an admin revoked is not valid again. It
    only loses scopes that it does not need any more.
    """
    password_hash = await passwords.hash(secrets.token_urlsafe(32))
    async with transaction(sessions) as session:
        # One of several workers does it.
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(SERVICE_ACCOUNT))))
        known = await session.scalar(select(ApiKey).where(ApiKey.digest == digest_of(secret)))
        account = await _account(session, password_hash)
        if known is not None:
            known.scopes = account.scopes = sorted(SCOPES)
            return
        earlier = await session.scalars(
            select(ApiKey).where(ApiKey.account_id == account.id, ApiKey.revoked_at.is_(None))
        )
        origin = Origin(actor="start")
        logged = []
        for key in earlier:
            key.revoked_at = datetime.now(UTC)
            details = {"key_id": key.id, "label": key.label}
            event = make_event(AuditKind.KEY_REVOKED, details, origin=origin)
            logged.append(await add_event(session, event))
        key = ApiKey(
            account_id=account.id,
            label=LABEL,
            beginning=secret[:SHOWN_CHARACTERS],
            digest=digest_of(secret),
            scopes=sorted(SCOPES),
            rate_limit=RATE_LIMIT,
            expires_at=datetime.now(UTC) + LIFETIME,
        )
        session.add(key)
        await session.flush()
        details = {"key_id": key.id, "scopes": key.scopes, "rate_limit": RATE_LIMIT}
        event = make_event(AuditKind.KEY_CREATED, details, origin=origin)
        logged.append(await add_event(session, event))
    for line in logged:
        log_event(line)


async def _account(session: AsyncSession, password_hash: str) -> ApiUser:
    account = await session.scalar(select(ApiUser).where(ApiUser.username == SERVICE_ACCOUNT))
    if account is None:
        account = ApiUser(
            username=SERVICE_ACCOUNT, password_hash=password_hash, scopes=sorted(SCOPES)
        )
        session.add(account)
        await session.flush()
    return account
