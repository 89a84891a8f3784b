"""Runs the suites of ClickHouse's own clients against the embedded server.

`make clients-suites SUITES=<folder>`: the folder has checkouts or bare repositories of
clickhouse-connect, clickhouse-js and clickhouse-go (with those that `go_suite.py` lists, each as
`<owner>+<name>`); nothing of them is kept here. A failure that `known_failures.toml` does not
explain is unexpected. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.clickhouse_process import ClickHouseProcess
from tests.clients.go_suite import clickhouse_go, missing_modules
from tests.clients.suite_run import Run, unpack

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
BIN = PROJECT / ".venv-clients" / "bin"
KNOWN_FAILURES = HERE / "known_failures.toml"
PORT = 8123
"""clickhouse-js has it written down."""
MEMORY_MIB = 4096


def clickhouse_connect(run: Run) -> dict[str, str]:
    """Its integration tests; its extensions are compiled here."""
    run.command(BIN / "python", "setup.py", "build_ext", "--inplace")
    run.command(
        *(BIN / "python", "-m", "pytest", "tests/integration_tests", "-q", "-n", "2"),
        *("--override-ini=addopts=", "-p", "no:cacheprovider", "--timeout", "300"),
        f"--junitxml={run.results}",
    )
    return outcomes_of_junit(run.results)


def clickhouse_js(run: Run) -> dict[str, str]:
    """The integration tests of its client for Node.js."""
    run.command(
        BIN / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"
    )
    # As its own `postinstall` does.
    run.command(BIN / "npm", "pkg", "delete", "type", cwd="node_modules/parquet-wasm")
    run.command(
        *(BIN / "npx", "vitest", "run", "--reporter=default", "--reporter=junit"),
        f"--outputFile.junit={run.results}",
        "--maxWorkers=4",
        cwd="packages/client-node",
    )
    return outcomes_of_junit(run.results)


SUITES: dict[str, Callable[[Run], dict[str, str]]] = {
    "clickhouse-connect": clickhouse_connect,
    "clickhouse-js": clickhouse_js,
    "clickhouse-go": clickhouse_go,
}


def outcomes_of_junit(path: Path) -> dict[str, str]:
    """Each test's outcome. A test that runs with several parameters has several names."""
    if not path.exists():
        return {"the suite runs": "failed"}
    outcomes = {}
    for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314 # written by our run
        tags = {child.tag for child in case}
        failed, skipped = tags & {"failure", "error"}, "skipped" in tags
        name = f"{case.get('classname')}::{case.get('name')}"
        outcomes[name] = "failed" if failed else "skipped" if skipped else "passed"
    return outcomes


def summary(name: str, outcomes: Mapping[str, str], known: list[dict[str, str]]) -> dict[str, Any]:
    failed = [test for test, outcome in outcomes.items() if outcome == "failed"]
    patterns = [entry["test"] for entry in known if entry["suite"] == name]
    unexpected = [
        test for test in failed if not any(fnmatchcase(test, pattern) for pattern in patterns)
    ]
    for test in unexpected:
        sys.stderr.write(f"unexpected in {name}: {test}\n")
    return {
        "passed": sum(outcome == "passed" for outcome in outcomes.values()),
        "failed": len(failed),
        "skipped": sum(outcome == "skipped" for outcome in outcomes.values()),
        "expected_failures": len(failed) - len(unexpected),
        "unexpected": len(unexpected),
    }


def run_suite(name: str, directory: Path, temporary: Path, folder: Path) -> dict[str, str]:
    data = temporary / f"{name}-data"
    data.mkdir()
    server = ClickHouseProcess(
        data,
        module="tests.clients.server",
        CLICKHOUSE_PORT=str(0 if name == "clickhouse-go" else PORT),
        CLICKHOUSE_MEMORY_MIB=str(MEMORY_MIB),
    )
    server.start()
    try:
        environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "TEST_MODE": "integration",
            "TZ": "UTC",
        }
        return SUITES[name](
            Run(directory, temporary / f"{name}.xml", environment, folder, server.port)
        )
    finally:
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suites", type=Path, required=True, help="folder with the repositories")
    parser.add_argument("--only", choices=SUITES, help="one of them")
    arguments = parser.parse_args()
    known = tomllib.loads(KNOWN_FAILURES.read_text(encoding="utf-8"))["known"]
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name in [arguments.only] if arguments.only else SUITES:
            sources = Path(directory) / name
            absent = missing_modules(arguments.suites) if name == "clickhouse-go" else []
            if not absent and not unpack(arguments.suites, name, sources):
                absent = [name]
            if absent:
                sys.stderr.write(f"{name}: {arguments.suites} has no {', '.join(absent)}\n")
                continue
            outcomes = run_suite(name, sources, Path(directory), arguments.suites)
            found[name] = summary(name, outcomes, known)
    ok = bool(found) and not any(suite["unexpected"] for suite in found.values())
    print(json.dumps({"suites": found, "ok": ok}))  # noqa: T201 # the result
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
