"""How every process starts and ends: one clear line and an exit code when it cannot go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from common.errors import StartupError, UnavailableError
from common.log import redact

EXIT_UNAVAILABLE = 1
"""The same command may succeed later."""
EXIT_BAD_INPUT = 2
"""A person must change something first."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run `main`; a StartupError or an UnavailableError becomes its one line and exit code."""
    try:
        code = main()
    except (StartupError, UnavailableError) as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        is_final = isinstance(error, StartupError)
        raise SystemExit(EXIT_BAD_INPUT if is_final else EXIT_UNAVAILABLE) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code or 0)
