"""`python -m dashboards.grafana`: write every dashboard's JSON beside this module."""

from __future__ import annotations

from pathlib import Path

from dashboards.grafana import runbooks
from dashboards.grafana.board import BOARDS, render

DIRECTORY = Path(__file__).parent / "dashboards"


def main() -> None:
    DIRECTORY.mkdir(exist_ok=True)
    for uid, content in rendered().items():
        (DIRECTORY / f"{uid}.json").write_text(content, encoding="utf-8")


def rendered() -> dict[str, str]:
    """Every dashboard's JSON by the name of its file."""
    return {board.uid: render(board) for board in BOARDS} | {runbooks.UID: runbooks.render()}


if __name__ == "__main__":
    main()
