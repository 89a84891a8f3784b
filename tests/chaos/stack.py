"""A temporary stack with simulated users, on which faults can be run."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from common.encryption.sealing import Vault
from common.errors import StartupError
from common.postgres import connect
from embedded.stack.api_client import ApiClient
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import Plan
from embedded.stack.readiness import free_ports
from embedded.stack.smoke import isolated_plan
from tests.chaos.checks.bill import DAILY_LIMIT_USD, SAVING_MODEL
from tests.chaos.checks.comparison import Findings, ObservedTraffic, compare_all
from tests.chaos.checks.conversations import read_calls
from tests.chaos.checks.rules import Operator, RuleRecord
from tests.chaos.checks.stores import Warehouse
from tests.chaos.external import ExternalPostgres, start_external_postgres
from tests.chaos.faults import FaultEnvironment, FaultRun
from tests.chaos.plan import FaultPlan
from tests.chaos.proxy import CuttingProxy
from tests.chaos.readiness import StackReadiness
from tests.chaos.targets import Targets
from tests.chaos.writers import Writers

ACCOUNT = "chaos"
SETTLE_SECONDS = 240.0
SMALL_DISK = "1500m"
FIRST_NUMBER_AFTER_FAULTS = 1_000_000
"""Texts after the fault run count from here, so that no two are equal."""


@dataclass(frozen=True, kw_only=True)
class ProxiedPlan(Plan):
    """A stack that reaches its ClickHouse through a proxy whose connections can be cut."""

    proxy_port: int

    def clickhouse_url(self, user: str) -> str:
        return self.direct_clickhouse_url(user).replace(
            f":{self.settings.clickhouse_port}/", f":{self.proxy_port}/"
        )

    def direct_clickhouse_url(self, user: str) -> str:
        """The URL that bypasses the proxy."""
        return super().clickhouse_url(user)


class TestStack:
    """A running stack with simulated users: applies faults, sends messages, compares stores."""

    __test__ = False
    """Not a test class, despite its name: pytest must not collect it."""

    def __init__(
        self,
        stack: Stack,
        plan: ProxiedPlan,
        proxy: CuttingProxy,
        *,
        external: ExternalPostgres | None,
        filler: Path | None,
        seed: int,
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._proxy = proxy
        self._external = external
        self._filler = filler
        self._seed = seed
        self._simulator = f"http://127.0.0.1:{plan.settings.simulator_port}"
        reader = plan.direct_clickhouse_url("reader")
        self.warehouse_url = reader.replace("/dialytics", "/?database=dialytics")
        self.warehouse = Warehouse(self.warehouse_url)
        self.database_url = plan.database_url()
        self.dagster_url = plan.dagster_database_url()
        self.pid_of = stack.supervisor.pid_of
        self.client = ApiClient(
            plan.api_url,
            username=ACCOUNT,
            password=plan.keys.secret("chaos_password"),
        )
        self.client.register(plan.secret("admin_registration_token"))
        self.writers = Writers(self._simulator, seed=seed)
        self.rules = RuleRecord()
        self.fault_run: FaultRun | None = None

    def run_faults(self, faults: FaultPlan, *, say: Callable[[str], None]) -> FaultRun:
        """Send messages while faults are applied; return when the plan is done."""
        probes = self._stack.probes()
        external = self._external.supervisor if self._external else None
        if self._external:
            probes["postgres"] = self._external.is_ready
        environment = FaultEnvironment(
            targets=Targets(self._stack.supervisor, data_dir=self._plan.data, external=external),
            ready=StackReadiness(probes, clickhouse_url=self.warehouse_url),
            simulator_url=self._simulator,
            database_url=self.database_url,
            clickhouse=self._proxy,
            filler=self._filler,
        )
        self.fault_run = FaultRun(faults, environment, say=say)
        operator = self._operator()
        self.writers.start()
        operator.start()
        # As `make up` does: start again the programs that supervisord has given up.
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        try:
            self.fault_run.run()
        finally:
            operator.stop()
            self.writers.stop()
        return self.fault_run

    def _operator(self) -> Operator:
        asyncio.run(_make_admin(self.database_url, ACCOUNT))
        return Operator(
            httpx.Client(
                base_url=self._plan.api_url,
                auth=(ACCOUNT, self._plan.keys.secret("chaos_password")),
                timeout=10,
            ),
            self._simulator,
            seed=self._seed,
            sent=self.writers.record,
            record=self.rules,
        )

    def _watch(self) -> None:
        # It ends with the stack.
        with suppress(StartupError, OSError):
            self._stack.watch()

    def send_messages(self, *, seconds: float) -> None:
        """Send messages without faults, and add them to the same record."""
        writers = Writers(
            self._simulator, seed=self._seed + 1, first_number=FIRST_NUMBER_AFTER_FAULTS
        )
        writers.record = self.writers.record
        writers.start()
        time.sleep(seconds)
        writers.stop()

    def wait_recovered(self) -> bool:
        """Wait until every accepted update has an outcome and the API counts every turn.

        False after four minutes: the comparison will say what is missing.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            try:
                summary = self.client.stats("day")["summary"]["current"]
                if asyncio.run(
                    _is_recovered(self.database_url, self.writers.record.update_ids, summary)
                ):
                    return True
            except (httpx.HTTPError, OSError, asyncpg.PostgresError):
                # Still recovering.
                pass
            time.sleep(1.0)
        return False

    def observed(self) -> ObservedTraffic:
        """Records of the simulators and of the fault run."""
        return ObservedTraffic(
            sent=self.writers.record,
            calls=read_calls(self._plan.data.parent / "simulator" / "calls.jsonl"),
            bot_starts=self.fault_run.report.bot_starts if self.fault_run else [],
            rules=self.rules,
        )

    def compare_all(self, observed: ObservedTraffic) -> Findings:
        """Compare these records with PostgreSQL, ClickHouse and the API."""
        return asyncio.run(
            compare_all(
                observed,
                database_url=self.database_url,
                warehouse=self.warehouse,
                vault=Vault(self._plan.secret("data_key")),
                client=self.client,
            )
        )


