"""Starts a real Prometheus with the project's own configuration and rules."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from embedded.stack.plan import PROJECT
from embedded.stack.readiness import free_ports
from tests.programs import program

PROMETHEUS = PROJECT / "dashboards" / "prometheus"
RULES = PROMETHEUS / "rules" / "alerts.yml"


@contextmanager
def scraping(
    targets: Mapping[str, str], directory: Path, *, rules: Path = RULES, seconds: int
) -> Iterator[str]:
    """The URL of one that asks the target of every job, each so many seconds."""
    command = program("prometheus")
    content = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    content["global"] = {
        "scrape_interval": f"{seconds}s",
        "scrape_timeout": f"{seconds}s",
        "evaluation_interval": "1s",
    }
    content["rule_files"] = [str(rules)]
    del content["alerting"]
    for job in content["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(content))
    (port,) = free_ports(1)
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            [
                command,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def ask(url: str, path: str) -> Any:
    answer = httpx.get(f"{url}/api/v1/{path}", timeout=60)
    answer.raise_for_status()
    return answer.json()["data"]
