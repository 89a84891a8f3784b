"""Makes, lists and revokes invitations. Each change is committed with its audit event."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.scopes import Principal
from api.audit.events import AuditKind
from api.audit.trail import audited
from api.errors import ForbiddenError, NotFoundError
from common.encryption.digests import digest_of, new_secret
from common.postgres import Sessions
from common.tables.invitations import (
    CODE_PREFIX,
    Invitation,
    InvitationKind,
    InvitationProblem,
    invitation_problem,
)

SHOWN_CHARACTERS = len(CODE_PREFIX) + 6


class InvalidInvitationError(ForbiddenError):
    """The code is not valid. Only the audit trail says why: the caller may be guessing."""

    code = "wrong_invitation"

    def __init__(self, problem: InvitationProblem) -> None:
        super().__init__("The invitation is invalid, used up, revoked or expired.")
        self.problem = problem


class InvitationRepository:
    """Reads and writes `invitations`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(
        self,
        creator: Principal | None,
        *,
        kind: InvitationKind,
        label: str,
        scopes: Collection[str],
        max_uses: int,
        lifetime: timedelta,
    ) -> tuple[str, Invitation]:
        """The code of a new invitation, which is stored as its digest only, and its record.

        Without a creator it is the command line's.
        """
        code = new_secret(CODE_PREFIX)
        row = Invitation(
            kind=kind.value,
            label=label,
            beginning=code[:SHOWN_CHARACTERS],
            digest=digest_of(code),
            scopes=sorted(scopes),
            max_uses=max_uses,
            created_by_id=creator and creator.account_id,
            created_by=creator and creator.username,
            expires_at=datetime.now(UTC) + lifetime,
        )
        async with audited(
            self._sessions, AuditKind.INVITATION_CREATED, invitation_kind=kind.value
        ) as (session, details):
            session.add(row)
            await session.flush()
            await session.refresh(row)
            details |= {"invitation_id": row.id, "scopes": row.scopes, "max_uses": max_uses}
        return code, row

    async def page(self, *, before: int | None, limit: int) -> Sequence[Invitation]:
        """The newest invitations with an id below `before`."""
        statement = select(Invitation).order_by(Invitation.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Invitation.id < before)
        async with self._sessions() as session:
            return (await session.scalars(statement)).all()

    async def problem(self, code: str) -> InvitationProblem | None:
        """Why the code registers no account now; None: it does."""
        async with self._sessions() as session:
            return await invitation_problem(session, code, InvitationKind.ACCOUNT)

    async def revoke(self, invitation_id: int) -> Invitation:
        """Revoke an invitation. Revoking it again changes nothing.

        Raises:
            NotFoundError: there is no such invitation.
        """
        async with audited(
            self._sessions, AuditKind.INVITATION_REVOKED, invitation_id=invitation_id
        ) as (session, details):
            row = await session.get(Invitation, invitation_id, with_for_update=True)
            if row is None:
                raise NotFoundError("Invitation not found.")
            details["label"] = row.label
            row.revoked_at = row.revoked_at or datetime.now(UTC)
        return row


async def revoke_invitations_of(session: AsyncSession, account_id: int) -> None:
    """Revoke what an account has made, once it is disabled or no admin any more."""
    await session.execute(
        update(Invitation)
        .where(Invitation.created_by_id == account_id, Invitation.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
