"""However many people and accounts use a code at once, it is used at most as often as allowed."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from api.accounts.store import AccountRepository
from api.errors import ForbiddenError
from bot.metrics import BotMetrics
from bot.telegram.updates import TelegramUser
from bot.users.invites import InviteCodes, InviteVerdict
from bot.users.preferences import Preferences
from bot.users.repository import UserRepository
from common.encryption.digests import digest_of, new_secret
from common.encryption.sealing import Vault
from common.postgres import Sessions, transaction
from common.tables.invitations import CODE_PREFIX, Invitation, InvitationKind

DATA_KEY = "a data key of the tests, long enough"


async def make(sessions: Sessions, kind: InvitationKind, max_uses: int) -> str:
    code = new_secret(CODE_PREFIX)
    async with transaction(sessions) as session:
        session.add(
            Invitation(
                kind=kind.value,
                label="friends",
                beginning=code[:10],
                digest=digest_of(code),
                scopes=["names:read"] if kind is InvitationKind.ACCOUNT else [],
                max_uses=max_uses,
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            )
        )
    return code


async def uses(sessions: Sessions, code: str) -> int:
    async with sessions() as session:
        asked = select(Invitation.uses).where(Invitation.digest == digest_of(code))
        return await session.scalar(asked) or 0


@pytest.mark.parametrize("seed", range(3))
async def test_parallel_uses_never_exceed_the_number(sessions: Sessions, seed: int) -> None:
    """Several people, each in several chats, in two replicas; accounts at the same time."""
    chance = random.Random(seed)
    max_uses, people = chance.randint(1, 9), chance.randint(5, 25)
    to_bot = await make(sessions, InvitationKind.BOT, max_uses)
    to_api = await make(sessions, InvitationKind.ACCOUNT, max_uses)
    preferences = Preferences(1, sessions=sessions)
    replicas = [
        InviteCodes([], preferences=preferences, sessions=sessions, metrics=BotMetrics())
        for _ in range(2)
    ]
    users = await UserRepository(Vault(DATA_KEY), sessions).get_or_create(
        TelegramUser(number) for number in range(1, people + 1)
    )
    accounts = AccountRepository(sessions)

    async def come(number: int, replica: InviteCodes) -> bool:
        verdict = await replica.redeem(users[number], number, to_bot)
        return verdict is InviteVerdict.ACCEPTED

    async def join(number: int) -> bool:
        try:
            account = await accounts.create(f"account{number}", "hash", invitation=to_api)
        except ForbiddenError:
            return False
        assert account.scopes == {"names:read"}
        return True

    visits = [(number, replica) for number in users for replica in replicas]
    chance.shuffle(visits)
    admitted, joined = await asyncio.gather(
        asyncio.gather(*(come(*visit) for visit in visits)),
        asyncio.gather(*(join(number) for number in range(people))),
    )

    expected = min(max_uses, people)
    welcome = {number for (number, _), accepted in zip(visits, admitted, strict=True) if accepted}
    assert len(welcome) == await uses(sessions, to_bot) == expected
    assert sum(joined) == await uses(sessions, to_api) == expected
    async with sessions() as session:
        stored = set(
            await session.scalars(
                text("SELECT user_key FROM user_settings WHERE admitted_at IS NOT NULL")
            )
        )
        recorded = await session.scalars(
            text("SELECT details ->> 'user_key' FROM audit_events WHERE kind = 'invitation_used'")
        )
        assert stored == {users[number].key for number in welcome}
        assert sorted(map(int, recorded)) == sorted(stored)
