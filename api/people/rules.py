"""Reads and writes the operators' rules. Each change is committed with its audit event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from api.accounts.scopes import Principal
from api.audit.events import AuditKind
from api.audit.trail import audited
from api.errors import NotFoundError
from api.people.bot_database import BotTables
from api.people.tables import AccessRule
from bot.db.tables import UserRow
from common.postgres import Sessions


class RuleKind(StrEnum):
    BAN = "ban"
    ALLOW = "allow"
    LIMITS = "limits"
    MODELS = "models"


class SubjectKind(StrEnum):
    PERSON = "person"
    CHAT = "chat"
    EVERYONE = "everyone"
    ADMINS = "admins"


OPPOSITES = {RuleKind.BAN: RuleKind.ALLOW, RuleKind.ALLOW: RuleKind.BAN}


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, a chat or a role. `hmac` is of the Telegram id; empty for a role."""

    kind: SubjectKind
    hmac: bytes = b""
    user_key: int | None = None
    dialog_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """The content of a rule."""

    kind: RuleKind
    until: datetime | None = None
    daily_messages: int | None = None
    monthly_messages: int | None = None
    daily_usd: Decimal | None = None
    monthly_usd: Decimal | None = None
    models: list[str] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RuleFilter:
    """Which rules; None: all."""

    user_key: int | None = None
    subject: SubjectKind | None = None
    kind: RuleKind | None = None


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule of an operator."""

    id: int
    subject: Annotated[str, Field(description="`person`, `chat`, `everyone` or `admins`.")]
    user_key: Annotated[
        int | None, Field(description="null: no person, or one without stored data.")
    ]
    dialog_id: Annotated[UUID | None, Field(description="The dialog by which a group was named.")]
    kind: Annotated[str, Field(description="`ban`, `allow`, `limits` or `models`.")]
    until: datetime | None
    is_active: Annotated[bool, Field(description="false: it has ended.")]
    daily_messages: int | None
    monthly_messages: int | None
    daily_usd: Decimal | None
    monthly_usd: Decimal | None
    models: list[str] | None
    reason: str
    author: str
    author_id: int
    set_at: datetime


class RuleRepository:
    """Reads and writes `access_rules`.

    Args:
        sessions: of the API's database.
        tables: the bot's tables, for the keys of persons.
    """

    def __init__(self, sessions: Sessions, tables: BotTables) -> None:
        self._sessions = sessions
        self._tables = tables

    async def put(self, subject: Subject, terms: RuleTerms, author: Principal) -> StoredRule:
        """Set the rule of this kind about a subject. A ban ends its `allow`, and the reverse."""
        values = {
            **asdict(terms),
            "kind": terms.kind.value,
            "dialog_id": subject.dialog_id,
            "author_id": author.account_id,
            "author": author.username,
            "set_at": func.now(),
        }
        same = (
            AccessRule.subject == subject.kind.value,
            AccessRule.subject_hmac == subject.hmac,
        )
        async with audited(self._sessions, _audit_kind(terms)) as (session, details):
            if opposite := OPPOSITES.get(terms.kind):
                await session.execute(delete(AccessRule).where(*same, AccessRule.kind == opposite))
            upsert = insert(AccessRule).values(
                subject=subject.kind.value, subject_hmac=subject.hmac, **values
            )
            rows = await session.scalars(
                upsert.on_conflict_do_update(
                    index_elements=["subject", "subject_hmac", "kind"], set_=values
                ).returning(AccessRule)
            )
            row = rows.one()
            details.update(_details(row, subject.user_key))
            return _stored(row, subject.user_key)

    async def remove(self, rule_id: int) -> None:
        """End a rule.

        Raises:
            NotFoundError: there is no such rule.
        """
        key_of_rule = _with_keys().where(AccessRule.id == rule_id)
        async with self._tables.read_only() as reading:
            found = (await self._tables.run(reading, "rule", key_of_rule)).one_or_none()
        user_key = found[1] if found else None
        async with audited(self._sessions, AuditKind.RULE_REMOVED) as (session, details):
            row = await session.scalar(
                delete(AccessRule).where(AccessRule.id == rule_id).returning(AccessRule)
            )
            if row is None:
                raise NotFoundError("Rule not found.")
            details.update(_details(row, user_key))

    async def page(self, wanted: RuleFilter, *, before: int | None, limit: int) -> list[StoredRule]:
        """The newest rules with an id below `before`."""
        statement = _with_keys().order_by(AccessRule.id.desc()).limit(limit)
        if wanted.user_key is not None:
            statement = statement.where(UserRow.key == wanted.user_key)
        if wanted.subject is not None:
            statement = statement.where(AccessRule.subject == wanted.subject.value)
        if wanted.kind is not None:
            statement = statement.where(AccessRule.kind == wanted.kind.value)
        if before is not None:
            statement = statement.where(AccessRule.id < before)
        async with self._tables.read_only() as session:
            found = (await self._tables.run(session, "rules", statement)).all()
        return [_stored(row, key) for row, key in found]

    async def of_persons(self, keys: Mapping[bytes, int | None]) -> dict[bytes, list[StoredRule]]:
        """The rules about these persons themselves, newest first.

        Args:
            keys: by HMAC, the `user_key` of each.
        """
        statement = (
            select(AccessRule)
            .where(
                AccessRule.subject == SubjectKind.PERSON.value,
                AccessRule.subject_hmac.in_(keys),
            )
            .order_by(AccessRule.id.desc())
        )
        found: dict[bytes, list[StoredRule]] = {hmac: [] for hmac in keys}
        async with self._sessions() as session:
            for row in await session.scalars(statement):
                found[row.subject_hmac].append(_stored(row, keys[row.subject_hmac]))
        return found


def _with_keys() -> Select[AccessRule, int | None]:
    is_their_row = and_(
        AccessRule.subject == SubjectKind.PERSON.value,
        AccessRule.subject_hmac == UserRow.telegram_hmac,
    )
    return select(AccessRule, UserRow.key).outerjoin(UserRow, is_their_row)


def _stored(row: AccessRule, user_key: int | None) -> StoredRule:
    return StoredRule(
        id=row.id,
        subject=row.subject,
        user_key=user_key,
        dialog_id=row.dialog_id,
        kind=row.kind,
        until=row.until,
        is_active=row.until is None or row.until > datetime.now(UTC),
        daily_messages=row.daily_messages,
        monthly_messages=row.monthly_messages,
        daily_usd=row.daily_usd,
        monthly_usd=row.monthly_usd,
        models=row.models,
        reason=row.reason,
        author=row.author,
        author_id=row.author_id,
        set_at=row.set_at,
    )


def _audit_kind(terms: RuleTerms) -> AuditKind:
    match terms.kind:
        case RuleKind.BAN:
            return AuditKind.PERSON_PAUSED if terms.until else AuditKind.PERSON_BANNED
        case RuleKind.ALLOW:
            return AuditKind.PERSON_ALLOWED
        case RuleKind.LIMITS:
            return AuditKind.LIMITS_CHANGED
        case RuleKind.MODELS:
            return AuditKind.MODELS_CHANGED


def _details(row: AccessRule, user_key: int | None) -> dict[str, Any]:
    """A rule as the audit trail states it: the fields that are set."""
    stated = {
        "rule_id": row.id,
        "rule": row.kind,
        "subject": row.subject,
        "user_key": user_key,
        "dialog_id": row.dialog_id and str(row.dialog_id),
        "until": row.until and row.until.isoformat(),
        "daily_messages": row.daily_messages,
        "monthly_messages": row.monthly_messages,
        "daily_usd": None if row.daily_usd is None else f"{row.daily_usd.normalize():f}",
        "monthly_usd": None if row.monthly_usd is None else f"{row.monthly_usd.normalize():f}",
        "models": row.models,
        "reason": row.reason or None,
    }
    return {name: value for name, value in stated.items() if value is not None}
