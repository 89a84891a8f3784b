"""Runs the examples of docs/simulator.md unchanged."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

from simulator.app import Simulator
from simulator.requests import UserAction
from simulator.telegram.world import SimUser
from tests.programs import program
from tests.simulator.conftest import Call

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8081"
KINDS = ["message", "edited_message", "callback_query", "message_reaction", "my_chat_member"]


def example() -> str:
    found = re.search(r"```sh people\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


async def test_the_acts_of_people_work_unchanged(simulator: Simulator, call: Call) -> None:
    await call("getUpdates", allowed_updates=[*KINDS, "stopped_message_generation"])
    run = await asyncio.create_subprocess_exec(
        *("sh", "-ec", example().replace(ADDRESS, simulator.url)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": str(Path(program("curl")).parent)},
    )
    told, problems = await run.communicate()
    assert run.returncode == 0, problems
    assert b"null" not in told, "each act is an update"
    updates = (await call("getUpdates"))["result"]
    assert Counter(kind for update in updates for kind in update.keys() - {"update_id"}) == {
        "message": 6,
        "my_chat_member": 3,
        "edited_message": 1,
        "callback_query": 1,
        "message_reaction": 1,
        "stopped_message_generation": 1,
    }
    messages = [update["message"] for update in updates if "message" in update]
    assert messages[0]["from"]["language_code"] == "de"
    assert messages[-1]["forward_origin"]["sender_user"]["first_name"] == "Bob"


def test_each_request_of_people_and_each_field_of_a_person_has_an_example() -> None:
    rows = re.findall(r"^\| `POST ([a-z/-]+)` \|(.*?)\|", PAGE, re.MULTILINE)
    listed = {path for path, body in rows if "`person`" in body}
    shown = set(re.findall(r"^say ([a-z/-]+)", example(), re.MULTILINE))
    assert len(listed) == len(UserAction.__subclasses__())
    assert shown == listed | {"messages/batch", "updates"}
    person = re.search(r'"person": (\{"id": 7, "first_name": [^}]*\})', example())
    assert person
    assert SimUser.model_validate_json(person[1]).model_fields_set == set(SimUser.model_fields)
