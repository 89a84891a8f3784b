"""From a raw query string to a question, remembered. Knows no report and no answer.

A dashboard asks the same few things again and again: validating and resolving them once per
quarter of an hour, on which every period turns, leaves nothing of it in the usual request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError

from api.answers.formats import Asked
from api.answers.questions import Question
from api.errors import InvalidRequestError
from api.http.query_string import single_values
from api.routes.arguments import FormatQuery
from warehouse.periods import PeriodName

MOST_PLANS = 500
LONGEST_QUERY = 4096
QUARTER_SECONDS = 900

QueryT = TypeVar("QueryT", bound=FormatQuery)
Make = Callable[[Any, datetime, datetime | None], Question]
PlanKey = tuple[bytes, int, datetime | None]


def may_ask_for_all(raw: bytes) -> bool:
    """Whether a query string may name the period `all`; it need not."""
    return PeriodName.ALL.encode() in unquote_to_bytes(raw)


class Planner(Generic[QueryT]):
    """The questions of one route.

    Args:
        arguments: what the route takes.
        make: the question for valid arguments, at a moment, of data with a beginning.
    """

    def __init__(self, arguments: type[QueryT], make: Make) -> None:
        self._arguments = arguments
        self._make = make
        self._plans: OrderedDict[PlanKey, tuple[Question, Asked]] = OrderedDict()

    def plan(
        self, raw: bytes, *, now: datetime, beginning: datetime | None = None
    ) -> tuple[Question, Asked]:
        """The question that a query string asks, and how its answer is asked for.

        `beginning` of the data is needed where it `may_ask_for_all`.

        Raises:
            InvalidRequestError: arguments are unknown or wrong.
            PeriodError: they make no period.
        """
        key = (raw, int(now.astimezone(UTC).timestamp()) // QUARTER_SECONDS, beginning)
        found = self._plans.get(key)
        if found is None:
            query = self._validated(raw)
            found = (self._make(query, now, beginning), query.asked)
            self._plans[key] = found
            if len(self._plans) > MOST_PLANS:
                self._plans.popitem(last=False)
        return found

    def _validated(self, raw: bytes) -> QueryT:
        if len(raw) > LONGEST_QUERY:
            raise InvalidRequestError("The query string is too long.", code="invalid_request")
        try:
            return self._arguments.model_validate(single_values(raw))
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
        except ValueError as error:  # more fields than anybody needs
            raise InvalidRequestError("Too many arguments.", code="invalid_request") from error


@cache
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
