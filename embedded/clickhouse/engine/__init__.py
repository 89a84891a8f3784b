"""The engine, and the statements that it may run."""

import os

# The engine takes the machine's time zone when it is loaded, whatever its configuration says.
os.environ["TZ"] = "UTC"
