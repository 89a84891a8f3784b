"""`python -m deploy.audit`: checks locked packages for known vulnerabilities; JSON last.

pip-audit queries the package index, npm its registry (for the dashboard's dependencies). If an
index has no advisories (a mirror, no network), this is reported and the exit code is not 0.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.process import run
from deploy.problem import PROJECT

TIMEOUT_SECONDS = 900
# The tools of load tests and benchmarks have locks of their own, beside dev.lock.
LOCKS = sorted((PROJECT / "requirements").glob("*.lock"))
DASHBOARD = PROJECT / "dashboards" / "web"
TOOLS = Path(sys.executable).parent


def audit(locks: Sequence[Path]) -> list[dict[str, Any]] | str:
    """The advisories for each locked package, or an error message."""
    answer, complaint = _ask(
        [
            str(TOOLS / "pip-audit"),
            *(f"--requirement={lock}" for lock in locks),
            "--disable-pip",
            "--require-hashes",
            "--format=json",
            "--progress-spinner=off",
        ]
    )
    if "dependencies" not in answer:
        return complaint
    dependencies: list[dict[str, Any]] = answer["dependencies"]
    return dependencies


def audit_dashboard() -> list[dict[str, Any]] | str:
    """The same of what the browser is sent: not of what only builds and tests it."""
    answer, complaint = _ask(
        [str(TOOLS / "npm"), "audit", "--omit=dev", "--json", "--fetch-retries=1"], DASHBOARD
    )
    if "vulnerabilities" not in answer:
        return str(answer.get("message") or complaint)
    lock = json.loads((DASHBOARD / "package-lock.json").read_text(encoding="utf-8"))
    return shipped(lock, answer)


def shipped(lock: Mapping[str, Any], report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Packages of npm's lock that are shipped, each with what the report says of it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in report["vulnerabilities"].values():
        # A name alone says that a dependency is vulnerable, which has an entry of its own.
        advisories = [via for via in entry["via"] if isinstance(via, dict)]
        for place in entry["nodes"]:
            found[place] = [
                {"id": via["url"], "fix_versions": [f"a version outside {via['range']}"]}
                for via in advisories
            ]
    return [
        {
            "name": place.rpartition("node_modules/")[2],
            "version": package["version"],
            "vulns": found.get(place, []),
        }
        for place, package in lock["packages"].items()
        if place and not package.get("dev")
    ]


def _ask(command: list[str], directory: Path = PROJECT) -> tuple[dict[str, Any], str]:
    """A program's JSON, empty when it gave none, and the last line of its complaints."""
    try:
        outcome = subprocess.run(
            command,
            cwd=directory,
            # npm looks for its Node.js there.
            env={**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no answer within {TIMEOUT_SECONDS} s"
    complaint = (outcome.stderr.strip().splitlines() or ["no message"])[-1]
    try:
        answer = json.loads(outcome.stdout)
    except json.JSONDecodeError:
        answer = {}
    return (answer if isinstance(answer, dict) else {}), complaint


def verdict(answer: list[dict[str, Any]] | str) -> tuple[list[str], dict[str, Any]]:
    """Lines to print, and the result. It is not ok if a package was not checked."""
    lines = []
    if isinstance(answer, str):
        lines.append(f"the advisory service cannot be asked: {answer}")
        answer = []
    vulnerable = [item for item in answer if item.get("vulns")]
    unknown = [item for item in answer if "skip_reason" in item]
    for item in vulnerable:
        for found in item["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version"
            lines.append(f"{item['name']} {item['version']}: {found['id']}, fixed in {fixed}")
    if unknown:
        lines.append(
            f"the package index has no advisories for {len(unknown)} of {len(answer)} packages:"
            " it is a mirror without them, or it cannot be reached"
        )
    return lines, {
        "packages": len(answer),
        "vulnerable": len(vulnerable),
        "not_audited": len(unknown),
        "ok": bool(answer) and not vulnerable and not unknown,
    }


def main() -> int:
    verdicts = {
        "requirements": verdict(audit(LOCKS)),
        "dashboards/web": verdict(audit_dashboard()),
    }
    for where, (lines, _) in verdicts.items():
        sys.stdout.writelines(f"{where}: {line}\n" for line in lines)
    results = [result for _, result in verdicts.values()]
    counts = {
        name: sum(result[name] for result in results)
        for name in ("packages", "vulnerable", "not_audited")
    }
    is_ok = all(result["ok"] for result in results)
    sys.stdout.write(json.dumps({**counts, "ok": is_ok}) + "\n")
    return 0 if is_ok else 1


if __name__ == "__main__":
    run(main)
