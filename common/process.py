"""How every process starts and ends: one clear line and exit code 2 when it cannot start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from common.errors import StartupError
from common.log import redact

EXIT_BAD_INPUT = 2


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run `main`, turning a StartupError into its one line and exit code 2."""
    try:
        code = main()
    except StartupError as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        raise SystemExit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code or 0)
