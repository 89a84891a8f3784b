"""`make load`: many clients at a throw-away stack, judged; the last line is JSON.

The stack is started, filled with a history and published; then locust plays its clients (see
`scenarios`) and leaves an HTML report and CSV files. Client and server share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil

from benchmarks.load.verdict import LoadLimits, LoadResult, judge, read_entries
from common.errors import SettingError, StartupError
from common.process import run
from embedded.stack.api_client import ApiClient
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import PROJECT
from embedded.stack.smoke import isolated_plan

LOCUST = PROJECT / ".venv-load" / "bin" / "locust"
SCENARIOS = Path(__file__).with_name("scenarios.py")
ACCOUNT = "load"
LIMIT = "300/minute"
"""Rate limit of accounts with Basic and of logins. The dashboard's tokens are not limited."""
PUBLISH_SECONDS = 300.0
SPAWN_SECONDS = 10
WATCH_SECONDS = 2.0
INHERITED = ("PATH", "HOME", "TMPDIR", "LANG")


def main() -> int:
    arguments = _arguments()
    if not LOCUST.exists():
        raise StartupError("locust is not installed: use make load")
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    load_before = psutil.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        plan = isolated_plan(
            Path(directory),
            data=arguments.data.resolve() if arguments.data else None,
            STATS_API_RATE_LIMIT=LIMIT,
            STATS_DASHBOARD_RATE_LIMIT="100000/second",
        )
        with Stack(plan, progress=progress) as stack:
            turns = _load_history(stack, progress, messages=arguments.history)
            stack.start_services()
            progress.say(f"Making {arguments.users + 1} accounts; waiting for {turns} turns")
            _make_accounts(stack, users=arguments.users)
            _wait_until_published(stack, turns=turns)
            progress.say(f"{arguments.users} analysts for {arguments.seconds} s")
            memory = _play(stack, users=arguments.users, seconds=arguments.seconds, out=out)
    result = judge(
        read_entries(out / "load.json"),
        limits=LoadLimits(p95_ms=arguments.p95_ms, login_p95_ms=arguments.login_p95_ms),
        users=arguments.users,
        seconds=arguments.seconds,
        turns=turns,
        rss_mib=memory,
        load_before=round(load_before, 2),
    )
    _print(result, out)
    return 0 if result.ok else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--users", type=int, default=30, help="analysts at once")
    parser.add_argument("--seconds", type=int, default=60, help="measured time, after all came")
    parser.add_argument("--history", type=int, default=20_000, help="past messages")
    parser.add_argument("--out", type=Path, default=Path("load-report"), help="directory")
    parser.add_argument("--data", type=Path, help="gzip JSON lines instead of made-up dialogs")
    parser.add_argument("--p95-ms", type=float, default=250.0, help="above it the run fails")
    parser.add_argument("--login-p95-ms", type=float, default=2500.0, help="the same for logins")
    arguments = parser.parse_args()
    for name in ("users", "seconds", "history"):
        if getattr(arguments, name) < 1:
            raise SettingError(name.upper(), "must be at least 1")
    return arguments


def _load_history(stack: Stack, progress: Progress, *, messages: int) -> int:
    progress.say(f"Loading a history of {messages} messages")
    plan = stack.plan
    source = ("--data", str(plan.data_file)) if plan.data_file else ()
    output = stack.run(
        "simulator.demo.history",
        *source,
        "--limit",
        str(messages),
        environment=plan.history_environment(),
    )
    return int(json.loads(output.strip().splitlines()[-1])["turns"])


def _make_accounts(stack: Stack, *, users: int) -> None:
    plan = stack.plan
    password = plan.keys.secret("load_password")
    for name in [*(f"{ACCOUNT}{number}" for number in range(users)), f"{ACCOUNT}impatient"]:
        client = ApiClient(plan.api_url, username=name, password=password)
        try:
            client.register(plan.secret("admin_registration_token"))
        finally:
            client.close()


def _wait_until_published(stack: Stack, *, turns: int) -> None:
    plan = stack.plan
    login = (f"{ACCOUNT}0", plan.keys.secret("load_password"))
    deadline = time.monotonic() + PUBLISH_SECONDS
    with httpx.Client(base_url=plan.api_url, auth=login, timeout=30) as client:
        while True:
            body = {"metrics": ["turns"], "date_range": "all"}
            answer = client.post("/api/v1/query", json=body)
            found = answer.json()["results"][0]["metrics"][0] if answer.is_success else 0
            if found >= turns:
                return
            if time.monotonic() > deadline:
                raise StartupError(f"only {found} of {turns} turns were published in time")
            time.sleep(1)


def _play(stack: Stack, *, users: int, seconds: int, out: Path) -> int:
    """Run locust to its end; returns the stack's memory in MiB at its greatest."""
    plan = stack.plan
    out = out.resolve()
    command = [
        *(str(LOCUST), "--locustfile", str(SCENARIOS), "--headless", "--only-summary"),
        *("--host", plan.api_url, "--loglevel", "WARNING"),
        *("--users", str(users + 1), "--spawn-rate", str(users / SPAWN_SECONDS)),
        *("--run-time", f"{seconds + SPAWN_SECONDS}s", "--reset-stats", "--stop-timeout", "10"),
        *("--csv", str(out / "load"), "--html", str(out / "load.html")),
        *("--json-file", str(out / "load"), "--exit-code-on-error", "0"),
    ]
    environment = {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "LOAD_ACCOUNT": ACCOUNT,
        "LOAD_USERS": str(users),
        "LOAD_PASSWORD": plan.keys.secret("load_password"),
    }
    memory = 0
    with (out / "locust.log").open("wb") as log:
        locust = subprocess.Popen(  # noqa: S603 # our own command
            command, env=environment, stdout=log, stderr=log
        )
        try:
            while locust.poll() is None:
                memory = max(memory, stack.memory_mib())
                time.sleep(WATCH_SECONDS)
        finally:
            if locust.poll() is None:
                locust.terminate()
                locust.wait(timeout=30)
    if locust.returncode != 0:
        raise StartupError(f"locust failed: see {out / 'locust.log'}")
    return memory


def _print(result: LoadResult, out: Path) -> None:
    print(f"{'':28} {'requests':>9} {'rps':>7} {'mean':>7} {'p50':>6} {'p95':>6} {'p99':>6} ms")
    for name, one in sorted(result.scenarios.items()):
        print(
            f"{name:28} {one.requests:9} {one.rps:7.1f} {one.mean_ms:7.1f} {one.p50_ms:6.0f}"
            f" {one.p95_ms:6.0f} {one.p99_ms:6.0f}{f'  {one.errors} errors' * bool(one.errors)}"
        )
    print(f"Report: {out / 'load.html'}")
    figures = asdict(result)
    del figures["scenarios"]
    print(json.dumps(figures))


if __name__ == "__main__":
    run(main)
