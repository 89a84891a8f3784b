"""`python -m api` that gives Redis and the databases the time that a busy machine takes.

Each worker process imports this module too, as the program that its parent runs.
"""

from __future__ import annotations

from functools import partial

from api import __main__ as program
from api.app import create_app
from common.process import run
from tests.api.running import LONG_TIMEOUTS

program.create_app = partial(create_app, timeouts=LONG_TIMEOUTS)  # type: ignore[attr-defined] # not exported

if __name__ == "__main__":
    run(program.main)
