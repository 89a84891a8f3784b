"""Routes for the texts and failures of a dialog. Each reading is in the audit trail first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.accounts.dependencies import TextsReader, documented
from api.accounts.scopes import Scope
from api.audit.events import AuditKind
from api.audit.trail import AuditTrail
from api.errors import InvalidRequestError
from api.http.json import unstored_json
from api.people.bad_answers import BadAnswers
from api.people.dialog_texts import DialogTexts, OpenedDialog, PagePlace
from api.people.schemas import BadAnswerList, BadAnswerView, DialogFailures, DialogText
from api.people.shown_names import ShownNames


def text_routes(
    *,
    texts: DialogTexts,
    bad_answers: BadAnswers,
    names: ShownNames,
    trail: AuditTrail,
) -> APIRouter:
    """The routes under /api/v1/dialogs."""
    router = APIRouter(prefix="/api/v1/dialogs", tags=["texts"])
    answers = documented(Scope.TEXTS_READ)

    @router.get("/{dialog_id}/text", response_model=DialogText, **answers(404, 422, rated=200))
    async def dialog_text(
        principal: TextsReader,
        dialog_id: UUID,
        place: Annotated[PagePlace, Depends(_place)],
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        """The texts of a dialog, oldest first. Each reading is in the audit trail.

        Without `after`, `before`, `turn` and `newest` the page with the oldest is answered.
        """
        dialog = await texts.page(dialog_id, place=place, limit=limit)
        keys = {message.user_key for message in dialog.messages}
        read = [message for message in dialog.messages if not message.is_withheld]
        await trail.record(
            AuditKind.TEXTS_READ,
            dialog_id=str(dialog.id),
            user_keys=sorted({message.user_key for message in read}),
            messages=len(read),
        )
        known = await names.fetch(principal, "dialog_text", keys)
        return unstored_json(
            {
                "dialog_id": dialog.id,
                "chat_type": dialog.chat_type,
                "started_at": dialog.started_at,
                "closed_at": dialog.closed_at,
                "messages": dialog.messages,
                "people": known.people,
                "previous_before": _id_at(dialog, 0) if dialog.has_older else None,
                "next_after": _id_at(dialog, -1) if dialog.has_newer else None,
            }
        )

    @router.get("/rated-badly", response_model=BadAnswerList, **answers(404, 422, rated=200))
    async def rated_badly(
        principal: TextsReader,
        after: Annotated[UUID | None, Query(description="`next_after` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=50)] = 20,
    ) -> Response:
        """Answers that people rated as bad, newest rating first, with their questions."""
        answers, has_more = await bad_answers.page(after=after, limit=limit)
        for dialog_id, read in _by_dialog(answers).items():
            await trail.record(
                AuditKind.TEXTS_READ,
                dialog_id=str(dialog_id),
                user_keys=sorted({answer.user_key for answer in read}),
                messages=sum(answer.texts for answer in read),
            )
        keys = {key for answer in answers for key in (answer.user_key, answer.rated_by)}
        known = await names.fetch(principal, "rated_badly", keys)
        next_after = answers[-1].id if has_more else None
        return unstored_json({"answers": answers, "people": known.people, "next_after": next_after})

    @router.get(
        "/{dialog_id}/failures", response_model=DialogFailures, **answers(404, 422, rated=200)
    )
    async def dialog_failures(
        _principal: TextsReader,
        dialog_id: UUID,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        """Failed calls of models, newest first. The provider's message may quote the user."""
        failures = await texts.failures(dialog_id, limit=limit)
        await trail.record(
            AuditKind.TEXTS_READ,
            dialog_id=str(dialog_id),
            user_keys=sorted({failure.user_key for failure in failures}),
            messages=sum(failure.message is not None for failure in failures),
        )
        return unstored_json({"dialog_id": dialog_id, "failures": failures})

    return router


def _place(
    after: Annotated[UUID | None, Query(description="`next_after` of the page before.")] = None,
    before: Annotated[
        UUID | None, Query(description="`previous_before` of the page after.")
    ] = None,
    turn: Annotated[
        UUID | None,
        Query(description="A page with the texts of this turn; the newest, if there are none."),
    ] = None,
    *,
    newest: Annotated[bool, Query(description="The page with the newest texts.")] = False,
) -> PagePlace:
    """Where the page lies.

    Raises:
        InvalidRequestError: in two places.
    """
    if sum(part is not None for part in (after, before, turn)) + newest > 1:
        raise InvalidRequestError(
            "State one of after, before, turn and newest.", code="invalid_request"
        )
    return PagePlace(after=after, before=before, turn=turn, is_newest=newest)


def _id_at(dialog: OpenedDialog, index: int) -> UUID | None:
    return dialog.messages[index].id if dialog.messages else None


def _by_dialog(answers: Iterable[BadAnswerView]) -> dict[UUID, list[BadAnswerView]]:
    found: dict[UUID, list[BadAnswerView]] = {}
    for answer in answers:
        found.setdefault(answer.dialog_id, []).append(answer)
    return found
