"""Runs a process's main function: expected errors become one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from common.errors import StartupError, UnavailableError
from common.log import redact

EXIT_UNAVAILABLE = 1
"""Trying again later may succeed."""
EXIT_BAD_INPUT = 2
"""The configuration must be changed first."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run `main`; a StartupError or UnavailableError is printed and sets the exit code."""
    try:
        code = main()
    except (StartupError, UnavailableError) as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        is_final = isinstance(error, StartupError)
        raise SystemExit(EXIT_BAD_INPUT if is_final else EXIT_UNAVAILABLE) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code or 0)
