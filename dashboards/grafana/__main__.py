"""`python -m dashboards.grafana`: write every dashboard's JSON beside this module."""

from __future__ import annotations

from pathlib import Path

from dashboards.grafana.board import BOARDS, render

DIRECTORY = Path(__file__).parent / "dashboards"


def main() -> None:
    DIRECTORY.mkdir(exist_ok=True)
    for board in BOARDS:
        (DIRECTORY / f"{board.uid}.json").write_text(render(board), encoding="utf-8")


if __name__ == "__main__":
    main()
