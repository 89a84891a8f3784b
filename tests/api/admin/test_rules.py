"""Rules about people, groups and roles: set, listed and ended by admins, each in the trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.admin.rule_schemas import NewRule
from api.permitted_fields import permitted_fields
from common.postgres import Sessions, transaction
from tests.api.admin.test_audit_trail import admin, events
from tests.api.people.people import VAULT, add_dialog, add_person, erase
from tests.api.running import bearer
from tests.api.scopes import grant_now

__all__ = ["admin"]

RULES = "/api/v1/admin/rules"
FIND = "/api/v1/admin/people/find"


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def put(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.put(RULES, json=body)
    assert answer.status_code == 200, answer.text
    rule: dict[str, Any] = answer.json()
    return rule


async def listed(client: httpx.AsyncClient, **arguments: Any) -> list[dict[str, Any]]:
    answer = await client.get(RULES, params=arguments)
    assert answer.status_code == 200, answer.text
    rules: list[dict[str, Any]] = answer.json()["rules"]
    return rules


async def in_force(
    sessions: Sessions, *, telegram_id: int = 1, chat_id: int = -5, is_admin: bool = False
) -> Any:
    """The rules that the bot reads for a person in a chat."""
    async with sessions() as session:
        rows = await session.execute(
            text("SELECT * FROM rules_of(:person, :chat, :is_admin)"),
            {
                "person": VAULT.lookup("user", telegram_id),
                "chat": VAULT.lookup("chat", chat_id),
                "is_admin": is_admin,
            },
        )
        return rows.one()


async def test_a_ban_is_set_replaced_listed_and_ended_and_all_of_it_is_in_the_trail(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    key = await add_person(sessions, telegram_id=1, first_name="Zoë")
    until = tomorrow()
    paused = await put(admin, subject={"user_key": key}, kind="ban", until=until, reason="spam")
    assert (paused["user_key"], paused["name"], paused["subject"]) == (key, "Zoë", "person")
    assert (paused["author"], paused["reason"], paused["is_active"]) == ("ann", "spam", True)
    banned = await put(admin, subject={"telegram_id": 1}, kind="ban")
    assert (banned["id"], banned["user_key"], banned["until"]) == (paused["id"], key, None)
    assert await listed(admin, user_key=key) == [banned]
    assert (await in_force(sessions)).access == "ban"
    allowed = await put(admin, subject={"user_key": key}, kind="allow")
    assert [rule["id"] for rule in await listed(admin, kind="ban")] == []
    assert (await in_force(sessions)).access == "allow"

    assert (await admin.delete(f"{RULES}/{allowed['id']}")).status_code == 204

    assert (await admin.delete(f"{RULES}/{allowed['id']}")).status_code == 404
    assert (await in_force(sessions)).access is None
    found = [event for event in await events(admin) if "rule_id" in event["details"]]
    assert [event["kind"] for event in found] == [
        "rule_removed", "person_allowed", "person_banned", "person_paused",
    ]  # fmt: skip
    assert found[-1]["actor"] == "ann"
    assert found[-1]["details"] == {
        "rule_id": paused["id"], "rule": "ban", "subject": "person", "user_key": key,
        "until": until, "reason": "spam",
    }  # fmt: skip


async def test_a_rule_outlives_the_persons_erasure_and_holds_no_telegram_id(
    admin: httpx.AsyncClient, sessions: Sessions, engine: AsyncEngine
) -> None:
    number = 71_203_355_910
    key = await add_person(sessions, telegram_id=number, first_name="Zoë")
    await put(admin, subject={"user_key": key}, kind="ban")
    await erase(sessions, key)
    [rule] = await listed(admin, subject="person")
    assert (rule["user_key"], rule["name"], rule["kind"]) == (None, None, "ban")
    back = await add_person(sessions, telegram_id=number, first_name="Zoë")
    assert [rule["user_key"] for rule in await listed(admin)] == [back]
    assert (await in_force(sessions, telegram_id=number)).access == "ban"
    # A person who never wrote can be banned, too.
    stranger = await put(admin, subject={"telegram_id": number + 1}, kind="ban")
    assert stranger["user_key"] is None
    async with engine.connect() as connection:
        stored = [
            (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            for table in ("access_rules", "audit_events")
        ]
    assert str(number)[:10] not in str(stored)


async def test_the_narrower_rule_counts_and_a_ban_of_the_person_or_the_group_always(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    key = await add_person(sessions, telegram_id=1, first_name="Zoë")
    everyone, group = {"role": "everyone"}, {"chat_id": -5}
    await put(admin, subject=everyone, kind="limits", daily_messages=5, daily_usd="0.50")
    await put(admin, subject=everyone, kind="models", models=["cheap"])
    await put(admin, subject={"user_key": key}, kind="limits", daily_messages=50, monthly_usd=7)
    await put(admin, subject=group, kind="limits", daily_messages=9)
    await put(admin, subject=group, kind="models", models=["grand", "cheap"])
    await put(admin, subject=everyone, kind="ban", until=tomorrow())

    mine = await in_force(sessions)

    assert (mine.access, mine.banned_until is None, mine.is_chat_banned) == ("ban", False, False)
    assert (mine.daily_messages, str(mine.daily_usd), mine.monthly_usd) == (50, "0.5000000000", 7)
    assert (mine.chat_daily_messages, mine.models) == (9, ["grand", "cheap"])
    other = await in_force(sessions, telegram_id=2, chat_id=-6)
    assert (other.daily_messages, other.chat_daily_messages, other.models) == (5, None, ["cheap"])
    assert (await in_force(sessions, is_admin=True)).access is None
    await put(admin, subject={"user_key": key}, kind="allow")
    assert (await in_force(sessions)).access == "allow"
    await put(admin, subject=group, kind="ban")
    closed = await in_force(sessions)
    assert (closed.access, closed.banned_until, closed.is_chat_banned) == ("ban", None, True)
    async with transaction(sessions) as session:
        ended = "UPDATE access_rules SET until = now() WHERE kind <> 'limits'"
        await session.execute(text(ended))
    assert (await in_force(sessions)).access is None
    assert {rule["is_active"] for rule in await listed(admin, kind="ban")} == {False}


async def test_a_group_is_named_by_a_dialog_and_a_private_chat_is_not(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    key = await add_person(sessions, telegram_id=1, first_name="Zoë")
    dialog = await add_dialog(sessions, user_key=key, texts=[])
    subject = {"dialog_id": str(dialog)}
    assert (await admin.put(RULES, json={"subject": subject, "kind": "ban"})).status_code == 400
    async with transaction(sessions) as session:
        await session.execute(text("UPDATE dialogs SET chat_type = 'supergroup'"))
    rule = await put(admin, subject=subject, kind="ban")
    assert (rule["subject"], rule["dialog_id"], rule["user_key"]) == ("chat", str(dialog), None)
    missing = {"subject": {"dialog_id": str(uuid4())}, "kind": "ban"}
    assert (await admin.put(RULES, json=missing)).status_code == 404


async def test_a_person_is_found_by_name_only_by_an_account_that_sees_names(
    admin: httpx.AsyncClient, sessions: Sessions
) -> None:
    keys = [
        await add_person(sessions, telegram_id=number, first_name=name)
        for number, name in enumerate(("Zoe", "Ann", "ZOE"), start=1)
    ]
    await put(admin, subject={"user_key": keys[0]}, kind="limits", daily_usd=0.25)

    answer = await admin.post(FIND, json={"username": "@zOe"})

    people = answer.json()["people"]
    assert [person["user_key"] for person in people] == [keys[2], keys[0]]
    assert [len(person["rules"]) for person in people] == [0, 1]
    assert people[1]["rules"][0]["daily_usd"] == 0.25
    assert answer.headers["cache-control"] == "no-store"
    read, *_ = await events(admin, what="names_read")
    assert (read["details"]["report"], read["details"]["user_keys"]) == ("rules", [keys[2]])
    narrow = await bearer(admin, scope="stats:read admin")
    refused = await admin.post(FIND, json={"username": "zoe"}, headers=narrow)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    nameless = await admin.post(FIND, json={"user_key": keys[0]}, headers=narrow)
    assert nameless.json()["people"][0]["name"] is None
    unknown = await admin.post(FIND, json={"telegram_id": 99})
    assert unknown.json()["people"][0]["user_key"] is None
    assert (await admin.post(FIND, json={"user_key": 99})).status_code == 404


WRONG: list[dict[str, Any]] = [
    {"subject": {}, "kind": "ban"},
    {"subject": {"user_key": 1, "role": "everyone"}, "kind": "ban"},
    {"subject": {"user_key": 0}, "kind": "ban"},
    {"subject": {"user_key": 2**31}, "kind": "ban"},
    {"subject": {"telegram_id": 2**63}, "kind": "ban"},
    {"subject": {"chat_id": 5}, "kind": "ban"},
    {"subject": {"role": "people"}, "kind": "ban"},
    {"subject": {"role": "everyone"}, "kind": "mute"},
    {"subject": {"role": "everyone"}, "kind": "ban", "until": "2020-01-01T00:00:00Z"},
    {"subject": {"role": "everyone"}, "kind": "ban", "until": "9999-12-31T23:59:59-01:00"},
    {"subject": {"role": "everyone"}, "kind": "ban", "models": ["a"]},
    {"subject": {"role": "everyone"}, "kind": "ban", "reason": "x" * 501},
    {"subject": {"role": "everyone"}, "kind": "limits"},
    {"subject": {"role": "everyone"}, "kind": "limits", "daily_messages": 0},
    {"subject": {"role": "everyone"}, "kind": "limits", "daily_usd": "NaN"},
    {"subject": {"role": "everyone"}, "kind": "limits", "daily_usd": 1e300},
    {"subject": {"chat_id": -5}, "kind": "limits", "monthly_usd": 1},
    {"subject": {"role": "everyone"}, "kind": "models", "models": []},
    {"subject": {"role": "everyone"}, "kind": "models", "models": ["two words"]},
]


async def test_wrong_rules_are_refused(admin: httpx.AsyncClient) -> None:
    for body in WRONG:
        answer = await admin.put(RULES, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), body
    assert await listed(admin) == []


async def test_only_admins_see_and_change_rules(admin: httpx.AsyncClient) -> None:
    narrow = await bearer(admin, scope="stats:read names:read texts:read")
    body = {"subject": {"role": "everyone"}, "kind": "ban"}
    for answer in (
        await admin.get(RULES, headers=narrow),
        await admin.put(RULES, json=body, headers=narrow),
        await admin.delete(f"{RULES}/1", headers=narrow),
        await admin.post(FIND, json={"user_key": 1}, headers=narrow),
    ):
        assert answer.status_code == 403


async def test_rules_are_listed_in_pages(admin: httpx.AsyncClient) -> None:
    made = [
        (await put(admin, subject={"telegram_id": number}, kind="ban"))["id"]
        for number in range(1, 6)
    ]
    seen: list[int] = []
    before: dict[str, int] = {}
    while True:
        page = (await admin.get(RULES, params={"limit": 2, **before})).json()
        seen += [rule["id"] for rule in page["rules"]]
        if page["next_before"] is None:
            break
        before = {"before": page["next_before"]}
    assert seen == made[::-1]


async def test_who_manages_people_manages_no_accounts(
    admin: httpx.AsyncClient, sessions: Sessions, engine: AsyncEngine
) -> None:
    key = await add_person(sessions, telegram_id=1, first_name="Zoë")
    for scopes, statuses in ((["people:manage"], [200, 403]), (["stats:read"], [403, 403])):
        await grant_now(engine, admin, scopes)
        ban = {"subject": {"user_key": key}, "kind": "ban"}
        answers = [await admin.put(RULES, json=ban), await admin.get("/api/v1/admin/accounts")]
        assert [answer.status_code for answer in answers] == statuses


def test_unknown_fields_of_nested_bodies_are_answered_with_the_permitted_ones() -> None:
    assert permitted_fields(NewRule, ("ban",)) == ["subject", "until", "reason", "kind"]
    subject = ["user_key", "telegram_id", "dialog_id", "chat_id", "role"]
    assert permitted_fields(NewRule, ("limits", "subject")) == subject
    assert permitted_fields(list[NewRule] | None, (0, "ban", "subject")) == subject
