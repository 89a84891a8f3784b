"""Reads and writes sessions in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.tables import ApiSession, ApiUser
from api.audit.events import AuditKind
from api.audit.trail import audited
from api.errors import NotFoundError
from common.encryption.digests import digest_of, new_secret
from common.postgres import Sessions, transaction
from common.text import clean_text

PREFIX = "dls_"
MAX_SESSIONS = 50
"""Sessions of one account; a login beyond that ends the oldest."""
MAX_AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session without its secret."""

    id: int
    account_id: int
    credentials_version: int
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    address: str | None
    user_agent: str | None


class SessionRepository:
    """Reads and writes `api_sessions`. Sessions that ended are deleted."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(
        self,
        account_id: int,
        *,
        credentials_version: int,
        lifetime: timedelta,
        now: datetime,
        address: str | None,
        user_agent: str | None,
        replaced: str | None = None,
    ) -> tuple[str, StoredSession]:
        """A new session with its secret. The one that the browser had, `replaced`, ends."""
        secret = new_secret(PREFIX)
        row = ApiSession(
            account_id=account_id,
            digest=digest_of(secret),
            credentials_version=credentials_version,
            created_at=now,
            expires_at=now + lifetime,
            address=address,
            user_agent=clean_text(user_agent)[:MAX_AGENT_CHARACTERS] if user_agent else None,
        )
        async with audited(self._sessions, AuditKind.LOGIN, method="session") as (session, details):
            await session.get_one(ApiUser, account_id, with_for_update=True)
            newest = (
                select(ApiSession.id)
                .where(ApiSession.account_id == account_id)
                .order_by(ApiSession.id.desc())
                .limit(MAX_SESSIONS - 1)
            )
            await session.execute(
                delete(ApiSession).where(
                    ApiSession.account_id == account_id, ApiSession.id.not_in(newest)
                )
            )
            await session.execute(delete(ApiSession).where(ApiSession.expires_at < now))
            if replaced is not None:
                await session.execute(
                    delete(ApiSession).where(ApiSession.digest == digest_of(replaced))
                )
            session.add(row)
            await session.flush()
            details["session_id"] = row.id
            return secret, _stored(row)

    async def by_digest(self, digest: bytes) -> StoredSession | None:
        """The session, also one that expired."""
        async with self._sessions() as session:
            row = await session.scalar(select(ApiSession).where(ApiSession.digest == digest))
        return _stored(row) if row else None

    async def of_account(self, account_id: int, *, now: datetime) -> list[StoredSession]:
        """The valid sessions of an account, newest first."""
        statement = (
            select(ApiSession)
            .join(ApiUser, ApiUser.id == ApiSession.account_id)
            .where(
                ApiSession.account_id == account_id,
                ApiSession.expires_at > now,
                ApiSession.credentials_version == ApiUser.credentials_version,
            )
            .order_by(ApiSession.id.desc())
        )
        async with self._sessions() as session:
            return [_stored(row) for row in await session.scalars(statement)]

    async def end(self, session_id: int, *, account_id: int) -> None:
        """End one session of an account.

        Raises:
            NotFoundError: it has no such session.
        """
        async with audited(
            self._sessions, AuditKind.SESSION_ENDED, account_id=account_id, session_id=session_id
        ) as (session, _):
            ended = await session.scalar(
                delete(ApiSession)
                .where(ApiSession.id == session_id, ApiSession.account_id == account_id)
                .returning(ApiSession.id)
            )
            if ended is None:
                raise NotFoundError("Session not found.")

    async def end_all(self, account_id: int) -> None:
        """End all sessions of an account, and make its bearer tokens invalid.

        Raises:
            NotFoundError: there is no such account.
        """
        async with audited(
            self._sessions, AuditKind.SESSION_ENDED, account_id=account_id, all=True
        ) as (session, _):
            account = await session.get(ApiUser, account_id, with_for_update=True)
            if account is None:
                raise NotFoundError("Account not found.")
            account.credentials_version += 1
            await delete_sessions(session, account_id)

    async def touch(self, credential_id: int) -> None:
        """Write the time of the last use; another worker may just have done so."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(ApiSession)
                .where(
                    ApiSession.id == credential_id,
                    or_(
                        ApiSession.last_used_at.is_(None),
                        ApiSession.last_used_at < func.now() - timedelta(minutes=1),
                    ),
                )
                .values(last_used_at=func.now())
            )


async def delete_sessions(session: AsyncSession, account_id: int) -> None:
    """Delete the sessions of an account."""
    await session.execute(delete(ApiSession).where(ApiSession.account_id == account_id))


def _stored(row: ApiSession) -> StoredSession:
    return StoredSession(
        id=row.id,
        account_id=row.account_id,
        credentials_version=row.credentials_version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        address=row.address,
        user_agent=row.user_agent,
    )
