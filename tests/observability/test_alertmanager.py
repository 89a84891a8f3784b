"""The route of alerts: Alertmanager accepts it, and a chat in Telegram gets the words."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from embedded.stack.readiness import free_ports
from tests.programs import program

PROJECT = Path(__file__).parents[2]
CONFIGURATION = PROJECT / "dashboards" / "prometheus" / "alertmanager.yml"
START = PROJECT / "deploy" / "alertmanager" / "start.sh"
CHAT = "-1001234567890"
TOKEN = "123456:pretended"
ALERT = {
    "labels": {"alertname": "ServiceDown", "job": "bot", "severity": "page"},
    "annotations": {"summary": "bot has not answered", "runbook": "docs/runbooks.md#servicedown"},
}


def debian_knows(content: str) -> str:
    """The same route for Debian's Alertmanager, which reads no token from a file."""
    assert "bot_token_file: /run/secrets/telegram_token" in content
    return content.replace("bot_token_file: /run/secrets/telegram_token", f"bot_token: '{TOKEN}'")


def start(directory: Path, *, alertmanager: str, chat: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", START, CONFIGURATION],
        env={
            "PATH": os.environ["PATH"],
            "TMPDIR": str(directory),
            "ALERTMANAGER": alertmanager,
            "OPERATOR_CHAT_ID": chat,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def made(directory: Path, chat: str) -> str:
    """Alertmanager's configuration for this chat."""
    outcome = start(directory, alertmanager="true", chat=chat)
    assert outcome.returncode == 0, outcome.stderr
    return (directory / "alertmanager.yml").read_text()


def receivers(content: str) -> set[str]:
    route = yaml.safe_load(content)["route"]
    return {one["receiver"] for one in (route, *route["routes"])}


def test_alertmanager_accepts_the_route_with_a_chat_and_without(tmp_path: Path) -> None:
    for chat in (CHAT, ""):
        file = tmp_path / "checked.yml"
        file.write_text(debian_knows(made(tmp_path, chat)))
        outcome = subprocess.run(
            [program("amtool"), "check-config", file], capture_output=True, text=True, check=False
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_route_ends_in_the_named_chat(tmp_path: Path) -> None:
    content = made(tmp_path, CHAT)
    assert receivers(content) == {"telegram"}
    telegram = next(
        one for one in yaml.safe_load(content)["receivers"] if "telegram_configs" in one
    )
    assert telegram["telegram_configs"][0]["chat_id"] == int(CHAT)


def test_without_a_chat_nobody_is_told(tmp_path: Path) -> None:
    assert receivers(made(tmp_path, "")) == {"nobody"}


def test_a_chat_that_is_no_number_is_refused(tmp_path: Path) -> None:
    outcome = start(tmp_path, alertmanager="true", chat="@operators")
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("OPERATOR_CHAT_ID: ")


def test_compose_mounts_this_route_and_hands_the_chat_over() -> None:
    service = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]["alertmanager"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in service["volumes"]}
    assert mounted[service["command"][0]] == "./dashboards/prometheus/alertmanager.yml"
    assert mounted[service["entrypoint"][1]] == "./deploy/alertmanager/start.sh"
    assert "OPERATOR_CHAT_ID" in service["environment"]
    assert not list((PROJECT / "deploy" / "alertmanager").glob("*.yml"))


class Telegram(BaseHTTPRequestHandler):
    """Takes what Alertmanager sends."""

    said: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:  # the name that the library calls
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.said.append((self.path, json.loads(body)))
        answer = json.dumps(
            {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "group"}}}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
        """Silent: the test looks at what was said."""


@pytest.fixture
def telegram() -> Iterator[ThreadingHTTPServer]:
    Telegram.said = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Telegram) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_real_alert_is_read_in_the_operators_chat(
    tmp_path: Path, telegram: ThreadingHTTPServer
) -> None:
    given = debian_knows(CONFIGURATION.read_text()).replace("group_wait: 30s", "group_wait: 1s")
    address = f"http://127.0.0.1:{telegram.server_port}"
    given = given.replace('parse_mode: ""', f'parse_mode: ""\n        api_url: {address}')
    (tmp_path / "given.yml").write_text(given)
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [
            *("sh", START, tmp_path / "given.yml"),
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        env={
            "PATH": os.environ["PATH"],
            "TMPDIR": str(tmp_path),
            "ALERTMANAGER": program("alertmanager"),
            "OPERATOR_CHAT_ID": CHAT,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        post_when_ready(f"http://127.0.0.1:{port}/api/v2/alerts", [ALERT])
        deadline = time.monotonic() + 80
        while not Telegram.said and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(timeout=60)
    path, message = Telegram.said[0]
    assert path == f"/bot{TOKEN}/sendMessage"
    assert message["chat_id"] == CHAT
    assert message["text"].splitlines() == [
        "bot has not answered",
        "docs/runbooks.md#servicedown",
    ]


def post_when_ready(url: str, alerts: list[Any]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.post(url, json=alerts, timeout=30).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
