"""docs/runbooks.md as a dashboard, so that panels can link to a section where no other page is."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.text import TextMode

UID = "runbooks"
PATH = Path(__file__).parents[2] / "docs" / "runbooks.md"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


@cache
def sections() -> dict[str, str]:
    """Text by title. Links are plain text: they lead to files that Grafana does not have."""
    parts = PATH.read_text(encoding="utf-8").split("\n## ")[1:]
    split = (part.partition("\n") for part in parts)
    return {title: _LINK.sub(r"\1", body).strip() for title, _, body in split}


def panel_of(section: str) -> int:
    """Number of the panel with a section.

    Raises:
        ValueError: there is no such section.
    """
    return list(sections()).index(section) + 1


def render() -> str:
    """Grafana's JSON, a panel per section."""
    made = (
        dashboards.Dashboard("Runbooks")
        .uid(UID)
        .description("What to do when an alert fires or a panel is red: docs/runbooks.md.")
        .tags(["dialytics"])
        .timezone("browser")
        .readonly()
    )
    for title, body in sections().items():
        made = made.with_panel(
            text.Panel()
            .id(panel_of(title))
            .title(title)
            .mode(TextMode.MARKDOWN)
            .content(body)
            .span(12)
            .height(10)
        )
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
