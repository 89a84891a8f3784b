"""Clients of `make load`, for locust. Uses the API over HTTP only.

Analysts look at periods and wait one to three seconds in between. Impatient clients send twenty
requests per second with one account and get a 429 with the seconds to wait, which counts as
correct. Each kind of request is one line of the report.
"""

from __future__ import annotations

import itertools
import os
import random
from base64 import b64encode

from locust import FastHttpUser, between, constant_pacing, task
from locust.contrib.fasthttp import FastResponse

ACCOUNT = os.environ["LOAD_ACCOUNT"]
USERS = int(os.environ["LOAD_USERS"])
PASSWORD = os.environ["LOAD_PASSWORD"]
STATS = "/api/v1/stats"
NUMBERS = itertools.count()
IMPATIENT_PAUSE_SECONDS = 0.05
OK, TOO_MANY = 200, 429
BASIC = "Basic " + b64encode(f"{ACCOUNT}impatient:{PASSWORD}".encode()).decode()
QUERY = {
    "metrics": ["user_messages", "active_users", "cost_usd", "latency_p95_ms"],
    "date_range": "30d",
    "dimensions": ["time:day", "model"],
    "filters": [["is", "chat_type", ["private", "supergroup"]]],
    "order_by": [["user_messages", "desc"]],
}


class Analyst(FastHttpUser):
    """A person at the dashboard, with its kind of token."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        self.account = f"{ACCOUNT}{next(NUMBERS) % USERS}"
        self.chance = random.Random(self.account)
        self.tags: dict[str, str] = {}
        self.log_in()

    @task(1)
    def log_in(self) -> None:
        form = {"username": self.account, "password": PASSWORD, "client_id": "dashboard"}
        answer = self.client.post("/api/v1/auth/token", data=form, name="login")
        token = answer.json()["access_token"] if answer.status_code == OK else ""
        self.headers = {"Authorization": f"Bearer {token}"}

    @task(30)
    def day(self) -> None:
        self.look("stats day", f"{STATS}?period=day")

    @task(20)
    def week(self) -> None:
        self.look("stats week", f"{STATS}?period=week")

    @task(10)
    def month(self) -> None:
        self.look("stats month", f"{STATS}?period=month&compare=true")

    @task(10)
    def look_again(self) -> None:
        """As a browser does: with the tag of what it has."""
        path = f"{STATS}?period=week"
        headers = {**self.headers, "If-None-Match": self.tags.get(path, '"none"')}
        self.remember(path, self.client.get(path, headers=headers, name="stats week, with ETag"))

    @task(10)
    def health(self) -> None:
        self.client.get("/health", name="health")

    @task(8)
    def any_days(self) -> None:
        """A period that was not requested before, so that no cache has it."""
        first = self.chance.randint(2, 28)
        zone = self.chance.choice(("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"))
        arguments = f"period=month&tz={zone}&bot={self.chance.randint(1, 2**40)}"
        path = f"{STATS}/summary?{arguments}" if first % 2 else f"{STATS}/activity?{arguments}"
        self.look("stats, never asked before", path)

    @task(6)
    def query(self) -> None:
        self.client.post("/api/v1/query", json=QUERY, headers=self.headers, name="query")

    @task(3)
    def people(self) -> None:
        self.look("retention", f"{STATS}/retention?period=month")

    @task(3)
    def dialogs(self) -> None:
        answer = self.look("dialogs", f"{STATS}/dialogs?period=month&limit=50")
        cursor = answer.json().get("next_cursor") if answer.status_code == OK else None
        if cursor:
            self.look(
                "dialogs, next page", f"{STATS}/dialogs?period=month&limit=50&cursor={cursor}"
            )

    @task(2)
    def export_csv(self) -> None:
        self.look("export csv", f"{STATS}/activity?period=month&bucket=hour&format=csv")

    @task(2)
    def export_arrow(self) -> None:
        self.look("export arrow", f"{STATS}/users/top?period=month&limit=100&format=arrow")

    def look(self, name: str, path: str) -> FastResponse:
        answer = self.client.get(path, headers=self.headers, name=name)
        self.remember(path, answer)
        return answer

    def remember(self, path: str, answer: FastResponse) -> None:
        if tag := (answer.headers or {}).get("ETag"):
            self.tags[path] = tag


class Impatient(FastHttpUser):
    """One client over the limit of its account: some answers, then 429 with the way out."""

    fixed_count = 1
    wait_time = constant_pacing(IMPATIENT_PAUSE_SECONDS)

    @task
    def hammer(self) -> None:
        with self.client.get(
            f"{STATS}/freshness",
            headers={"Authorization": BASIC},
            name="rate limit: let in",
            catch_response=True,
        ) as answer:
            if answer.status_code != TOO_MANY:
                return
            answer.request_meta["name"] = "rate limit: told to wait"
            headers = answer.headers or {}
            waits = int(headers.get("Retry-After") or 0)
            if waits >= 1 and headers.get("X-RateLimit-Remaining") == "0":
                answer.success()
            else:
                answer.failure("429 without Retry-After, or something was left")
