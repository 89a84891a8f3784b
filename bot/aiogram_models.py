"""Import aiogram without building its 600 pydantic models: each is built at its first use.

Built together they take most of the bot's start and 100 MB of memory; the bot uses a few dozen.
"""

from __future__ import annotations

import sys
from typing import Any

from pydantic import BaseModel


def import_aiogram() -> None:
    """Call this before anything else imports aiogram; later it changes nothing."""
    rebuild = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(_name_types)  # type: ignore[assignment, method-assign]
    BaseModel.model_config["defer_build"] = True
    try:
        import aiogram  # noqa: F401, PLC0415
    finally:
        del BaseModel.model_config["defer_build"]
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]


def _name_types(model: type[BaseModel], *, _types_namespace: dict[str, Any]) -> None:
    """Stands for `model_rebuild`, which aiogram calls to say what the names in annotations mean.

    Pydantic looks them up in the module of the model when it builds it.
    """
    names = vars(sys.modules[model.__module__])
    for name, value in _types_namespace.items():
        names.setdefault(name, value)
