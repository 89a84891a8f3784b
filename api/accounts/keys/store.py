"""Reads and writes API keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.sql import Select

from api.accounts.tables import ApiKey, ApiUser
from api.audit.events import AuditKind
from api.audit.trail import audited
from api.errors import NotFoundError, RefusedError
from common.encryption.digests import digest_of, new_secret
from common.postgres import Sessions, transaction
from common.settings import API_KEY_PREFIX

SERVICE_ACCOUNT = "service:bot"
"""No registration can take this name, and no login: the password of the account is unknown."""
SHOWN_CHARACTERS = len(API_KEY_PREFIX) + 6
"""The beginning of a key, by which its owner recognises it."""
MAX_KEYS = 20
"""Keys of one account that are valid."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key without its secret."""

    id: int
    account_id: int
    username: str
    label: str
    beginning: str
    scopes: frozenset[str]
    rate_limit: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


class KeyRepository:
    """Reads and writes `api_keys`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(
        self,
        account_id: int,
        *,
        label: str,
        scopes: Collection[str],
        lifetime: timedelta,
        rate_limit: str | None,
    ) -> tuple[str, StoredKey]:
        """A new key, which is stored as its digest only, and its record.

        Raises:
            RefusedError: the account has too many keys.
        """
        secret = new_secret(API_KEY_PREFIX)
        row = ApiKey(
            account_id=account_id,
            label=label,
            beginning=secret[:SHOWN_CHARACTERS],
            digest=digest_of(secret),
            scopes=sorted(scopes),
            rate_limit=rate_limit,
            expires_at=datetime.now(UTC) + lifetime,
        )
        async with audited(self._sessions, AuditKind.KEY_CREATED) as (session, details):
            # Locks the account, so that keys created at once are counted.
            owner = await session.get_one(ApiUser, account_id, with_for_update=True)
            valid = select(func.count()).where(
                ApiKey.account_id == account_id,
                ApiKey.revoked_at.is_(None),
                ApiKey.expires_at > func.now(),
            )
            if (await session.scalar(valid) or 0) >= MAX_KEYS:
                raise RefusedError(f"An account has at most {MAX_KEYS} keys.", code="too_many_keys")
            session.add(row)
            await session.flush()
            await session.refresh(row)
            details |= {"key_id": row.id, "scopes": row.scopes, "rate_limit": rate_limit}
            return secret, _stored(row, owner.username)

    async def by_digest(self, digest: bytes) -> StoredKey | None:
        """The key, also one that expired or was revoked."""
        found = await self._rows(_keys().where(ApiKey.digest == digest))
        return found[0] if found else None

    async def every(self, *, account_id: int | None = None) -> list[StoredKey]:
        """The keys of an account, or of all, newest first."""
        statement = _keys().order_by(ApiKey.id.desc())
        if account_id is not None:
            statement = statement.where(ApiKey.account_id == account_id)
        return await self._rows(statement)

    async def revoke(self, key_id: int, *, account_id: int | None = None) -> StoredKey:
        """Revoke a key: of this account, or of any. Revoking it again changes nothing.

        Raises:
            NotFoundError: there is no such key.
        """
        async with audited(self._sessions, AuditKind.KEY_REVOKED, key_id=key_id) as (
            session,
            details,
        ):
            row = await session.get(ApiKey, key_id, with_for_update=True)
            if row is None or account_id not in (None, row.account_id):
                raise NotFoundError("Key not found.")
            details["label"] = row.label
            if row.revoked_at is None:
                row.revoked_at = datetime.now(UTC)
            owner = await session.get_one(ApiUser, row.account_id)
            return _stored(row, owner.username)

    async def touch(self, credential_id: int) -> None:
        """Write the time of the last use; another worker may just have done so."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(ApiKey)
                .where(
                    ApiKey.id == credential_id,
                    or_(
                        ApiKey.last_used_at.is_(None),
                        ApiKey.last_used_at < func.now() - timedelta(minutes=1),
                    ),
                )
                .values(last_used_at=func.now())
            )

    async def _rows(self, statement: Select[ApiKey, str]) -> list[StoredKey]:
        async with self._sessions() as session:
            rows = (await session.execute(statement)).all()
        return [_stored(row, username) for row, username in rows]


def _keys() -> Select[ApiKey, str]:
    return select(ApiKey, ApiUser.username).join(ApiUser, ApiUser.id == ApiKey.account_id)


def _stored(row: ApiKey, username: str) -> StoredKey:
    return StoredKey(
        id=row.id,
        account_id=row.account_id,
        username=username,
        label=row.label,
        beginning=row.beginning,
        scopes=frozenset(row.scopes),
        rate_limit=row.rate_limit,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
