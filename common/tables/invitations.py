"""Invitations: a code admits a person to the bot, or registers an account of the stats API.

The API makes and revokes them; both services use them, so that their uses are counted in one way.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    Text,
    case,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from common.encryption.digests import digest_of
from common.postgres import Base

CODE_PREFIX = "dli_"
"""A code has the letters and the length that Telegram allows in deep links."""


class InvitationKind(StrEnum):
    BOT = "bot"
    """Admits people to the bot."""
    ACCOUNT = "account"
    """Registers accounts of the API."""


class InvitationProblem(StrEnum):
    """Why a code is not valid."""

    UNKNOWN = "invitation_unknown"
    OTHER_KIND = "invitation_of_other_kind"
    """It admits to the bot and not to the API, or the reverse."""
    REVOKED = "invitation_revoked"
    USED_UP = "invitation_used_up"
    EXPIRED = "invitation_expired"


class Invitation(Base):
    """An invitation without its code."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    beginning: Mapped[str] = mapped_column(Text)
    """The first characters of the code, by which it is recognised."""
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the code, which is stored nowhere."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    """Scopes of the accounts that it registers."""
    max_uses: Mapped[int] = mapped_column(Integer)
    uses: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_by_id: Mapped[int | None]
    """The account that made it. No foreign key: the bot does not know accounts."""
    created_by: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('bot', 'account')", name="kind"),
        CheckConstraint("uses BETWEEN 0 AND max_uses", name="uses"),
    )


async def use_invitation(
    session: AsyncSession, code: str, kind: InvitationKind
) -> Invitation | None:
    """Count one use in the transaction of the session; None: the code is not valid.

    The row is locked until the transaction ends, so parallel uses never exceed `max_uses`.
    """
    used = (
        update(Invitation)
        .where(Invitation.digest == digest_of(code), _problem(kind).is_(None))
        .values(uses=Invitation.uses + 1)
        .returning(Invitation)
    )
    return (await session.scalars(used)).one_or_none()


async def invitation_problem(
    session: AsyncSession, code: str, kind: InvitationKind
) -> InvitationProblem | None:
    """Why the code cannot be used now; None: it can."""
    statement = select(_problem(kind)).where(Invitation.digest == digest_of(code))
    found = (await session.execute(statement)).one_or_none()
    if found is None:
        return InvitationProblem.UNKNOWN
    return None if found[0] is None else InvitationProblem(found[0])


def _problem(kind: InvitationKind) -> ColumnElement[str | None]:
    """Why the invitation of a row cannot be used now; NULL: it can."""
    problem = InvitationProblem
    return case(
        (Invitation.kind != kind.value, problem.OTHER_KIND.value),
        (Invitation.revoked_at.is_not(None), problem.REVOKED.value),
        (Invitation.uses >= Invitation.max_uses, problem.USED_UP.value),
        (Invitation.expires_at <= func.clock_timestamp(), problem.EXPIRED.value),
    )
