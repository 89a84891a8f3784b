"""Runs axe on a page and collects its serious findings, which `make test-web` counts."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

from tests.e2e.web.world import PROJECT

AXE = PROJECT / "dashboards" / "web" / "node_modules" / "axe-core" / "axe.min.js"
FINDINGS: list[str] = []


def serious_issues(page: Page) -> list[str]:
    """The findings of axe that are serious or worse."""
    assert AXE.is_file(), "axe-core is not installed: make web"
    session = page.context.new_cdp_session(page)
    # Past the page's content security policy, as a developer's console would.
    session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run().then((found) => JSON.stringify(found.violations))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    violations: list[dict[str, Any]] = json.loads(found["result"]["value"])
    serious = [
        f"{page.url}: {one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}"
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]
    FINDINGS.extend(serious)
    return serious


def serious_issues_in_both_colours(page: Page) -> list[str]:
    found, papers = [], set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        papers.add(paper(page))
        found += [f"{scheme}: {issue}" for issue in serious_issues(page)]
    assert len(papers) == 2
    return found


def paper(page: Page) -> str:
    colour: str = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    return colour
