"""clickhouse-go over HTTP: tests of ours, and its own with every connection over HTTP.

It is built from repositories in the same folder, so that it needs no Go module proxy. Empty
packages in `go/stubs` replace those by which its tests start containers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.clients.suite_run import Run, unpack

GO = Path(__file__).parent / "go"
TEST_SECONDS = 120
# By the repository that has them: its folder (empty: the whole of it) and the module's name.
MODULES = {
    "ClickHouse+ch-go": {"": "github.com/ClickHouse/ch-go"},
    "andybalholm+brotli": {"": "github.com/andybalholm/brotli"},
    "cespare+xxhash": {"": "github.com/cespare/xxhash/v2"},
    "davecgh+go-spew": {"": "github.com/davecgh/go-spew"},
    "go-faster+city": {"": "github.com/go-faster/city"},
    "go-faster+errors": {"": "github.com/go-faster/errors"},
    "golang+net": {"": "golang.org/x/net"},
    "golang+sync": {"": "golang.org/x/sync"},
    "golang+sys": {"": "golang.org/x/sys"},
    "google+go-cmp": {"": "github.com/google/go-cmp"},
    "google+uuid": {"": "github.com/google/uuid"},
    "klauspost+compress": {"": "github.com/klauspost/compress"},
    "open-telemetry+opentelemetry-go": {
        "": "go.opentelemetry.io/otel",
        "trace": "go.opentelemetry.io/otel/trace",
        "metric": "go.opentelemetry.io/otel/metric",
    },
    "open-telemetry+opentelemetry-go-instrumentation": {"sdk": "go.opentelemetry.io/auto/sdk"},
    "paulmach+orb": {"": "github.com/paulmach/orb"},
    "pierrec+lz4": {"": "github.com/pierrec/lz4/v4"},
    "segmentio+asm": {"": "github.com/segmentio/asm"},
    "shopspring+decimal": {"": "github.com/shopspring/decimal"},
    "stretchr+testify": {"": "github.com/stretchr/testify"},
}
STUBS = (
    *("github.com/docker/go-units", "github.com/mkevac/debugcharts", "github.com/moby/moby/api"),
    *("github.com/moby/moby/client", "github.com/testcontainers/testcontainers-go"),
)
# Its tests run with both protocols; the embedded server has one.
OVER_HTTP = (
    ("Protocol: clickhouse.Native,", "Protocol: clickhouse.HTTP,"),
    ("protocol := clickhouse.Native", "protocol := clickhouse.HTTP"),
    ("Settings: nil,", "Settings: nil, Protocol: clickhouse.HTTP,"),
    ('rootT.Run("Native", func', 'rootT.Run("over HTTP", func'),
    ("testFunc(t, clickhouse.Native)", "t.SkipNow()"),
)
_OUTCOME = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)


def missing_modules(folder: Path) -> list[str]:
    """The repositories that the folder has not."""
    return [name for name in MODULES if not (folder / name).exists()]


def clickhouse_go(run: Run) -> dict[str, str]:
    """The outcome of each test. One of its own that panics must not end the others."""
    _write_modules(run.directory, run.repositories)
    shutil.copytree(GO, run.directory / "ours", ignore=shutil.ignore_patterns("stubs"))
    utilities = run.directory / "tests" / "utils.go"
    text = utilities.read_text(encoding="utf-8")
    for native, over_http in OVER_HTTP:
        text = text.replace(native, over_http)
    utilities.write_text(text, encoding="utf-8")
    run = run._replace(
        environment={
            **run.environment,
            "GOFLAGS": "-mod=mod -tags=testify_yaml_fail",
            "GOPROXY": "off",
            "GOSUMDB": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "CLICKHOUSE_USE_DOCKER": "false",
            "GOPATH": f"{run.results.parent}/go",
            "GOCACHE": f"{run.results.parent}/go-cache",
            "CLICKHOUSE_HTTP_PORT": str(run.port),
            "CLICKHOUSE_PORT": str(run.port),
            "CLICKHOUSE_HOST": "127.0.0.1",
        }
    )
    for package in ("ours", "tests"):
        if run.command("go", "test", "-c", "-o", f"{package}.bin", f"./{package}"):
            return {f"{package} is built": "failed"}
    ours = _run(run, "ours", "-test.v")
    listed = _run(run, "tests", "-test.list", ".").split()
    names = [name for name in listed if name.startswith("Test")]
    if not names:
        return {"its tests are listed": "failed"}
    with ThreadPoolExecutor(2) as threads:
        outcomes = dict(threads.map(partial(_one, run), names))
    found = {f"ours::{test}": outcome for outcome, test in _OUTCOME.findall(ours)}
    words = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
    return {test: words[outcome] for test, outcome in {**found, **outcomes}.items()}


def _write_modules(directory: Path, folder: Path) -> None:
    """A `go.mod` in which every module is a folder here; versions do not matter."""
    own = directory / "modules"
    places = {f"stubs/{name}": name for name in STUBS}
    shutil.copytree(GO / "stubs", own / "stubs")
    for repository, modules in MODULES.items():
        unpack(folder, repository, own / repository, without=("testdata", "corpus"))
        places |= {f"{repository}/{place}".rstrip("/"): name for place, name in modules.items()}
    lines = ["module github.com/ClickHouse/clickhouse-go/v2", "go 1.25"]
    for place, name in places.items():
        (own / place / "go.mod").write_text(f"module {name}\n\ngo 1.25\n", encoding="utf-8")
        major = re.search(r"/v(\d+)$", name)
        lines.append(f"require {name} v{major[1] if major else 0}.0.0")
        lines.append(f"replace {name} => ./modules/{place}")
    (directory / "go.mod").write_text("\n".join(lines), encoding="utf-8")
    (directory / "go.sum").unlink(missing_ok=True)


def _run(run: Run, package: str, *arguments: str) -> str:
    finished = subprocess.run(
        [run.directory / f"{package}.bin", "-test.timeout", f"{TEST_SECONDS}s", *arguments],
        cwd=run.directory / package,
        env=dict(run.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=2 * TEST_SECONDS,
    )
    return finished.stdout + ("" if finished.returncode == 0 else "\n--- FAIL: exits\n")


def _one(run: Run, name: str) -> tuple[str, str]:
    own = run._replace(environment={**run.environment, "CLICKHOUSE_DATABASE": f"go_{name}"})
    printed = _run(own, "tests", "-test.v", "-test.run", f"^{name}$")
    outcomes = {outcome for outcome, test in _OUTCOME.findall(printed) if test in {name, "exits"}}
    worst = next((word for word in ("FAIL", "SKIP") if word in outcomes), "PASS")
    return f"tests::{name}", worst
