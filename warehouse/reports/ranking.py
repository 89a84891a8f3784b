"""Finds the candidates of a ranking over many days from the top of each day.

A person who is not on a day's list had at most the value of its last place. So each sum lies
between the sum of the lists and that plus the last places of the lists without the person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

LISTED = 100
"""Places of a list, as `rollups/day_users.sql` fills them; a shorter list is complete."""
MAX_NAMED = 500
"""People worth looking up one by one."""


def top_k_candidates(
    lists: Sequence[Sequence[tuple[int, int]]],
    *,
    limit: int,
    listed: int = LISTED,
    most: int = MAX_NAMED,
) -> list[int] | None:
    """All who can be among the first `limit`; None when a person on no list can be, too.

    Args:
        lists: (value, person), greatest first, of each day; values are not negative.
        limit: places of the ranking; ties are decided by the caller.
        listed: places of a full list.
        most: None is returned for more people than this.
    """
    known: dict[int, int] = defaultdict(int)
    above_last: dict[int, int] = defaultdict(int)
    unlisted = 0
    is_cut = False
    for places in lists:
        last = places[-1][0] if len(places) >= listed else 0
        is_cut |= len(places) >= listed
        unlisted += last
        for value, person in places:
            known[person] += value
            above_last[person] += value - last
    ordered = sorted(known.values(), reverse=True)
    certain = ordered[limit - 1] if len(ordered) >= limit else 0
    if is_cut and unlisted >= certain:
        return None
    found = [person for person, above in above_last.items() if above + unlisted >= certain]
    return found if len(found) <= most else None
