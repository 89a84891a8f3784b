"""`make recount CASES=300 SEED=n`: every figure of the API, recounted from PostgreSQL.

Progress is written to stderr, the last line of stdout is JSON. The exit code is 0 only when every
field of every answer is as expected.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from datetime import UTC, datetime

from common.log import configure_logging
from common.settings import RuntimeSettings
from tests.recount.run import Recount, report_zone, say
from tests.recount.stack import running_stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.recount", description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, help="default: another one each time")
    arguments = parser.parse_args()
    os.environ["ENV_FILE"] = os.devnull
    configure_logging(
        RuntimeSettings.model_validate({"log_format": "json", "log_level": "ERROR"}),
        service="recount",
    )
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    report = report_zone(seed)
    say(f"seed {seed}, report zone {report.name}")
    now = datetime.now(UTC)
    with (
        running_stack(report_tz=report.name, now=now) as stack,
        Recount(stack, seed=seed, say=say) as recount,
    ):
        result = recount.run(arguments.cases)
    sys.stdout.write(f"{result.line()}\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
