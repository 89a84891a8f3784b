"""Shared by all services.

Time zones come only from the pinned `tzdata`: the machine's own database differs from it.
"""

import zoneinfo

zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo.clear_cache()
