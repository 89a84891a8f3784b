"""Reads and writes accounts in PostgreSQL. Each change is committed with its audit event."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from api.accounts.invitations.store import InvalidInvitationError, revoke_invitations_of
from api.accounts.scopes import Scope, held_scopes
from api.accounts.tables import ApiUser
from api.audit.events import AuditKind
from api.audit.trail import audited
from api.errors import NotFoundError, RefusedError
from common.postgres import Sessions, transaction
from common.tables.invitations import (
    InvitationKind,
    InvitationProblem,
    invitation_problem,
    use_invitation,
)


@dataclass(frozen=True, slots=True)
class ApiAccount:
    id: int
    username: str
    password_hash: str
    scopes: frozenset[str]
    """As an admin granted them."""
    credentials_version: int
    created_at: datetime
    disabled_at: datetime | None

    @property
    def held_scopes(self) -> frozenset[str]:
        return held_scopes(self.scopes)

    @property
    def is_disabled(self) -> bool:
        return self.disabled_at is not None


def normalise_username(username: str) -> str:
    """The one spelling (NFKC, casefolded) under which a username is stored."""
    return unicodedata.normalize("NFKC", username).casefold()


class AccountRepository:
    """Reads and writes `api_users`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(
        self, username: str, password_hash: str, *, invitation: str | None = None
    ) -> ApiAccount:
        """A new account that may read statistics, or has the scopes of its invitation.

        Raises:
            RefusedError: the username is taken.
            InvalidInvitationError: the invitation is not valid any more.
        """
        row = ApiUser(
            username=normalise_username(username),
            password_hash=password_hash,
            scopes=[Scope.STATS_READ.value],
        )
        try:
            async with audited(self._sessions, AuditKind.REGISTERED) as (session, details):
                if invitation is not None:
                    used = await use_invitation(session, invitation, InvitationKind.ACCOUNT)
                    if used is None:
                        problem = await invitation_problem(
                            session, invitation, InvitationKind.ACCOUNT
                        )
                        raise InvalidInvitationError(problem or InvitationProblem.UNKNOWN)
                    row.scopes = used.scopes
                    details["invitation_id"] = used.id
                session.add(row)
                await session.flush()
                await session.refresh(row)
                details["account_id"] = row.id
                return _account(row)
        except IntegrityError as error:
            raise RefusedError("This username is taken.", code="username_taken") from error

    async def by_username(self, username: str) -> ApiAccount | None:
        name = normalise_username(username)
        if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
            return None  # PostgreSQL cannot store such a text
        async with self._sessions() as session:
            row = await session.scalar(select(ApiUser).where(ApiUser.username == name))
        return _account(row) if row else None

    async def by_id(self, account_id: int) -> ApiAccount | None:
        async with self._sessions() as session:
            row = await session.get(ApiUser, account_id)
        return _account(row) if row else None

    async def every(self) -> list[ApiAccount]:
        """All accounts, oldest first."""
        async with self._sessions() as session:
            rows = await session.scalars(select(ApiUser).order_by(ApiUser.id))
            return [_account(row) for row in rows]

    async def change_password(self, account_id: int, password_hash: str) -> None:
        """Replace the hash. Tokens issued before become invalid."""
        await self._update(
            AuditKind.PASSWORD_CHANGED,
            account_id,
            password_hash=password_hash,
            credentials_version=ApiUser.credentials_version + 1,
        )

    async def renew_hash(self, account_id: int, *, old: str, new: str) -> None:
        """Store the same password with newer parameters. Tokens stay valid."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(ApiUser)
                .where(ApiUser.id == account_id, ApiUser.password_hash == old)
                .values(password_hash=new)
            )

    async def set_scopes(self, account_id: int, scopes: Collection[str]) -> ApiAccount:
        """Replace what the account may do.

        Raises:
            NotFoundError: no such account.
        """
        async with audited(self._sessions, AuditKind.SCOPES_CHANGED) as (session, details):
            row = await session.get(ApiUser, account_id, with_for_update=True)
            if row is None:
                raise NotFoundError("Account not found.")
            details |= {"account_id": account_id, "before": row.scopes, "after": sorted(scopes)}
            row.scopes = sorted(scopes)
            if Scope.ADMIN.value not in scopes:
                await revoke_invitations_of(session, account_id)
            return _account(row)

    async def set_disabled(self, account_id: int, *, is_disabled: bool) -> ApiAccount:
        """Disable or enable an account.

        Raises:
            NotFoundError: no such account.
        """
        return await self._update(
            AuditKind.ACCOUNT_DISABLED if is_disabled else AuditKind.ACCOUNT_ENABLED,
            account_id,
            disabled_at=func.now() if is_disabled else None,
        )

    async def _update(self, kind: AuditKind, account_id: int, **values: object) -> ApiAccount:
        async with audited(self._sessions, kind, account_id=account_id) as (session, _):
            if kind is AuditKind.ACCOUNT_DISABLED:
                await revoke_invitations_of(session, account_id)
            row = await session.scalar(
                update(ApiUser).where(ApiUser.id == account_id).values(**values).returning(ApiUser)
            )
            if row is None:
                raise NotFoundError("Account not found.")
            return _account(row)


def _account(row: ApiUser) -> ApiAccount:
    return ApiAccount(
        id=row.id,
        username=row.username,
        password_hash=row.password_hash,
        scopes=frozenset(row.scopes),
        credentials_version=row.credentials_version,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
