"""An encrypted backup is opened by the `age` program alone, as the guide says."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

from embedded.backup.encryption import KEY, new_files
from tests.embedded.constants import PASSPHRASE
from tests.programs import program


def type_passphrase(command: list[str], passphrase: str) -> tuple[int, str]:
    """Exit code and what was said. `age` reads passphrases from its terminal only."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while read := os.read(ours, 4096):
                if b"passphrase" not in said and b"passphrase" in said + read:
                    os.write(ours, passphrase.encode() + b"\n")
                said += read
        except OSError:
            pass  # the program ended, and its terminal with it
        finally:
            os.close(ours)
    return process.returncode, said.decode()


def test_the_age_program_opens_a_backup_with_the_passphrase_alone(tmp_path: Path) -> None:
    age = program("age")
    files = new_files(tmp_path, PASSPHRASE)
    # More than one chunk of the format.
    content = b"PGDMP" + bytes(range(256)) * 1000
    stored = tmp_path / files.name("postgres-dialytics.dump")
    files.write(io.BytesIO(content), stored)
    opened = tmp_path / "opened"
    command = [age, "--decrypt", "--identity", str(tmp_path / KEY), "--output", str(opened)]
    code, said = type_passphrase([*command, str(stored)], "another horse battery")
    assert (code, opened.exists()) == (1, False), said
    code, said = type_passphrase([*command, str(stored)], PASSPHRASE)
    assert code == 0, said
    assert opened.read_bytes() == content
