"""`python -m common.http.probe URL`: exit code 0 when it answers 200. A health check, no curl."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 8.0
OK = 200


def probe(url: str) -> str | None:
    """Ask once. None when all is well, else one line that says what is not."""
    if not url.startswith(("http://", "https://")):
        return f"{url} is not an http address"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 # checked above
            status: int = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except (OSError, ValueError) as error:
        return f"{url}: {error}"
    return None if status == OK else f"{url} answers {status}"


if __name__ == "__main__":
    problem = probe(sys.argv[1]) if len(sys.argv) == 2 else "usage: python -m common.http.probe URL"  # noqa: PLR2004 # program and address
    if problem:
        sys.exit(problem)
