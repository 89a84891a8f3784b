"""`make test-web`: the dashboard's unit tests, then the browser's; one JSON line last."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.e2e.constants import LARGEST_FIRST_PAGE_KIB
from tests.e2e.web.world import DIST, PROJECT

WEB = PROJECT / "dashboards" / "web"
MIN_COVERAGE = 85
BROWSERS = 2
FIRST_PAGE = ("index.html", "src/i18n/en.json?first")


@dataclass(frozen=True, kw_only=True)
class WebResult:
    """The last line of `make test-web`."""

    unit_tests: int
    unit_failed: int
    coverage: float
    """Per cent of lines."""
    e2e_tests: int
    e2e_failed: int
    browsers: int
    axe_findings: int
    """Serious ones, on all pages that the tests examined."""
    first_page_kib: float
    """Everything that a first visit loads, gzipped."""
    ok: bool


@dataclass(frozen=True, kw_only=True)
class BrowserResult:
    """Counts of the tests in the browsers."""

    tests: int
    failed: int
    browsers: int
    axe_findings: int


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        unit_tests, unit_failed, coverage = run_unit_tests(Path(directory) / "unit.json")
        e2e = run_browser_tests(Path(directory) / "e2e.xml")
    first_page_kib = round(first_page_bytes() / 1024, 1)
    result = WebResult(
        unit_tests=unit_tests,
        unit_failed=unit_failed,
        coverage=coverage,
        e2e_tests=e2e.tests,
        e2e_failed=e2e.failed,
        browsers=e2e.browsers,
        axe_findings=e2e.axe_findings,
        first_page_kib=first_page_kib,
        ok=unit_tests > 0
        and e2e.tests > 0
        and e2e.browsers == BROWSERS
        and unit_failed == e2e.failed == e2e.axe_findings == 0
        and coverage >= MIN_COVERAGE
        and first_page_kib <= LARGEST_FIRST_PAGE_KIB,
    )
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


def run_unit_tests(report: Path) -> tuple[int, int, float]:
    """(tests, failed, per cent of lines covered). A run that breaks counts as one failure."""
    subprocess.run(
        ["npm", "test", "--", "--reporter=default", "--reporter=json", f"--outputFile={report}"],
        cwd=WEB,
        check=False,
        stdout=sys.stderr,
    )
    if not report.is_file():
        return 0, 1, 0.0
    found: dict[str, Any] = json.loads(report.read_bytes())
    summary: dict[str, Any] = json.loads((WEB / "coverage" / "coverage-summary.json").read_bytes())
    broken = 0 if found["success"] or found["numFailedTests"] else 1
    return (
        found["numTotalTests"],
        found["numFailedTests"] + broken,
        summary["total"]["lines"]["pct"],
    )


def run_browser_tests(report: Path) -> BrowserResult:
    """A run that breaks counts as one failure."""
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/e2e/web", f"--junitxml={report}"],
        cwd=PROJECT,
        check=False,
        stdout=sys.stderr,
    )
    if not report.is_file():
        return BrowserResult(tests=0, failed=1, browsers=0, axe_findings=0)
    # pytest's own report of the run just made, not a document of somebody else.
    root = ET.parse(report).getroot()  # noqa: S314
    counts = [
        (int(one.get("tests", 0)), int(one.get("failures", 0)) + int(one.get("errors", 0)))
        for one in root.iter("testsuite")
    ]
    recorded = {
        one.get("name"): int(one.get("value", 0)) for one in root.iterfind("testsuite/properties/*")
    }
    return BrowserResult(
        tests=sum(tests for tests, _ in counts),
        failed=sum(failed for _, failed in counts),
        browsers=recorded.get("browsers", 0),
        axe_findings=recorded.get("axe_findings", 0),
    )


def first_page_bytes() -> int:
    """Gzipped bytes of the page, its scripts and styles, and the texts of one language."""
    manifest: dict[str, dict[str, Any]] = json.loads(
        (DIST / ".vite" / "manifest.json").read_bytes()
    )
    files = {"index.html", "icon.svg"}
    waiting, seen = list(FIRST_PAGE), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        entry = manifest[name]
        files |= {entry["file"], *entry.get("css", [])}
        waiting += entry.get("imports", [])
    return sum(len(gzip.compress((DIST / file).read_bytes(), 9)) for file in files)


if __name__ == "__main__":
    sys.exit(main())
