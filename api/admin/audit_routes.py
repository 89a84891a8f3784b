"""Routes of the audit trail, for admins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.accounts.dependencies import Admin, documented, secured
from api.accounts.scopes import Scope
from api.admin.rule_schemas import UserKey
from api.admin.schemas import AuditEventView, AuditPage, Moment, ReadingList, ReadingView
from api.answers.formats import MEDIA_TYPES, Format, RequestedFormat, Row, negotiate, to_csv
from api.audit.events import AuditKind
from api.audit.reading import AuditFilter, AuditReader
from api.audit.tables import AuditEvent
from api.audit.trail import AuditTrail
from api.http.error_schema import RATE_HEADERS, problems

MAX_ID = 2**63 - 1
PAGE_ROWS = 500
MAX_EXPORTED = 50_000
COLUMNS = tuple(AuditEventView.model_fields)


Before = Annotated[int | None, Query(ge=1, le=MAX_ID, description="`next_before` of a page.")]


def audit_routes(*, events: AuditReader, trail: AuditTrail) -> APIRouter:
    """The audit trail under /api/v1/admin."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin"])
    answers = documented(Scope.ADMIN)

    @router.get(
        "/audit",
        response_model=AuditPage,
        responses={
            200: {
                "headers": RATE_HEADERS,
                "content": {"text/csv": {"schema": {"type": "string"}}},
            },
            **problems(401, 403, 422),
        },
        openapi_extra=secured(Scope.ADMIN),
    )
    async def list_events(
        request: Request,
        _admin: Admin,
        *,
        who: Annotated[str | None, Query(max_length=256, description="A name.")] = None,
        what: Annotated[
            list[AuditKind],
            Query(default_factory=list, description="A kind of event; may be repeated."),
        ],
        user_key: Annotated[
            UserKey | None,
            Query(description="A person: whom it is about, or who acted as operator in Telegram."),
        ] = None,
        since: Annotated[Moment | None, Query(description="Without an offset in UTC.")] = None,
        until: Annotated[Moment | None, Query(description="Exclusive.")] = None,
        before: Before = None,
        limit: Annotated[int | None, Query(ge=1, le=PAGE_ROWS)] = None,
        format: Annotated[Literal["json", "csv"] | None, Query()] = None,  # noqa: A002 # its name
    ) -> Response:
        """Events of the audit trail, newest first.

        CSV has all events that match, at most 50,000; with `before` or `limit` one page.
        """
        wanted = AuditFilter(who=who, what=what, user_key=user_key, since=since, until=until)
        chosen = negotiate(
            RequestedFormat(Format(format) if format else None), request.headers.get("accept", "")
        )
        size = limit or 100
        if chosen is not Format.CSV:
            found = await events.page(wanted, before=before, limit=size)
            page = AuditPage(events=_views(found), next_before=_next(found, size))
            return Response(
                page.model_dump_json(),
                media_type=MEDIA_TYPES[Format.JSON],
                headers={"Cache-Control": "no-store"},
            )
        await trail.record(AuditKind.EXPORT, report="audit", format="csv")
        is_page = before is not None or limit is not None
        rows = (
            _page_rows(await events.page(wanted, before=before, limit=size))
            if is_page
            else _all_rows(events, wanted)
        )
        is_truncated = not is_page and await events.has_more_than(wanted, MAX_EXPORTED)
        return StreamingResponse(
            to_csv(rows, COLUMNS, has_bom=False),
            media_type=MEDIA_TYPES[Format.CSV],
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": 'attachment; filename="audit.csv"',
                "X-Truncated": "true" if is_truncated else "false",
            },
        )

    @router.get("/readings", response_model=ReadingList, **answers(422))
    async def list_readings(
        _admin: Admin,
        before: Before = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = 100,
    ) -> ReadingList:
        """Which account read which texts, newest first: the trail's events `texts_read`."""
        found = await events.page(
            AuditFilter(what=[AuditKind.TEXTS_READ]), before=before, limit=limit
        )
        return ReadingList(
            readings=[_reading(event) for event in found], next_before=_next(found, limit)
        )

    return router


def _next(found: Sequence[AuditEvent], limit: int) -> int | None:
    return found[-1].id if len(found) == limit else None


def _views(found: Sequence[AuditEvent]) -> list[AuditEventView]:
    return [AuditEventView.model_validate(event, from_attributes=True) for event in found]


def _rows(found: Sequence[AuditEvent]) -> list[Row]:
    return [
        {**view.model_dump(), "details": orjson.dumps(view.details).decode()}
        for view in _views(found)
    ]


async def _page_rows(found: Sequence[AuditEvent]) -> AsyncIterator[Sequence[Row]]:
    yield _rows(found)


async def _all_rows(events: AuditReader, wanted: AuditFilter) -> AsyncIterator[Sequence[Row]]:
    before, left = None, MAX_EXPORTED
    while left:
        found = await events.page(wanted, before=before, limit=min(PAGE_ROWS, left))
        if not found:
            return
        yield _rows(found)
        before, left = found[-1].id, left - len(found)


def _reading(event: AuditEvent) -> ReadingView:
    return ReadingView(
        id=event.id,
        account_id=event.actor_id or 0,
        username=event.actor or "",
        request_id=event.request_id or "",
        read_at=event.occurred_at,
        **event.details,
    )
