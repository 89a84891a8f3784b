"""What every service shares.

The pinned `tzdata` is the one database of time zones: the machine's own differs from it, and both
from release to release.
"""

import zoneinfo

zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo.clear_cache()
