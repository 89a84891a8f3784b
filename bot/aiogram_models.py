"""Imports aiogram without building its 600 pydantic models; each is built on first use.

Building all of them takes most of the start-up time and 100 MB; the bot uses a few dozen.
"""

from __future__ import annotations

import sys
from typing import Any

from pydantic import BaseModel


def import_aiogram() -> None:
    """Call this before anything imports aiogram; afterwards it has no effect."""
    rebuild = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(_name_types)  # type: ignore[assignment, method-assign]
    BaseModel.model_config["defer_build"] = True
    try:
        import aiogram  # noqa: F401, PLC0415
    finally:
        del BaseModel.model_config["defer_build"]
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]


def _name_types(model: type[BaseModel], *, _types_namespace: dict[str, Any]) -> None:
    """Replaces `model_rebuild`, which aiogram calls to resolve the names in annotations.

    Pydantic looks the names up in the model's module when it builds the model.
    """
    names = vars(sys.modules[model.__module__])
    for name, value in _types_namespace.items():
        names.setdefault(name, value)
