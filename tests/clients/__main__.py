"""`make clients`: clients of ClickHouse against the embedded server; prints JSON last."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.clients.suites import outcomes_of_junit, summary

HERE = Path(__file__).parent


def main() -> int:
    """Each file of tests is a suite."""
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "results.xml"
        code = subprocess.run(
            [sys.executable, "-m", "pytest", HERE, "-p", "no:randomly", f"--junitxml={results}"],
            check=False,
        ).returncode
        outcomes = outcomes_of_junit(results)
    suites = {}
    for name in sorted({test.partition("::")[0].rpartition(".")[2] for test in outcomes}):
        of_file = {test: how for test, how in outcomes.items() if f".{name}::" in f".{test}"}
        suites[name.removeprefix("test_")] = summary(name, of_file, [])
    ok = code == 0 and bool(suites)
    print(json.dumps({"suites": suites, "ok": ok}))  # noqa: T201 # the result
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
