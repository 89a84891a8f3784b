"""Names the fields of a body that are permitted, where it has an unknown one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.errors import unknown_field


def with_permitted_fields(error: RequestValidationError, route: object) -> RequestValidationError:
    """The same problems; those with unknown fields of the route's body name the permitted ones."""
    body = route.body_field if isinstance(route, APIRoute) else None
    if body is None:
        return error
    return RequestValidationError(
        [_named(problem, body.field_info.annotation) for problem in error.errors()]
    )


def _named(problem: dict[str, Any], body: Any) -> dict[str, Any]:
    where, *steps = problem["loc"]
    if problem["type"] != "extra_forbidden" or where != "body":
        return problem
    return {**problem, "msg": unknown_field(permitted_fields(body, steps[:-1]))}


def permitted_fields(kind: Any, steps: Sequence[str | int]) -> list[str]:
    """The fields of the model that is reached by these steps, as pydantic states them.

    A step is a field, the index in a list, or the tag of a member of a union.
    """
    kinds = list(_members(kind))
    for step in steps:
        kinds = [inner for one in kinds for inner in _inside(one, step)]
    return list(dict.fromkeys(name for one in kinds for name in _fields(one)))


def _members(kind: Any) -> Iterator[Any]:
    """The kinds of which a value may be."""
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in {Union, UnionType}:
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    if isinstance(step, int):
        for item in get_args(kind)[:1]:
            yield from _members(item)
        return
    fields = _fields(kind)
    if step in fields:
        yield from _members(fields[step])
    elif any(get_origin(field) is Literal and step in get_args(field) for field in fields.values()):
        yield kind  # the step is its tag


def _fields(kind: Any) -> dict[str, Any]:
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
