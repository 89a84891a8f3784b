"""Proves that an erased person is in neither store; only the ledger's figures stay.

`python -m pipelines.commands.erasure_check --person KEY` counts every row that names the person,
holds a text of theirs, or
leads from their turns to the chat they wrote from; the last line is JSON. The key is
in the bot's log beside the receipt that the person was given.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import datetime

from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load
from pipelines.settings import PipelineSettings, load_settings
from pipelines.source.postgres import Source
from warehouse.clickhouse.client import Writer

# A row: what is left of a person, table by table. Counts only columns without a text.
LEFT = """
SELECT (SELECT count(*) FROM users WHERE key = %(person)s) AS users,
       (SELECT count(*) FROM user_settings WHERE user_key = %(person)s) AS user_settings,
       (SELECT count(*) FROM dialogs WHERE user_key = %(person)s) AS dialogs,
       (SELECT count(*) FROM messages WHERE user_key = %(person)s) AS messages,
       (SELECT count(*) FROM updates WHERE user_key = %(person)s) AS updates,
       (SELECT count(*) FROM updates JOIN turns ON turns.id = updates.turn_id
        WHERE turns.user_key = %(person)s AND updates.lane <> '') AS lanes
"""
KEPT = """
SELECT (SELECT count(*) FROM turns
        WHERE user_key = %(person)s AND status <> 'pending' AND is_counted) AS turns,
       (SELECT max(deleted_at) FROM tombstones
        WHERE table_name = 'users' AND row_id = %(person)s::text) AS erased_at
"""


@dataclass(frozen=True, slots=True)
class ErasureCheck:
    """Rows that both stores still hold of one person."""

    person: int
    erased_at: datetime | None
    """When the row was deleted; None: never, or longer ago than tombstones are kept."""
    left: dict[str, int]
    """Table -> rows that name the person or hold something of theirs."""
    turns: dict[str, int]
    """Store -> counted turns, which stay, under a pseudonym that identifies no person."""

    @property
    def ok(self) -> bool:
        return not any(self.left.values())

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "person": self.person,
                "erased_at": self.erased_at.isoformat() if self.erased_at else None,
                "left": self.left,
                "turns": self.turns,
                "ok": self.ok,
            }
        )


def check_erasure(settings: PipelineSettings, *, person: int) -> ErasureCheck:
    """Look into both stores; changes nothing and needs no lock."""
    parameters = {"person": person}
    with Source(settings.database.libpq_url) as source, Writer(settings.warehouse) as writer:
        with source.snapshot():
            [left] = source.rows(LEFT, parameters)
            [kept] = source.rows(KEPT, parameters)
        [stored] = writer.rows("replication/left_of_person", parameters)
    return ErasureCheck(
        person=person,
        erased_at=kept["erased_at"],
        left={f"postgres.{table}": rows for table, rows in left.items()}
        | {"warehouse.people": stored["people"]},
        turns={"postgres": kept["turns"], "warehouse": stored["turns"]},
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.commands.erasure_check", description=__doc__
    )
    parser.add_argument("--person", type=int, required=True, help="the person's key (user_key)")
    arguments = parser.parse_args()
    configure_logging(load(RuntimeSettings), service="pipelines")
    check = check_erasure(load_settings(), person=arguments.person)
    sys.stdout.write(f"{check.line()}\n")
    return 0 if check.ok else 1


if __name__ == "__main__":
    run(main)
