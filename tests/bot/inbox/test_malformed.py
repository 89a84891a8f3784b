"""Updates that cannot be parsed or whose handler fails are parked."""

from __future__ import annotations

from common.encryption import bindings
from simulator.telegram.faults import (
    MALFORMED,
)
from tests.bot.conftest import Start, World, breaks_down, group
from tests.bot.handlers.test_commands import press_forget
from tests.running import eventually


async def test_an_unparsable_update_is_sealed_for_its_user_and_erased_with_them(world: World):
    await world.ask("hello")
    put = world.simulator.account.queue.put
    of_a_person = put({"message": {"text": "my secret", "chat": "moon", "from": {"id": 1001}}})
    of_a_stranger = put({"message": {"text": "a secret", "chat": "moon", "from": {"id": 7}}})
    of_nobody = put({"message": {"text": "a riddle", "chat": "moon", "from": {"id": True}}})
    await world.settled()

    parked = {update.update_id: update for update in await world.updates()}

    [person] = await world.rows("SELECT key FROM users")
    mine = parked[of_a_person]
    assert (mine.outcome, mine.kind, mine.user_key) == ("parked", "unreadable", person.key)
    binding = bindings.payload(mine.bot_id, mine.update_id)
    assert b"my secret" in (await world.sealer()).open(mine.payload or b"", binding)
    stranger = parked[of_a_stranger]
    assert (stranger.outcome, stranger.user_key, stranger.payload) == ("parked", None, None)
    assert stranger.error
    other = parked[of_nobody]
    binding = bindings.payload(other.bot_id, other.update_id)
    assert b"a riddle" in world.vault.installation.open(other.payload or b"", binding)
    await press_forget(world, "forget:yes")
    await eventually(lambda: is_let_go(world, of_a_person))


async def is_let_go(world: World, update_id: int | None) -> bool:
    [row] = await world.rows("SELECT * FROM updates WHERE update_id = :id", id=update_id)
    return (row.outcome, row.payload, row.user_key) == ("parked", None, None)


async def test_an_unparsable_update_is_parked_and_the_rest_of_its_batch_is_answered(
    world: World,
):
    for malformed in MALFORMED:
        world.simulator.account.queue.put(dict(malformed))
    world.simulator.account.queue.put_raw(b'["not an update", 7]')
    world.write("hello")

    await world.replies(1)

    updates = await world.settled()
    outcomes = [update.outcome for update in updates]
    assert outcomes.count("turn") == 1
    assert outcomes.count("parked") >= len(MALFORMED) - 1
    parked = [update for update in updates if update.outcome == "parked"]
    assert all(update.kind == "unreadable" and update.error for update in parked)
    assert all(update.payload for update in parked), "kept aside, whole"


async def test_an_update_whose_handler_always_fails_is_parked_after_its_attempts(start: Start):
    world = await start(max_update_attempts=3)

    async def break_down(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("a bug about secret text")

    world.app.turns.answer = break_down  # type: ignore[assignment,method-assign] # a bug on purpose
    world.write("poison")

    [update] = await world.settled()

    assert (update.outcome, update.attempts) == ("parked", 3)
    assert update.error is not None
    assert "RuntimeError" in update.error
    assert "secret" not in update.error
    assert "hello" not in await world.ask("/help")
    settled = world.app.metrics.registry.get_sample_value(
        "bot_updates_settled_total", {"outcome": "parked"}
    )
    assert settled == 1


async def test_a_user_is_notified_of_a_parked_update_in_their_language(start: Start):
    world = await start(max_update_attempts=2)
    world.app.turns.answer = breaks_down  # type: ignore[assignment,method-assign] # a bug on purpose

    assert "не может ответить" in await world.ask("привет", language="ru")

    assert [update.outcome for update in await world.settled()] == ["parked"]
    assert len(await world.replies()) == 1


async def test_a_notice_that_cannot_be_sent_does_not_prevent_parking(
    start: Start,
):
    world = await start(max_update_attempts=2)
    world.app.turns.answer = breaks_down  # type: ignore[assignment,method-assign] # a bug on purpose
    world.simulator.account.blocked.add(1001)
    world.write("hello")

    assert [update.outcome for update in await world.settled()] == ["parked"]

    world.simulator.account.blocked.clear()
    assert await world.ask("/help"), "its lane goes on"


async def test_a_group_gets_no_notice_of_a_parked_update_that_was_not_for_the_bot(start: Start):
    world = await start(max_update_attempts=2)
    name = world.simulator.account.username
    await world.ask("hello")
    world.app.processor._dispatcher.feed_update = breaks_down  # type: ignore[method-assign,assignment] # a bug on purpose
    chat = group()

    world.write("between us", chat=chat)
    world.write(f"@{name} and you?", chat=chat)

    await world.settled()
    assert [update.outcome for update in await world.updates()] == ["turn", "parked", "parked"]
    assert len(await world.replies(1, chat=chat.id)) == 1
