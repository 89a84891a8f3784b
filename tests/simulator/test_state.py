"""A simulator that was killed takes back what it had accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import SettingError
from simulator.app import Simulator, create_simulator
from simulator.journal import read_journal
from simulator.model.calls import ModelCall
from simulator.telegram.methods.messages import edit_message_text, send_message
from simulator.telegram.methods.parameters import Parameters
from simulator.telegram.methods.profile import set_webhook
from simulator.telegram.world import SimChat

GROUP = SimChat(id=-100700, type="supergroup", title="Group")


def started(directory: Path) -> Simulator:
    """A simulator on this directory; an earlier one is left as a kill leaves it."""
    return create_simulator(state_directory=directory)


def test_unconfirmed_updates_survive_and_confirmed_ones_do_not(tmp_path: Path) -> None:
    before = started(tmp_path)
    ids = [before.account.send_text(f"text {number}")[0] for number in range(5)]
    before.account.queue.confirm(ids[2])
    before.account.queue.settle(ids[3])
    after = started(tmp_path)
    assert [update_id for update_id, _ in after.account.queue.first(10)] == [ids[2], ids[4]]
    assert after.account.send_text("next")[0] > ids[4]


def test_ids_continue_after_everything_was_confirmed(tmp_path: Path) -> None:
    before = started(tmp_path)
    for _ in range(3000):
        (last,) = before.account.send_text("x")
    before.account.queue.confirm(last + 1)
    message_id = before.account.next_message_id()
    twice = started(tmp_path)
    again = started(tmp_path)
    assert len(twice.account.queue) == 0
    assert again.account.send_text("x")[0] > last
    assert again.account.next_message_id() >= message_id


def test_profile_and_sent_messages_survive(tmp_path: Path) -> None:
    before = started(tmp_path)
    set_webhook(before.account, Parameters({"url": "http://bot/hook", "secret_token": "s"}))
    before.account.save()
    before.account.add_to_group(GROUP)
    before.account.block()
    sent = send_message(before.account, Parameters({"chat_id": GROUP.id, "text": "a"}))
    after = started(tmp_path)
    edit = {"chat_id": GROUP.id, "message_id": sent["message_id"], "text": "b"}
    assert edit_message_text(after.account, Parameters(edit))["text"] == "b"
    assert after.account.webhook.secret_token == "s"
    assert after.account.blocked == before.account.blocked != set()
    assert after.account.next_message_id() > sent["message_id"]


def test_a_partial_last_record_is_skipped(tmp_path: Path) -> None:
    before = started(tmp_path)
    before.account.send_text("whole")
    with (tmp_path / "updates.jsonl").open("ab") as file:
        file.write(b'{"bot": 4242424242, "upd')
    after = started(tmp_path)
    after.account.send_text("next")
    assert len(started(tmp_path).account.queue) == 2


def test_every_model_call_is_logged(tmp_path: Path) -> None:
    simulator = started(tmp_path)
    call = ModelCall(model="m", text_sha256="0", stream=True)
    simulator.calls.start(call)
    simulator.calls.end(call, "answered")
    simulator.calls.end(call, "disconnected")
    events = [record["event"] for record in read_journal(tmp_path / "calls.jsonl")]
    assert events == ["started", "ended"]


def test_a_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"^SIMULATOR_STATE_DIR: cannot write"):
        started(tmp_path / "file")
