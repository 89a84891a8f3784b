"""A throw-away stack with people who write, a storm over it, and the wait until it has healed."""

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
from tests.chaos.blows import Scene, Storm
from tests.chaos.checks.conversations import read_calls
from tests.chaos.checks.stores import Warehouse
from tests.chaos.checks.verdict import Evidence, Findings, examine
from tests.chaos.external import External, external_postgres
from tests.chaos.plan import Plan as PlanOfBlows
from tests.chaos.proxy import CuttingProxy
from tests.chaos.readiness import StackReadiness
from tests.chaos.victims import Victims
from tests.chaos.writers import Writers

SETTLE_SECONDS = 240.0
SMALL_DISK = "1500m"
PEACEFUL_NUMBERS = 1_000_000
"""Texts after the storm count from here, so that no two are alike."""


@dataclass(frozen=True, kw_only=True)
class StormPlan(Plan):
    """A stack that reaches its ClickHouse through a proxy whose connections can be cut."""

    proxy_port: int

    def clickhouse_url(self, user: str) -> str:
        return self.direct_clickhouse_url(user).replace(
            f":{self.settings.clickhouse_port}/", f":{self.proxy_port}/"
        )

    def direct_clickhouse_url(self, user: str) -> str:
        """Past the proxy."""
        return super().clickhouse_url(user)


class Arena:
    """The running stack, and everything that is done to it and asked of it."""

    def __init__(
        self,
        stack: Stack,
        plan: StormPlan,
        proxy: CuttingProxy,
        *,
        external: External | None,
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
            username="chaos",
            password=plan.keys.secret("chaos_password"),
        )
        self.client.register(plan.secret("admin_registration_token"))
        self.writers = Writers(self._simulator, seed=seed)
        self.storm: Storm | None = None

    def rage(self, blows: PlanOfBlows, *, say: Callable[[str], None]) -> Storm:
        """Let people write and the storm rage; return when both are over."""
        probes = self._stack.probes()
        external = self._external.supervisor if self._external else None
        if self._external:
            probes["postgres"] = self._external.is_ready
        scene = Scene(
            victims=Victims(self._stack.supervisor, data_dir=self._plan.data, external=external),
            ready=StackReadiness(probes, clickhouse_url=self.warehouse_url),
            simulator_url=self._simulator,
            database_url=self.database_url,
            clickhouse=self._proxy,
            filler=self._filler,
        )
        self.storm = Storm(blows, scene, say=say)
        self.writers.start()
        # As `make up` does: what supervisord gives up is started once more.
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        try:
            self.storm.rage()
        finally:
            self.writers.stop()
        return self.storm

    def _watch(self) -> None:
        # It ends with the stack.
        with suppress(StartupError, OSError):
            self._stack.watch()

    def write_to_the_bot(self, *, seconds: float) -> None:
        """Let people write in peace; the record of what was sent goes on."""
        writers = Writers(self._simulator, seed=self._seed + 1, first_number=PEACEFUL_NUMBERS)
        writers.record = self.writers.record
        writers.start()
        time.sleep(seconds)
        writers.stop()

    def wait_healed(self) -> bool:
        """Until every accepted update is settled and the API counts every turn, by itself.

        False after four minutes: the comparison will say what is missing.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            try:
                summary = self.client.stats("day")["summary"]["current"]
                if asyncio.run(
                    _is_healed(self.database_url, self.writers.record.update_ids, summary)
                ):
                    return True
            except (httpx.HTTPError, OSError, asyncpg.PostgresError):
                # Still healing.
                pass
            time.sleep(1.0)
        return False

    def evidence(self) -> Evidence:
        """What the simulators and the storm know."""
        return Evidence(
            sent=self.writers.record,
            calls=read_calls(self._plan.data.parent / "simulator" / "calls.jsonl"),
            bot_births=self.storm.damage.bot_births if self.storm else [],
        )

    def examine(self, evidence: Evidence) -> Findings:
        """Compare everything with everything."""
        return asyncio.run(
            examine(
                evidence,
                database_url=self.database_url,
                warehouse=self.warehouse,
                vault=Vault(self._plan.secret("data_key")),
                client=self.client,
            )
        )


@contextmanager
def arena(
    directory: Path,
    *,
    filler: Path | None,
    seed: int,
    progress: Progress,
    has_external_postgres: bool = False,
) -> Iterator[Arena]:
    """A stack in `directory`, ready to be struck; its PostgreSQL may be outside of it."""
    with ExitStack() as exits:
        external = None
        if has_external_postgres:
            external = exits.enter_context(external_postgres(directory / "external"))
        plan = _plan(directory, external)
        proxy = exits.enter_context(
            CuttingProxy(listens=plan.proxy_port, leads_to=plan.settings.clickhouse_port)
        )
        stack = exits.enter_context(Stack(plan, progress=progress))
        stack.start_services()
        made = Arena(stack, plan, proxy, external=external, filler=filler, seed=seed)
        exits.callback(made.client.close)
        yield made


def _plan(directory: Path, external: External | None) -> StormPlan:
    plan = isolated_plan(
        directory,
        SIMULATOR_STATE_DIR=str(directory / "simulator"),
        # What is compared stands in its journals; its memory must not grow with the traffic.
        SIMULATOR_KEEP_RECORDS="1000",
    )
    parts: dict[str, Any] = {part.name: getattr(plan, part.name) for part in fields(plan)}
    if external:
        parts["settings"] = external.named_in(plan.settings)
    (port,) = free_ports(1)
    return StormPlan(**parts, proxy_port=port)


@contextmanager
def small_disk(progress: Progress) -> Iterator[tuple[Path, Path | None]]:
    """A private directory; on a small file system of its own where this process may mount one.

    With it comes the file that fills that file system, None where there is none.
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


async def _is_healed(database_url: str, accepted: set[int], summary: dict[str, Any]) -> bool:
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
