"""Reads the parameters of a Bot API call: query, form, multipart or JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import BodyPartReader, web

from simulator.telegram.errors import bad_request


@dataclass(frozen=True, slots=True)
class Upload:
    name: str
    content: bytes


@dataclass(slots=True)
class Parameters:
    """Typed access to parameters; missing and invalid ones are refused with Telegram's errors."""

    values: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name, default)
        return value if isinstance(value, str) else orjson.dumps(value).decode()

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.values.get(name, default)
        if value is None:
            raise bad_request(f"parameter {name!r} is required")
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_request(f"invalid {name} specified") from None

    def optional_integer(self, name: str) -> int | None:
        return self.integer(name) if self.values.get(name) not in (None, "") else None

    def flag(self, name: str) -> bool:
        value = self.values.get(name, False)
        return value is True or str(value).lower() in {"true", "1", "yes"}

    def json(self, name: str, kind: type[dict[str, Any] | list[Any]]) -> Any:
        """A JSON object or array; None if absent."""
        value = self.values.get(name)
        if value in (None, ""):
            return None
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                raise bad_request(f"can't parse {name} JSON object") from None
        if not isinstance(value, kind):
            expected = "Array" if kind is list else "Object"
            raise bad_request(f"can't parse {name}: expected an {expected}")
        return value

    def chat_id(self) -> int:
        if self.values.get("chat_id") in (None, ""):
            raise bad_request("chat_id is empty")
        try:
            return int(self.values["chat_id"])
        except (TypeError, ValueError):
            raise bad_request("chat not found") from None


async def read_parameters(request: web.Request) -> Parameters:
    """All parameters of the request; the body takes precedence over the query."""
    parameters = Parameters(values=dict(request.query))
    if request.method != "POST" or not request.can_read_body:
        return parameters
    match request.content_type:
        case "application/json":
            await _read_json(request, parameters)
        case "multipart/form-data":
            await _read_multipart(request, parameters)
        case _:
            form = await request.post()
            parameters.values |= dict(form.items())
    return parameters


async def _read_json(request: web.Request, parameters: Parameters) -> None:
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(body, dict):
        raise bad_request("object expected as JSON body")
    parameters.values |= body


async def _read_multipart(request: web.Request, parameters: Parameters) -> None:
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read(decode=True))
        if part.filename is not None:
            parameters.uploads[part.name] = Upload(part.filename, content)
            continue
        try:
            parameters.values[part.name] = content.decode()
        except UnicodeDecodeError:
            raise bad_request("strings must be encoded in UTF-8") from None