@contextmanager
def start_test_stack(
    directory: Path,
    *,
    filler: Path | None,
    seed: int,
    progress: Progress,
    has_external_postgres: bool = False,
) -> Iterator[TestStack]:
    """Start a stack in `directory`; its PostgreSQL may be outside of it."""
    with ExitStack() as exits:
        external = None
        if has_external_postgres:
            external = exits.enter_context(start_external_postgres(directory / "external"))
        plan = _plan(directory, external)
        proxy = exits.enter_context(
            CuttingProxy(port=plan.proxy_port, target_port=plan.settings.clickhouse_port)
        )
        stack = exits.enter_context(Stack(plan, progress=progress))
        stack.start_services()
        test_stack = TestStack(stack, plan, proxy, external=external, filler=filler, seed=seed)
        exits.callback(test_stack.client.close)
        yield test_stack


def _plan(directory: Path, external: ExternalPostgres | None) -> ProxiedPlan:
    plan = isolated_plan(
        directory,
        SIMULATOR_STATE_DIR=str(directory / "simulator"),
        # Comparisons read its journals; its memory must not grow with the traffic.
        SIMULATOR_KEEP_RECORDS="1000",
        TOTAL_DAILY_USD_LIMIT=str(DAILY_LIMIT_USD),
        LLM_SAVING_MODEL=SAVING_MODEL,
    )
    parts: dict[str, Any] = {part.name: getattr(plan, part.name) for part in fields(plan)}
    if external:
        parts["settings"] = external.named_in(plan.settings)
    (port,) = free_ports(1)
    return ProxiedPlan(**parts, proxy_port=port)


@contextmanager
def small_disk(progress: Progress) -> Iterator[tuple[Path, Path | None]]:
    """A private directory, on its own small file system where this process may mount one.

    Also yields the path of the file that fills that file system; None if it could not be mounted.
    """
    with tempfile.TemporaryDirectory(prefix="dialytics-") as name:
        directory = Path(name)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=0700", "tmpfs", name]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            progress.say("No file system can be mounted here: the disk will not be filled")
            yield directory, None
            return
        try:
            yield directory, directory / "filler"
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


async def _make_admin(database_url: str, username: str) -> None:
    connection = await connect(database_url, application_name="chaos")
    try:
        await connection.execute(
            "UPDATE api_users SET scopes = scopes || '{admin}' WHERE username = $1", username
        )
    finally:
        await connection.close()


async def _is_recovered(database_url: str, accepted: set[int], summary: dict[str, Any]) -> bool:
    connection = await connect(database_url, application_name="chaos")
    try:
        settled = {
            row["update_id"]
            for row in await connection.fetch(
                "SELECT update_id FROM updates WHERE outcome IS NOT NULL"
            )
        }
        open_updates = await connection.fetchval(
            "SELECT count(*) FROM updates WHERE outcome IS NULL"
        )
        turns = await connection.fetchval("SELECT count(*) FROM turns WHERE status <> 'pending'")
    finally:
        await connection.close()
    return accepted <= settled and open_updates == 0 and summary["turns"] == turns
