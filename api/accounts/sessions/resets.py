"""Resets passwords with tokens that are valid once, for half an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update

from api.accounts.sessions.store import delete_sessions
from api.accounts.tables import ApiUser, PasswordReset
from api.audit.events import AuditKind, act_as
from api.audit.trail import audited
from api.errors import NotAuthenticatedError, NotFoundError, RefusedError
from common.encryption.digests import digest_of, new_secret
from common.postgres import Sessions

PREFIX = "dlr_"
LIFETIME = timedelta(minutes=30)


def reset_link(base_url: str, token: str) -> str:
    """The dashboard's page that sets a new password.

    The token is in the fragment, which browsers send to no server, so that no log has it.
    """
    return f"{base_url}/reset#token={token}"


class ResetRepository:
    """Reads and writes `password_resets`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(self, account_id: int) -> tuple[str, datetime]:
        """A token for an account, and when it expires. Earlier ones become invalid.

        Raises:
            NotFoundError: there is no such account.
            RefusedError: it is disabled.
        """
        secret, expires_at = new_secret(PREFIX), datetime.now(UTC) + LIFETIME
        async with audited(self._sessions, AuditKind.RESET_CREATED, account_id=account_id) as (
            session,
            _,
        ):
            account = await session.get(ApiUser, account_id, with_for_update=True)
            if account is None:
                raise NotFoundError("Account not found.")
            if account.disabled_at is not None:
                raise RefusedError("The account is disabled.", code="account_disabled")
            await session.execute(
                delete(PasswordReset).where(PasswordReset.account_id == account_id)
            )
            session.add(
                PasswordReset(
                    account_id=account_id, digest=digest_of(secret), expires_at=expires_at
                )
            )
        return secret, expires_at

    async def username(self, secret: str) -> str:
        """The name of the account whose password the token resets.

        Raises:
            NotAuthenticatedError: the token is not valid, or not any more.
        """
        statement = (
            select(ApiUser.username)
            .join(PasswordReset, PasswordReset.account_id == ApiUser.id)
            .where(*_valid(secret), ApiUser.disabled_at.is_(None))
        )
        async with self._sessions() as session:
            name = await session.scalar(statement)
        if name is None:
            raise _invalid()
        return name

    async def use(self, secret: str, password_hash: str) -> int:
        """Set the password, and end all sessions and tokens of the account, whose id it returns.

        Raises:
            NotAuthenticatedError: the token is not valid any more; exactly one request wins.
        """
        async with audited(self._sessions, AuditKind.RESET_USED) as (session, details):
            # The account is locked first, as when a token is created.
            owner = await session.scalar(select(PasswordReset.account_id).where(*_valid(secret)))
            account = await session.get(ApiUser, owner or 0, with_for_update=True)
            used = await session.scalar(
                update(PasswordReset)
                .where(*_valid(secret))
                .values(used_at=func.now())
                .returning(PasswordReset.account_id)
            )
            if used is None or account is None or account.disabled_at is not None:
                raise _invalid()
            act_as(account.username, account.id)
            account.password_hash = password_hash
            account.credentials_version += 1
            await delete_sessions(session, account.id)
            details["account_id"] = account.id
            return account.id


def _invalid() -> NotAuthenticatedError:
    return NotAuthenticatedError(
        "The reset token is invalid, used or expired.", code="reset_invalid"
    )


def _valid(secret: str) -> tuple[ColumnElement[bool], ...]:
    return (
        PasswordReset.digest == digest_of(secret),
        PasswordReset.used_at.is_(None),
        PasswordReset.expires_at > func.now(),
    )
