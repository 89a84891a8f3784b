"""aiogram's models are built at their first use, and mean what aiogram meant."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import PROJECT

LATE = "from bot.aiogram_models import import_aiogram; import_aiogram()"
MODELS = """
import inspect, json, sys
import aiogram
from pydantic import BaseModel
every = {**vars(aiogram.types), **vars(aiogram.methods)}
models = [one for one in every.values() if inspect.isclass(one) and issubclass(one, BaseModel)]
"""
USED = """
complete = [model.__name__ for model in models if model.__pydantic_complete__]
message = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}
origin = {"type": "hidden_user", "date": 1, "sender_user_name": "Ann"}
update = aiogram.types.Update.model_validate(
    {"update_id": 1, "message": {**message, "forward_origin": origin}}
)
print(json.dumps([len(models), complete, type(update.message.forward_origin).__name__]))
"""
FIELDS = """
for model in models:
    model.model_rebuild()
    assert model.__pydantic_complete__, model
print(json.dumps({str(one): {k: str(v) for k, v in one.model_fields.items()} for one in models}))
"""


def run(*program: str) -> Any:
    return json.loads(
        subprocess.check_output([sys.executable, "-c", "\n".join(program)], cwd=PROJECT)
    )


def test_no_model_is_built_before_it_is_used_and_then_it_knows_all_others() -> None:
    count, complete, origin = run(LATE, MODELS, USED)
    assert count > 500
    # Names in the modules of aiogram's types that are not types.
    assert set(complete) <= {"BaseModel"}
    assert origin == "MessageOriginHiddenUser"


@pytest.mark.long
def test_every_model_has_the_fields_that_aiogram_builds_at_once() -> None:
    late, at_once = (
        json.loads(re.sub(" at 0x[0-9a-f]+", "", json.dumps(found)))
        for found in (run(LATE, MODELS, FIELDS), run(MODELS, FIELDS))
    )
    assert late == at_once
