"""The query strings of the stats routes: validated, and as OpenAPI lists them."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from api.errors import InvalidRequestError
from api.http.query_string import single_values
from api.stats.arguments import FormatQuery

LONGEST_QUERY = 4096

QueryT = TypeVar("QueryT", bound=FormatQuery)


def validated(arguments: type[QueryT], raw: bytes) -> QueryT:
    """The arguments in a query string.

    The framework's own models of a query take 0.3 ms a request, more than a kept answer.

    Raises:
        InvalidRequestError: arguments are unknown or wrong.
    """
    if len(raw) > LONGEST_QUERY:
        raise InvalidRequestError("The query string is too long.", code="invalid_request")
    try:
        return arguments.model_validate(single_values(raw))
    except ValidationError as error:
        raise InvalidRequestError(
            "The request has wrong or missing parts.",
            code="invalid_request",
            details=[
                {
                    "where": ["query", *(str(step) for step in problem["loc"])],
                    "problem": problem["msg"],
                }
                for problem in error.errors(include_url=False, include_input=False)
            ],
        ) from error
    except ValueError as error:  # more fields than any request needs
        raise InvalidRequestError("Too many arguments.", code="invalid_request") from error


def parameters(arguments: type[FormatQuery]) -> list[dict[str, Any]]:
    """The same arguments as OpenAPI lists them."""
    schema = arguments.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})

    def inlined(node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return {**{k: v for k, v in target.items() if k != "description"}, **rest}
        # An argument that is not given is absent, never null.
        for choice in node.get("anyOf", ()):
            if choice.get("type") != "null":
                rest = {
                    key: value for key, value in node.items() if key not in {"anyOf", "default"}
                }
                return {**inlined(choice), **rest}
        return node

    listed = []
    for name, node in schema["properties"].items():
        shape = inlined(node)
        shape.pop("title", None)
        description = shape.pop("description", None)
        listed.append(
            {"name": name, "in": "query", "required": False, "schema": shape}
            | ({"description": description} if description else {})
        )
    return listed
