"""Admin routes: invitations to the bot and to the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from api.accounts.dependencies import Admin, documented
from api.accounts.invitations.bots import BotAccess, BotLister
from api.accounts.invitations.store import InvitationRepository
from api.accounts.routes.schemas import (
    BotAccessView,
    InvitationPage,
    InvitationState,
    InvitationView,
    NewInvitation,
    NewInvitationRequest,
)
from api.accounts.scopes import Scope
from api.errors import ForbiddenError
from common.tables.invitations import Invitation, InvitationKind

MAX_ID = 2**63 - 1
PAGE_ROWS = 500
InvitationId = Annotated[int, Path(ge=1, le=MAX_ID)]


def invitation_routes(invitations: InvitationRepository, *, bots: BotLister) -> APIRouter:
    """The routes under /api/v1/admin/invitations."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin"])
    answers = documented(Scope.ADMIN)

    @router.post(
        "/invitations",
        status_code=201,
        response_model=NewInvitation,
        **answers(400, 422, rated=201),
    )
    async def create_invitation(
        response: Response, admin: Admin, body: NewInvitationRequest
    ) -> NewInvitation:
        """Create an invitation. Its code is shown in this answer and never again.

        A bot takes it only with ACCESS_MODE=invite; `not_inviting` names those that do not.
        """
        if body.kind is InvitationKind.ACCOUNT and admin.method == "key":
            # An account would outlive the key that invited it.
            raise ForbiddenError(
                "API keys cannot invite to accounts. Log in with the password.",
                code="key_not_allowed",
            )
        # Read first: if this fails, no code is lost.
        started = await bots() if body.kind is InvitationKind.BOT else ()
        code, row = await invitations.create(
            admin,
            kind=body.kind,
            label=body.label,
            scopes=[scope.value for scope in body.granted],
            max_uses=body.max_uses,
            lifetime=timedelta(hours=body.expires_in_hours),
        )
        response.headers["Cache-Control"] = "no-store"
        return NewInvitation(
            code=code,
            links=[f"https://t.me/{bot.username}?start={code}" for bot in started],
            not_inviting=_not_inviting(started),
            **_view(row).model_dump(),
        )

    @router.get("/invitations", response_model=InvitationPage, **answers(422))
    async def list_invitations(
        _admin: Admin,
        before: Annotated[
            int | None, Query(ge=1, le=MAX_ID, description="`next_before` of a page.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = 100,
    ) -> InvitationPage:
        """All invitations with their uses, newest first, without their codes."""
        found = await invitations.page(before=before, limit=limit)
        return InvitationPage(
            invitations=[_view(row) for row in found],
            next_before=found[-1].id if len(found) == limit else None,
            not_inviting=_not_inviting(await bots()),
        )

    @router.post(
        "/invitations/{invitation_id}/revoke", response_model=InvitationView, **answers(404, 422)
    )
    async def revoke_invitation(_admin: Admin, invitation_id: InvitationId) -> InvitationView:
        """Revoke an invitation at once. People and accounts that used it stay."""
        return _view(await invitations.revoke(invitation_id))

    return router


def _not_inviting(started: Sequence[BotAccess]) -> list[BotAccessView]:
    return [
        BotAccessView.model_validate(bot, from_attributes=True)
        for bot in started
        if bot.takes_no_invitations
    ]


def _view(row: Invitation) -> InvitationView:
    return InvitationView(
        id=row.id,
        kind=InvitationKind(row.kind),
        label=row.label,
        beginning=row.beginning,
        scopes=row.scopes,
        max_uses=row.max_uses,
        uses=row.uses,
        state=_state(row),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _state(row: Invitation) -> InvitationState:
    if row.revoked_at is not None:
        return "revoked"
    if row.uses == row.max_uses:
        return "used_up"
    return "expired" if row.expires_at <= datetime.now(UTC) else "valid"
