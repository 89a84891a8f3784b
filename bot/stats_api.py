"""Asks the stats API over HTTP, with the key of the bot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import httpx2

from bot.settings import StatsApiSettings
from common.errors import DialyticsError
from common.log import get_logger

TIMEOUT_SECONDS = 5.0
"""A person has pressed a button and waits."""

log = get_logger(__name__)


class StatsApiProblem(StrEnum):
    NOT_SET_UP = "not_set_up"
    UNREACHABLE = "unreachable"
    WRONG_KEY = "wrong_key"
    NOT_PERMITTED = "not_permitted"
    """The key or its account lacks a scope."""
    NOT_PUBLISHED = "not_published"
    UNAVAILABLE = "unavailable"
    """The API answers, and a database behind it does not."""
    REFUSED = "refused"


class StatsApiError(DialyticsError):
    """The API did not answer with what it was asked for."""

    def __init__(self, problem: StatsApiProblem, code: str = "") -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.code = code
        """The API's own code of its refusal."""


class StatsApi:
    """A client of the stats API. Connections are opened on first use."""

    def __init__(self, settings: StatsApiSettings) -> None:
        self._client: httpx2.AsyncClient | None = None
        if settings.stats_api_key:
            key = settings.stats_api_key.get_secret_value()
            self._client = httpx2.AsyncClient(
                base_url=settings.stats_api_url,
                headers={"Authorization": f"Bearer {key}"},
                timeout=TIMEOUT_SECONDS,
            )

    async def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """The body of an answer, exact numbers as Decimal.

        Raises:
            StatsApiError: there is no such answer.
        """
        return await self.send("GET", path, parameters=parameters)

    async def checks(self) -> dict[str, str]:
        """The API's own checks by name, `ok` or what is wrong. Needs no key.

        Raises:
            StatsApiError: the API does not answer.
        """
        answer = await self._request("GET", "/ready")
        content = _content(answer)
        checks = content.get("checks") if isinstance(content, dict) else None
        if not isinstance(checks, dict):
            raise StatsApiError(StatsApiProblem.UNREACHABLE)
        return checks

    async def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        acting_person: int | None = None,
    ) -> dict[str, Any]:
        """The same for any method; `acting_person` is the operator's key, for the audit trail.

        Raises:
            StatsApiError: there is no such answer.
        """
        headers = {} if acting_person is None else {"X-Acting-Person": str(acting_person)}
        answer = await self._request(
            method, path, parameters=parameters, body=body, headers=headers
        )
        content = _content(answer)
        if answer.is_success and isinstance(content, dict):
            return content
        code = str(content.get("code", "")) if isinstance(content, dict) else ""
        log.warning("stats_api_refused", path=path, status=answer.status_code, code=code)
        raise StatsApiError(_problem(answer.status_code, code), code)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        if self._client is None:
            raise StatsApiError(StatsApiProblem.NOT_SET_UP)
        try:
            return await self._client.request(
                method, path, params=parameters, json=body, headers=headers
            )
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            log.warning("stats_api_unreachable", path=path, cause=type(error).__name__)
            raise StatsApiError(StatsApiProblem.UNREACHABLE) from error

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _content(answer: httpx2.Response) -> Any:
    if not answer.content:
        return {}
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        return None


def _problem(status: int, code: str) -> StatsApiProblem:
    if code == "not_published_yet":
        return StatsApiProblem.NOT_PUBLISHED
    match status:
        case 401:
            return StatsApiProblem.WRONG_KEY
        case 403:
            return StatsApiProblem.NOT_PERMITTED
        case _ if status >= 500:  # noqa: PLR2004 # without a code a proxy answers for the API
            return StatsApiProblem.UNAVAILABLE if code else StatsApiProblem.UNREACHABLE
    return StatsApiProblem.REFUSED
