"""The webhook: its secret, its networks, and what it does with updates."""

from __future__ import annotations

import asyncio
from io import BytesIO

import pytest
from multidict import CIMultiDict

from bot.inbox.http import (
    MAX_BODY_BYTES,
    WebhookConfig,
    WebhookHandler,
)
from tests.bot.conftest import MODEL, Start, World
from tests.bot.constants import WEBHOOK, WEBHOOK_SECRET, WEBHOOK_URL
from tests.bot.requests import all_settled, post, text_update
from tests.running import eventually


@pytest.fixture
async def hooked(start: Start) -> World:
    """A bot in webhook mode."""
    return await start(**WEBHOOK)


async def test_the_webhook_is_registered_with_its_secret(hooked: World):
    await eventually(lambda: is_set(hooked))
    webhook = hooked.simulator.account.webhook
    assert (webhook.url, webhook.secret_token) == (WEBHOOK_URL, WEBHOOK_SECRET)
    # The simulator would deliver to that address for ever.
    webhook.url = ""


async def is_set(world: World) -> bool:
    return bool(world.simulator.account.webhook.url)


async def test_the_webhook_requires_its_secret(hooked: World):
    body = text_update(1)
    assert await post(hooked, body, secret=None) == 401
    assert await post(hooked, body, secret="") == 401
    assert await post(hooked, body, secret="wrong") == 401
    assert await post(hooked, body, secret="сек🔑рет") == 401
    assert await hooked.updates() == []
    assert await post(hooked, body) == 200
    await hooked.replies(1)


async def test_the_webhook_refuses_what_is_no_update(hooked: World):
    assert await post(hooked, b"{not json") == 400
    assert await post(hooked, b"[]") == 400
    assert await post(hooked, b"null") == 400
    assert await post(hooked, b'{"message": {}}') == 400
    assert await post(hooked, b'{"update_id": true}') == 400
    assert await post(hooked, b"[" * 100_000) == 400
    assert await post(hooked, BytesIO(b"x" * (MAX_BODY_BYTES + 1))) == 413
    assert await hooked.updates() == []


async def test_the_webhook_parks_an_unparsable_update_and_returns_200(hooked: World):
    assert await post(hooked, b'{"update_id": 5, "message": {"chat": "moon"}}') == 200
    [update] = await hooked.updates()
    assert (update.outcome, update.kind) == ("parked", "unreadable")


async def test_the_same_update_five_times_at_once_is_one_turn(hooked: World):
    statuses = await asyncio.gather(*(post(hooked, text_update(77)) for _ in range(5)))

    assert statuses == [200] * 5
    await hooked.replies(1)
    assert len(await hooked.turns()) == 1
    assert len(hooked.simulator.calls) == 1


async def test_updates_out_of_order_are_answered_once_each(hooked: World):
    order = [5, 3, 9, 1, 5, 3]
    for update_id in order:
        assert await post(hooked, text_update(update_id, person=update_id)) == 200
    await eventually(lambda: all_settled(hooked, 4))
    assert len(hooked.simulator.calls) == 4


async def test_two_replicas_behind_one_webhook_share_the_inbox(start: Start):
    settings = {"telegram_webhook_url": WEBHOOK_URL, "telegram_webhook_secret": WEBHOOK_SECRET}
    replicas = [await start(**settings), await start(**settings)]
    replicas[0].simulator.model.set_behaviour(MODEL, first_token_seconds=0.05)
    for number in range(30):
        status = await post(
            replicas[number % 2], text_update(number + 1, f"{number}", person=number % 3 + 1)
        )
        assert status == 200

    await eventually(lambda: all_settled(replicas[0], 30))

    world = replicas[0]
    assert len(world.simulator.calls) == 30
    assert world.simulator.counters.messages_sent == 30
    rows = await world.rows(
        "SELECT u.lane, array_agg(u.update_id ORDER BY t.answered_at) AS ids"
        " FROM updates u JOIN turns t ON t.id = u.turn_id GROUP BY u.lane"
    )
    assert all(row.ids == sorted(row.ids) for row in rows)


async def test_stop_reaches_a_turn_that_another_replica_runs(start: Start):
    settings = {"telegram_webhook_url": WEBHOOK_URL, "telegram_webhook_secret": WEBHOOK_SECRET}
    one, two = await start(**settings), await start(**settings)
    one.simulator.model.set_behaviour(MODEL, answer="word " * 400, token_seconds=0.05)
    await post(one, text_update(1))
    await one.until(lambda: len(one.simulator.calls) == 1)

    await post(two, text_update(2, "/stop"))

    await eventually(lambda: all_settled(one, 2))
    [turn] = await one.turns()
    assert turn.status == "cancelled"


class _Request:
    def __init__(self, remote: str, *forwarded: str) -> None:
        self.remote = remote
        self.headers = CIMultiDict(("X-Forwarded-For", entry) for entry in forwarded)


@pytest.mark.parametrize(
    ("hops", "remote", "forwarded", "accepted"),
    [
        (0, "149.154.167.197", (), True),
        (0, "91.108.4.1", (), True),
        (0, "10.0.0.1", ("149.154.167.197",), False),
        (1, "10.0.0.1", ("149.154.167.197",), True),
        (1, "10.0.0.1", ("149.154.167.197, 8.8.8.8",), False),
        (1, "10.0.0.1", (), False),
        (0, "not an address", (), False),
    ],
)
def test_only_trusted_proxies_state_the_clients_address(
    *, hops: int, remote: str, forwarded: tuple[str, ...], accepted: bool
):
    receiver = WebhookHandler(
        WebhookConfig("/", b"x", networks_only=True, trusted_hops=hops), inbox=lambda: None
    )
    assert receiver._is_from_telegram(_Request(remote, *forwarded)) is accepted  # type: ignore[arg-type] # the two attributes it reads


async def test_other_networks_are_refused_if_only_telegrams_may_deliver(start: Start):
    world = await start(
        telegram_webhook_url=WEBHOOK_URL,
        telegram_webhook_secret=WEBHOOK_SECRET,
        telegram_networks_only=True,
    )
    assert await post(world, text_update(1)) == 403
