"""The stack's own calls to the stats API: make an account, read the numbers."""

from __future__ import annotations

import time
from typing import Any

import httpx

from common.errors import StartupError

FIRST_PUBLICATION_SECONDS = 120.0
PAUSE_SECONDS = 0.5


class ApiClient:
    """A client of one account (HTTP Basic)."""

    def __init__(self, url: str, *, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._http = httpx.Client(base_url=url, auth=(username, password), timeout=30)

    def register(self, admin_token: str) -> None:
        """Make the account; an existing one of this name is fine.

        Raises:
            StartupError: the API refuses.
        """
        answer = self._http.post(
            "/api/v1/auth/register",
            json={
                "username": self._username,
                "password": self._password,
                "admin_token": admin_token,
            },
        )
        if answer.status_code not in {httpx.codes.CREATED, httpx.codes.OK} and not (
            answer.status_code == httpx.codes.BAD_REQUEST and self._knows_me()
        ):
            raise StartupError(f"the API refuses to register {self._username}: {answer.text}")

    def _knows_me(self) -> bool:
        return self._http.get("/api/v1/auth/me").status_code == httpx.codes.OK

    def stats(self, period: str) -> dict[str, Any]:
        """The dashboard's answer for `day`, `week` or `month`."""
        body: dict[str, Any] = self._ask("GET", "/api/v1/stats", params={"period": period})
        return body

    def query(self, metrics: list[str], dimensions: list[str]) -> list[dict[str, Any]]:
        """Rows `{"metrics", "dimensions"}` over all data, at most 1,000 of them."""
        body = self._ask(
            "POST",
            "/api/v1/query",
            json={
                "metrics": metrics,
                "dimensions": dimensions,
                "date_range": "all",
                "pagination": {"limit": 1000},
            },
        )
        rows: list[dict[str, Any]] = body["results"]
        return rows

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer's body. Waits for the first publication of a new stack."""
        deadline = time.monotonic() + FIRST_PUBLICATION_SECONDS
        while True:
            answer = self._http.request(method, path, **arguments)
            is_early = (
                answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
                and answer.json()["code"] == "not_published_yet"
            )
            if not is_early or time.monotonic() > deadline:
                answer.raise_for_status()
                return answer.json()
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        self._http.close()
