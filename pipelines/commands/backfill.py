"""Rebuilds a range of days from the ledger, then sees if they are right.

On unchanged data 0 rows differ. Unmet expectations are reported, and do not fail the command.

`python -m pipelines.commands.backfill --from DAY --to DAY` does it by hand; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, timedelta

from common.errors import SettingError
from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from pipelines.cycle import exclusive_run
from pipelines.rollups.build import Publication
from pipelines.settings import PipelineSettings, load_settings

MAX_RANGE_DAYS = 20_000


def backfill(settings: PipelineSettings, *, first: date, last: date) -> Publication:
    """Rebuild the days from `first` to `last`, both included, and publish them together."""
    days = [first + timedelta(days=shift) for shift in range((last - first).days + 1)]
    with exclusive_run(settings) as pipeline_run:
        publication = pipeline_run.rollups.rebuild(pipeline_run.state(), days)
        pipeline_run.rollups.collect()
    return publication


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.commands.backfill", description=__doc__
    )
    parser.add_argument("--from", dest="first", type=date.fromisoformat, required=True)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True)
    arguments = parser.parse_args()
    if not 0 <= (arguments.last - arguments.first).days < MAX_RANGE_DAYS:
        raise SettingError("--to", "must be the same day as --from or a later one")
    configure_logging(load(RuntimeSettings), service="pipelines")
    settings = load_settings()
    publication = backfill(settings, first=arguments.first, last=arguments.last)
    # Imported when the lock is free again: it takes seconds.
    from pipelines.quality.validate import validate  # noqa: PLC0415

    results = validate(settings, since=arguments.first, until=arguments.last)
    outcome = {
        "days": len(publication.days),
        "turns": publication.turns,
        "rows_differ": publication.rows_differ,
        "withheld": [day.isoformat() for day in publication.withheld],
        "unmet_expectations": sorted(result.check for result in results if not result.passed),
        "seconds": round(publication.seconds, 3),
        "ok": not publication.withheld,
    }
    sys.stdout.write(f"{publication.rows_differ} rows differ\n{json.dumps(outcome)}\n")
    return 0 if outcome["ok"] else 1


if __name__ == "__main__":
    run(main)
