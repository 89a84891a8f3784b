"""Runs programs under supervisord: started when ready, restarted when they die, stopped in order.

Nothing outlives the process that made the Supervisor.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from supervisor.xmlrpc import Faults, SupervisorTransport

from common.errors import StartupError
from common.log import redact
from common.process import EXIT_BAD_INPUT
from embedded.child import die_with_parent
from embedded.stack.keys import KeyRing
from embedded.stack.plan import PROJECT
from embedded.stack.programs import Program

START_SECONDS = 120.0
STOP_SECONDS = 150.0
LAST_LINES_BYTES = 4096
PATIENT_SECONDS = 60.0
STEADY_SECONDS = 5
REFUSED = f"exit status {EXIT_BAD_INPUT}"
ENDED = re.compile(r" exited: (\S+) \(([^;]*);")


class NotReadyError(StartupError):
    """A program runs but is not ready in time."""


@dataclass(frozen=True)
class ProgramEnd:
    """One end of a program."""

    name: str
    how: str
    """`exit status 1` or `terminated by SIGKILL`, in supervisord's words."""


class Supervisor:
    """A supervisord process and the programs it may run.

    Args:
        programs: in start order.
        keys: where the private configuration and environments are written.
        directory: holds `logs/` and the control socket.
    """

    def __init__(self, programs: Iterable[Program], *, keys: KeyRing, directory: Path) -> None:
        self._programs = {program.name: program for program in programs}
        self._keys = keys
        self._socket = directory / "supervisor.sock"
        self._logs = directory / "logs"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        # This run's exits are read from it (see `_last_exit_status`); not those of runs before.
        (self._logs / "supervisord.log").unlink(missing_ok=True)
        configuration = self._keys.write("supervisord.conf", self._configuration())
        with (self._logs / "supervisord.out").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "embedded.stack.supervisord", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                # Ctrl-C belongs to the caller, who stops the programs in order.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 # one prctl call, no thread yet
            )
        self._wait(self._answers, what="supervisord", seconds=20)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        # The socket exists a moment before supervisord listens on it.
        try:
            self._call("getState")
        except OSError:
            return False
        return True

    def _call(self, method: str, *arguments: object) -> Any:
        # A connection per call: xmlrpc's proxies are not safe between threads.
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def start(
        self, *names: str, seconds: float | None = START_SECONDS, say: Callable[[str], None] = print
    ) -> Iterator[str]:
        """Start programs together; yields the name of each as it becomes ready.

        Args:
            *names: the programs.
            seconds: how long one may take; None: as long as it runs, with a line a minute.
            say: gets a line with the programs that are not ready yet.

        Raises:
            StartupError: one refused to start, or is not ready in time; with its last line of log.
        """
        for name in names:
            self._call("startProcess", name, False)  # XML-RPC has no keyword arguments
        starting = set(names)

        def ready() -> set[str]:
            for name in starting:
                self._refuse_ended(self._programs[name])
            return {name for name in starting if self._programs[name].is_ready()}

        def last_lines() -> str:
            return " ".join(self.last_line(name) for name in sorted(starting))

        while starting:
            titles = " and ".join(self._programs[name].title for name in sorted(starting))
            try:
                self._wait(
                    lambda: bool(ready()),
                    what=titles,
                    seconds=PATIENT_SECONDS if seconds is None else seconds,
                    last_line=last_lines,
                )
            except NotReadyError:
                if seconds is not None:
                    raise
                say(f"  still waiting for {titles}: {last_lines()}")
                continue
            for name in sorted(ready()):
                starting.discard(name)
                yield name

    def _refuse_ended(self, program: Program) -> None:
        refusal = self.refusal_of(program.name)
        if refusal is not None:
            raise StartupError(refusal)

    def refusal_of(self, name: str) -> str | None:
        """The last line of a program that refuses to start (exit code 2); None while all is well.

        Only for a program that has not been ready yet: later, every end is followed by a restart.
        """
        info = self._call("getProcessInfo", name)
        gave_up = info["statename"] == "FATAL" or (
            info["statename"] in {"EXITED", "BACKOFF", "STARTING"}
            and [end.how for end in self.ends() if end.name == name][-1:] == [REFUSED]
        )
        return (self.last_line(name) or f"{name} did not start") if gave_up else None

    def ends(self) -> list[ProgramEnd]:
        """Every unexpected end of a program, oldest first."""
        # Supervisord forgets the status of a program that ends while it starts; its log does not.
        log = (self._logs / "supervisord.log").read_text(encoding="utf-8", errors="replace")
        return [ProgramEnd(name, how) for name, how in ENDED.findall(log)]

    def restart_given_up(self) -> list[str]:
        """Start the programs that supervisord has given up, and return their names.

        None when supervisord itself is ending: `is_running` will tell.
        """
        try:
            return [name for name in self._programs if self.start_if_ended(name)]
        except OSError:
            return []
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.SHUTDOWN_STATE:
                raise
            return []

    def _wait(
        self,
        is_ready: Callable[[], bool],
        *,
        what: str,
        seconds: float,
        last_line: Callable[[], str] = lambda: "",
    ) -> None:
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self._process is None or self._process.poll() is not None:
                raise StartupError("supervisord ended: see logs/supervisord.log in DATA_DIR")
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"{what} is not ready after {seconds:.0f} s (logs: {self._logs}): {last_line()}"
                )
            time.sleep(0.1)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of supervisord.

        Raises:
            StartupError: it is not running.
        """
        if self._process is None:
            raise StartupError("supervisord is not running")
        return self._process.pid

    def pid_of(self, name: str) -> int:
        """The process id of a program, 0 when it is not running."""
        return int(self._call("getProcessInfo", name)["pid"])

    def start_if_ended(self, name: str) -> bool:
        """Start a program that has ended or was given up; True when that was so."""
        if self._call("getProcessInfo", name)["statename"] not in {"EXITED", "FATAL"}:
            return False
        try:
            self._call("startProcess", name, False)  # XML-RPC has no keyword arguments
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise
        return True

    def last_line(self, name: str) -> str:
        """The last log line of a program, without secrets."""
        path = self._logs / f"{name}.log"
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LAST_LINES_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return redact(lines[-1]) if lines else ""

    def stop(self) -> None:
        """Stop all programs in reverse order, then supervisord. Kills what does not end."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _configuration(self) -> str:
        sections: dict[str, dict[str, str]] = {}
        sections["supervisord"] = {
            "nodaemon": "true",
            # Its log says the same.
            "silent": "true",
            "logfile": _escaped(self._logs / "supervisord.log"),
            "logfile_maxbytes": "1MB",
            "logfile_backups": "1",
            "pidfile": _escaped(self._logs / "supervisord.pid"),
            "directory": _escaped(PROJECT),
            "umask": "077",
        }
        sections["unix_http_server"] = {"file": _escaped(self._socket), "chmod": "0700"}
        sections["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": ("supervisor.rpcinterface:make_main_rpcinterface")
        }
        for priority, program in enumerate(self._programs.values(), start=1):
            environment = self._keys.write(
                f"{program.name}.environment.json", json.dumps(dict(program.environment))
            )
            sections[f"program:{program.name}"] = {
                "command": _escaped(
                    shlex.join(
                        [
                            sys.executable,
                            "-m",
                            "embedded.child",
                            str(environment),
                            *program.command,
                        ]
                    )
                ),
                "priority": str(priority),
                "autostart": "false",
                # However it ended: the settings of a program that was ready once are right.
                "autorestart": "true",
                # One that ends sooner is started again after a pause that grows.
                "startsecs": str(STEADY_SECONDS),
                "startretries": "30",
                "stopsignal": program.stop_signal,
                "stopwaitsecs": str(program.stop_seconds),
                "stopasgroup": "true" if program.stops_as_group else "false",
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": _escaped(self._logs / f"{program.name}.log"),
                "stdout_logfile_maxbytes": "20MB",
                "stdout_logfile_backups": "2",
            }
        lines: list[str] = []
        for section, options in sections.items():
            lines.append(f"[{section}]")
            lines.extend(f"{name} = {value}" for name, value in options.items())
        return "\n".join(lines) + "\n"


def _escaped(value: object) -> str:
    # supervisord expands % in its configuration.
    return str(value).replace("%", "%%")
