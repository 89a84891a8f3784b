"""Links, commands, settings, files and metrics in documents exist."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from deploy.check import OF_COMPOSE
from deploy.settings import MACHINERY, names
from tests import prose
from tests.chaos.__main__ import ChaosResult

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *(PROJECT / "docs").rglob("*.md"),
        *(
            PROJECT / name
            for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
        ),
    ]
)
TOP = tuple(
    path.name
    for path in PROJECT.iterdir()
    if path.is_dir() and (not path.name.startswith(".") or path.name in {".github", ".ci"})
)
# Upper-case words with an underscore that are no settings.
OTHER_NAMES = re.compile(
    r"DATA_KEY|PGHOST|OOMKilled|SECRETS_DIR|ENV_FILE|X_FORWARDED_FOR|SHA256|UTF_16|NO_COLOR"
    r"|OTEL_EXPORTER_OTLP_HEADERS|OTEL_BSP_SCHEDULE_DELAY|OTEL_RESOURCE_ATTRIBUTES"  # the SDK's
    r"|REQUIRE_ALL"  # of make test
    r"|KEEP_DAYS|ONLY_POSTGRES|BACKUP_PASSPHRASE_FILE"  # of deploy/backup.sh
    r"|COMPOSE_FILE"  # the container engine's
)
MAX_CONTRIBUTING = 40
MIN_STORMS = 3
TASKS = {
    "guides/troubleshooting.md": [
        "The bot does not start",
        "The API does not answer",
        "The dashboard does not reach the API",
        "PostgreSQL cannot be reached",
        "A migration failed",
        "Rolling a migration back",
        "A schema was changed by hand",
        "Code and schema do not match",
        "Rate limited (429)",
        "Timeouts",
        "The fallback is not used",
        "Invalid API key",
        "The model is not available",
        "A container does not start",
        "A port is in use",
        "Permission denied on a volume or a secret",
        "Services do not find each other",
        "Slow queries",
        "High memory use",
        "Connection pool exhausted",
    ],
    "guides/secrets-management.md": [
        "HashiCorp Vault",
        "AWS Secrets Manager",
        "Kubernetes",
        "Rotation",
    ],
    "guides/production-deployment.md": [
        "Before",
        "Deploy",
        "Smoke",
        "After",
        "Roll back",
        "Hardening",
    ],
    "reliability.md": [
        "Promises",
        "Fault injection",
        "Results",
        "Soak test",
        "Defects found",
        "Limits",
    ],
    "architecture/diagrams.md": ["One turn", "Services", "Tables of PostgreSQL", "Lineage"],
}


def identifier(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code(path: Path) -> list[str]:
    """Inline code and the lines of console blocks."""
    content = text(path)
    blocks = re.findall(r"```console\n(.*?)```", content, re.DOTALL)
    prose = re.sub(r"```.*?```", "", content, flags=re.DOTALL)
    return [*re.findall(r"`([^`\n]+)`", prose), *"\n".join(blocks).splitlines()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=identifier)
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text(path)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert not broken


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=identifier)
def test_every_make_target_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(PROJECT / "Makefile"), re.MULTILINE))
    named = {target for line in code(path) for target in re.findall(r"\bmake ([a-z][a-z-]*)", line)}
    assert named <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=identifier)
def test_every_setting_exists(path: Path) -> None:
    known = names() | MACHINERY | OF_COMPOSE
    makefile = set(re.findall(r"\$\(([A-Z_]+)\)", text(PROJECT / "Makefile")))
    named = {
        word
        for line in code(path)
        for word in re.findall(r"(?<![\w<$/])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w>])", line)
    }
    unknown = {word for word in named - known - makefile if not OTHER_NAMES.fullmatch(word)}
    assert not unknown - constants()


@cache
def constants() -> set[str]:
    """Upper-case names in the code: documents may speak of them."""
    found = set()
    for top in ("bot", "api", "pipelines", "warehouse", "common", "embedded", "simulator"):
        for path in (PROJECT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(text(path))):
                if isinstance(node, ast.Name) and node.id.isupper():
                    found.add(node.id)
    for path in (PROJECT / "dashboards" / "web").glob("*.ts"):
        found |= set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text(path)))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=identifier)
def test_every_file_exists(path: Path) -> None:
    named = {
        word.rstrip(".,:")
        for line in code(path)
        for word in re.findall(rf"(?<![\w./-])((?:{'|'.join(map(re.escape, TOP))})/[\w./-]*)", line)
        if "NNNN" not in word
    }
    generated = ("dashboards/web/dist", "secrets/", "dashboards/web/node_modules")
    absent = {
        word
        for word in named
        if not word.startswith(generated)
        and not (PROJECT / word).exists()
        and not (path.parent / word).exists()
    }
    assert not absent


@pytest.mark.parametrize("path", DOCUMENTS, ids=identifier)
def test_every_python_command_exists(path: Path) -> None:
    modules = {
        module
        for line in code(path)
        for module in re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)", line)
    }
    absent = [
        module
        for module in modules
        if not (PROJECT / module.replace(".", "/")).with_suffix(".py").exists()
        and not (PROJECT / module.replace(".", "/") / "__main__.py").exists()
    ]
    assert not absent


@pytest.mark.parametrize(
    ("document", "title"), [(name, title) for name, titles in TASKS.items() for title in titles]
)
def test_a_guide_has_the_section(document: str, title: str) -> None:
    content = text(PROJECT / "docs" / document)
    assert re.search(rf"^##+ {re.escape(title)}$", content, re.MULTILINE)


def test_every_problem_has_symptom_cause_fix_and_prevention() -> None:
    content = text(PROJECT / "docs" / "guides" / "troubleshooting.md")
    problems = re.split(r"^### ", content, flags=re.MULTILINE)[1:]
    incomplete = [
        problem.splitlines()[0]
        for problem in problems
        if not all(f"**{part}.**" in problem for part in ("Symptom", "Cause", "Fix", "Prevention"))
    ]
    assert not incomplete


def test_every_decision_is_listed_and_has_the_four_parts() -> None:
    index = text(PROJECT / "docs" / "decisions" / "README.md")
    for path in (PROJECT / "docs" / "decisions").glob("[0-9]*.md"):
        assert f"({path.name})" in index, path.name
        for part in ("Context", "Decision", "Consequences", "Alternatives"):
            assert part in text(path), f"{path.name}: {part}"


def test_every_variable_of_the_compose_files_is_explained() -> None:
    explained = text(PROJECT / "docs" / "guides" / "deployment.md")
    assert all(f"`{name}`" in explained for name in OF_COMPOSE)


def test_the_deployment_guide_says_what_has_not_been_run() -> None:
    content = text(PROJECT / "docs" / "guides" / "deployment.md").lower()
    assert "no container was started" in " ".join(content.split())


def test_the_storms_that_are_shown_lost_doubled_and_changed_nothing() -> None:
    content = text(PROJECT / "docs" / "reliability.md")
    names = [field.name for field in fields(ChaosResult)]
    header = "| " + " | ".join(f"`{name}`" for name in names) + " |"
    _, _, table = content.partition(f"| seed {header}\n")
    rows = [
        dict(zip(names, map(str.strip, line.split("|")[2:-1]), strict=True))
        for line in table.partition("\n\n")[0].splitlines()[1:]
    ]
    assert len(rows) >= MIN_STORMS
    for row in rows:
        assert row["ok"] == "true"
        assert row["lost"] == row["duplicated_calls"] == row["rows_differ"] == "0"
        assert int(row["kills"]) > 0


def test_the_readme_says_in_one_line_what_the_tests_need_and_take() -> None:
    _, _, after = text(PROJECT / "README.md").partition("```console\nmake test\n```")
    (line,) = [line for line in after.partition("##")[0].splitlines() if "minutes" in line]
    assert re.search(r"needs \d+ GB of disk and takes about \d+ minutes on two cores", line)
    assert "skips and counts" in line


def test_contributing_says_what_is_skipped() -> None:
    content = " ".join(text(PROJECT / "CONTRIBUTING.md").split())
    assert "only a test whose program is missing is skipped (`tests/programs.py`)" in content


def test_contributing_stays_short() -> None:
    assert len(text(PROJECT / "CONTRIBUTING.md").splitlines()) <= MAX_CONTRIBUTING


def test_no_folder_has_more_odd_phrases_than_its_budget() -> None:
    assert prose.complaints(prose.findings()) == []


def test_every_page_of_metrics_is_listed() -> None:
    index = text(PROJECT / "docs" / "metrics" / "README.md")
    pages = {path.name for path in (PROJECT / "docs" / "metrics").glob("*.md")} - {"README.md"}
    assert all(f"({page})" in index for page in pages)


def test_the_diagrams_show_every_table() -> None:
    shown = text(PROJECT / "docs" / "architecture" / "diagrams.md")
    source = text(PROJECT / "migrations" / "clickhouse" / "versions" / "0001_first_tables.py")
    rollups = re.search(r"^ROLLUPS = \{(.*?)^\}", source, re.MULTILINE | re.DOTALL)
    assert rollups
    for table in re.findall(r'^    "(\w+)":', rollups[1], re.MULTILINE):
        assert table in shown, table
