"""docs/how-to.md: its files exist, and no recipe is longer than one person remembers."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MAX_STEPS = 9
MAX_FILES_OF = {"Add a metric": 8, "Add a rollup": 8}
RECIPES = {
    title: body
    for title, _, body in (
        part.partition("\n")
        for part in (PROJECT / "docs" / "how-to.md").read_text(encoding="utf-8").split("\n## ")[1:]
    )
}


def test_every_recipe_has_few_steps():
    assert len(RECIPES) > 2
    steps = {
        title: len(re.findall(r"^\d+\. ", body, re.MULTILINE)) for title, body in RECIPES.items()
    }
    assert {title: count for title, count in steps.items() if not 2 <= count <= MAX_STEPS} == {}


def test_a_metric_and_a_rollup_touch_few_files():
    for title, most in MAX_FILES_OF.items():
        steps = RECIPES[title].partition("\nThen ")[0]
        assert len(set(re.findall(r"`([\w./]+/[\w./]*)`", steps))) <= most


def test_every_file_of_a_recipe_exists():
    named = {path for body in RECIPES.values() for path in re.findall(r"`([\w./]+/[\w./]*)`", body)}
    assert len(named) > 20
    assert {path for path in named if not (PROJECT / path).exists()} == set()
