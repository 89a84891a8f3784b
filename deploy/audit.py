"""`python -m deploy.audit`: known vulnerabilities of every locked package. One line of JSON last.

pip-audit asks the package index for its advisories. An index without them (a mirror, no network)
knows nothing, which is no success: that is said, and the exit code is not 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common.process import run
from deploy.problem import PROJECT

TIMEOUT_SECONDS = 900
# dev.lock holds every package of the others.
LOCK = PROJECT / "requirements" / "dev.lock"


def audit(lock: Path) -> list[dict[str, Any]] | str:
    """What the index knows of each package of a lock; a text when it cannot be asked."""
    auditor = Path(sys.executable).parent / "pip-audit"
    try:
        outcome = subprocess.run(
            [
                str(auditor),
                "--requirement",
                str(lock),
                "--disable-pip",
                "--require-hashes",
                "--format=json",
                "--progress-spinner=off",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {TIMEOUT_SECONDS} s"
    try:
        dependencies: list[dict[str, Any]] = json.loads(outcome.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return (outcome.stderr.strip().splitlines() or ["no message"])[-1]
    return dependencies


def verdict(answer: list[dict[str, Any]] | str) -> tuple[list[str], dict[str, Any]]:
    """Lines to show, and the result. What could not be asked is not fine."""
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
    lines, result = verdict(audit(LOCK))
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    run(main)
