"""Saved views of the dashboard: own ones, and those that others share.

Changes of a shared view are committed with their audit event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.scopes import Principal, Scope
from api.accounts.tables import ApiUser, SavedView
from api.audit.events import AuditKind
from api.audit.trail import add_event, log_event, make_event
from api.errors import NotFoundError, RefusedError
from common.postgres import Sessions, transaction

MAX_VIEWS = 200
"""Limit for one account."""


@dataclass(frozen=True, slots=True)
class ViewContent:
    """The fields that an account sets."""

    name: str
    address: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class StoredView:
    """A saved view."""

    id: int
    name: str
    address: Annotated[str, Field(description="Path and query of a page of the dashboard.")]
    is_shared: bool
    owner: Annotated[str, Field(description="Name of the account that saved it.")]
    is_own: Annotated[bool, Field(description="Whether the caller saved it.")]
    updated_at: datetime


class ViewRepository:
    """Reads and writes `saved_views`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def visible_to(self, reader: Principal) -> list[StoredView]:
        """Own views and shared ones of accounts that are not disabled, by name."""
        statement = _with_owner().where(
            or_(
                SavedView.account_id == reader.account_id,
                SavedView.is_shared & ApiUser.disabled_at.is_(None),
            )
        )
        async with self._sessions() as session:
            rows = await session.execute(statement.order_by(SavedView.name, SavedView.id))
            return [_stored(view, owner, reader) for view, owner in rows]

    async def create(self, owner: Principal, content: ViewContent) -> StoredView:
        """Save a view.

        Raises:
            RefusedError: the account has one of this name, or too many.
        """
        async with self._changing() as (session, events):
            own = select(func.count()).where(SavedView.account_id == owner.account_id)
            if (await session.scalar(own) or 0) >= MAX_VIEWS:
                raise RefusedError(
                    f"An account may save {MAX_VIEWS} views. Delete some first.",
                    code="too_many_views",
                )
            view = SavedView(
                account_id=owner.account_id,
                name=content.name,
                address=content.address,
                is_shared=content.is_shared,
            )
            session.add(view)
            await session.flush()
            await session.refresh(view)
            if view.is_shared:
                events.append((AuditKind.VIEW_SHARED, view))
        return _stored(view, owner.username, owner)

    async def put(self, view_id: int, owner: Principal, content: ViewContent) -> StoredView:
        """Change an own view.

        Raises:
            NotFoundError: the account has no such view.
            RefusedError: it has another one of this name.
        """
        async with self._changing() as (session, events):
            view = await session.get(SavedView, view_id, with_for_update=True)
            if view is None or view.account_id != owner.account_id:
                raise NotFoundError("View not found.")
            was_shared = view.is_shared
            view.name, view.address = content.name, content.address
            view.is_shared, view.updated_at = content.is_shared, func.now()
            await session.flush()
            await session.refresh(view)
            if view.is_shared or was_shared:
                kind = AuditKind.VIEW_SHARED if view.is_shared else AuditKind.VIEW_REMOVED
                events.append((kind, view))
        return _stored(view, owner.username, owner)

    async def remove(self, view_id: int, account: Principal) -> None:
        """Delete an own view; admins may delete shared ones of others.

        Raises:
            NotFoundError: there is no such view, or it is not the account's to delete.
        """
        async with self._changing() as (session, events):
            view = await session.get(SavedView, view_id, with_for_update=True)
            is_own = view is not None and view.account_id == account.account_id
            if view is None or not (is_own or (view.is_shared and account.may(Scope.ADMIN))):
                raise NotFoundError("View not found.")
            await session.delete(view)
            if view.is_shared:
                events.append((AuditKind.VIEW_REMOVED, view))

    @asynccontextmanager
    async def _changing(
        self,
    ) -> AsyncIterator[tuple[AsyncSession, list[tuple[AuditKind, SavedView]]]]:
        """One unit of work, committed together with the events that it collects."""
        events: list[tuple[AuditKind, SavedView]] = []
        try:
            async with transaction(self._sessions) as session:
                yield session, events
                logged = [
                    await add_event(session, make_event(kind, _details(view)))
                    for kind, view in events
                ]
        except IntegrityError as error:
            raise RefusedError(
                "You already have a view of this name.", code="view_name_taken"
            ) from error
        for fields in logged:
            log_event(fields)


def _with_owner() -> Select[SavedView, str]:
    return select(SavedView, ApiUser.username).join(ApiUser, ApiUser.id == SavedView.account_id)


def _stored(view: SavedView, owner: str, reader: Principal) -> StoredView:
    return StoredView(
        id=view.id,
        name=view.name,
        address=view.address,
        is_shared=view.is_shared,
        owner=owner,
        is_own=view.account_id == reader.account_id,
        updated_at=view.updated_at,
    )


def _details(view: SavedView) -> dict[str, object]:
    return {"view_id": view.id, "name": view.name, "address": view.address}
