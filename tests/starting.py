"""Which tests start a server or another program: read from their code and their fixtures'."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

OURS = frozenset(
    {
        *("api", "benchmarks", "bot", "common", "dashboards", "deploy", "embedded"),
        *("migrations", "pipelines", "simulator", "tests", "warehouse"),
    }
)
"""Packages whose code is read."""
STARTERS = (subprocess, asyncio.create_subprocess_exec, asyncio.create_subprocess_shell)


def starts_programs(item: pytest.Item) -> bool:
    """Whether the test, or a fixture that it uses, calls what starts another program."""
    if not isinstance(item, pytest.Function):
        return False
    used = item._fixtureinfo.name2fixturedefs.values()
    return any(_reaches(one) for one in (item.function, *(fixtures[-1].func for fixtures in used)))


@cache
def _reaches(begin: Any) -> bool:
    known, waiting = {id(begin)}, [begin]
    while waiting:
        for found in _used_by(waiting.pop()):
            if any(found is starter for starter in STARTERS):
                return True
            if id(found) not in known:
                known.add(id(found))
                waiting.append(found)
    return False


def _used_by(owner: Any) -> tuple[Any, ...]:
    owner = inspect.unwrap(owner) if callable(owner) else owner
    if isinstance(owner, staticmethod | classmethod):
        owner = owner.__func__
    return _names(owner) if isinstance(owner, FunctionType | type) else ()


@cache
def _names(owner: FunctionType | type) -> tuple[Any, ...]:
    """Objects that our function names; members and bases of our class."""
    if not _is_ours(owner.__module__):
        return ()
    if isinstance(owner, type):
        return (*vars(owner).values(), *owner.__bases__)
    return tuple(_resolved(owner))


def _resolved(function: FunctionType) -> Iterator[Any]:
    names = set(_global_names(function.__code__))
    for found in (function.__globals__.get(name) for name in names):
        if found is subprocess or isinstance(found, FunctionType | type):
            yield found
        elif isinstance(found, ModuleType) and (found is asyncio or _is_ours(found.__name__)):
            # It may be named as `module.function`.
            yield from (value for name, value in vars(found).items() if name in names)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


def _global_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)
