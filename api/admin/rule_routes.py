"""Routes of the rules about people, groups and roles, for admins."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.dependencies import PeopleManager, documented, require_scope
from api.accounts.scopes import Scope
from api.admin.rule_schemas import (
    MAX_ID,
    MAX_KEY,
    FindPersonQuery,
    FoundPeople,
    NewRule,
    RulePage,
    RuleSubject,
    RuleView,
)
from api.http.json import unstored_json
from api.people.finding import SearchResult, SubjectFinder
from api.people.names import with_name
from api.people.rules import (
    RuleFilter,
    RuleKind,
    RuleRepository,
    RuleTerms,
    Subject,
    SubjectKind,
)
from api.people.shown_names import ShownNames

PAGE_ROWS = 500


def rule_routes(
    *,
    rules: RuleRepository,
    finder: SubjectFinder,
    names: ShownNames,
) -> APIRouter:
    """The rules under /api/v1/admin."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin"])
    answers = documented(Scope.PEOPLE_MANAGE)

    @router.get("/rules", response_model=RulePage, **answers(422, rated=200))
    async def list_rules(
        manager: PeopleManager,
        *,
        user_key: Annotated[int | None, Query(ge=1, le=MAX_KEY)] = None,
        subject: Annotated[SubjectKind | None, Query()] = None,
        kind: Annotated[RuleKind | None, Query(description="A kind of rule.")] = None,
        before: Annotated[
            int | None, Query(ge=1, le=MAX_ID, description="`next_before` of a page.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = 100,
    ) -> Response:
        """Rules about people, groups and roles, newest first, ended ones included."""
        wanted = RuleFilter(user_key=user_key, subject=subject, kind=kind)
        found = await rules.page(wanted, before=before, limit=limit)
        known = await names.fetch(manager, "rules", (rule.user_key for rule in found))
        return unstored_json(
            {
                "rules": [with_name(asdict(rule), known) for rule in found],
                "next_before": found[-1].id if len(found) == limit else None,
            }
        )

    @router.put("/rules", response_model=RuleView, **answers(400, 404, 422, rated=200))
    async def put_rule(manager: PeopleManager, body: Annotated[NewRule, Body()]) -> Response:
        """Set a rule, in place of the one of this kind about the same subject.

        It applies to the very next update, in every process of every bot. A ban ends an `allow`
        of the same subject, and the reverse. The person can see it in /export.
        """
        subject = await _subject(body.subject, finder)
        terms = RuleTerms(**{**body.model_dump(exclude={"subject"}), "kind": RuleKind(body.kind)})
        rule = await rules.put(subject, terms, manager)
        known = await names.fetch(manager, "rules", [rule.user_key])
        return unstored_json(with_name(asdict(rule), known))

    @router.delete("/rules/{rule_id}", status_code=204, **answers(404, 422))
    async def remove_rule(
        _manager: PeopleManager, rule_id: Annotated[int, Path(ge=1, le=MAX_ID)]
    ) -> None:
        """End a rule, from the very next update on."""
        await rules.remove(rule_id)

    @router.post("/people/find", response_model=FoundPeople, **answers(400, 404, 422, rated=200))
    async def find_people(
        request: Request, manager: PeopleManager, query: FindPersonQuery
    ) -> Response:
        """A person by key or Telegram id, or the people with a @name, and the rules about them."""
        if query.username is not None:
            require_scope(request, Scope.NAMES_READ)
        found = await _people(query, finder)
        own = await rules.of_persons({person.hmac: person.user_key for person in found.people})
        known = await names.fetch(manager, "rules", (person.user_key for person in found.people))
        people = [
            {
                **with_name({"user_key": person.user_key}, known),
                "rules": [with_name(asdict(rule), known) for rule in own[person.hmac]],
            }
            for person in found.people
        ]
        return unstored_json({"people": people, "is_complete": found.is_complete})

    return router


async def _subject(given: RuleSubject, finder: SubjectFinder) -> Subject:
    if given.user_key is not None:
        return await finder.by_key(given.user_key)
    if given.telegram_id is not None:
        return await finder.by_telegram_id(given.telegram_id)
    if given.dialog_id is not None:
        return await finder.by_dialog(given.dialog_id)
    if given.role is not None:
        return Subject(SubjectKind(given.role))
    return finder.by_chat_id(given.chat_id or 0)


async def _people(query: FindPersonQuery, finder: SubjectFinder) -> SearchResult:
    if query.username is not None:
        return await finder.by_username(query.username)
    if query.user_key is not None:
        person = await finder.by_key(query.user_key)
    else:
        person = await finder.by_telegram_id(query.telegram_id or 0)
    return SearchResult([person], is_complete=True)
