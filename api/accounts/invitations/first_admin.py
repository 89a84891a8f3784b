"""The invitation of the first administrator of a new installation."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, update

from api.accounts.invitations.store import InvitationRepository
from api.accounts.keys.store import SERVICE_ACCOUNT
from api.accounts.scopes import Scope
from api.accounts.store import AccountRepository
from common.tables.invitations import Invitation, InvitationKind
from common.postgres import Sessions, transaction

LABEL = "first administrator"
SCOPES = (Scope.STATS_READ, Scope.NAMES_READ, Scope.DAGSTER_USE, Scope.ADMIN)
LIFETIME = timedelta(hours=24)


async def invite_first_admin(sessions: Sessions, *, base_url: str) -> str | None:
    """A link that registers an administrator, once; None if there is one.

    The link of an earlier call ends. The code is in the fragment, which browsers send to no server.
    """
    accounts = await AccountRepository(sessions).every()
    if any(
        Scope.ADMIN in account.scopes
        for account in accounts
        if account.username != SERVICE_ACCOUNT and not account.is_disabled
    ):
        return None
    earlier = (
        update(Invitation)
        .where(
            Invitation.label == LABEL,
            Invitation.created_by_id.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
    )
    async with transaction(sessions) as session:
        await session.execute(earlier)
    code, _ = await InvitationRepository(sessions).create(
        None,
        kind=InvitationKind.ACCOUNT,
        label=LABEL,
        scopes=[scope.value for scope in SCOPES],
        max_uses=1,
        lifetime=LIFETIME,
    )
    return f"{base_url}/register#invitation={code}"
