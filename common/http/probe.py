"""`python -m common.http.probe URL`: a health check; exit code 0 if the URL responds with 200."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 8.0
OK = 200


def probe(url: str) -> str | None:
    """Send one request. None if the URL responds with 200, else the problem in one line."""
    if not url.startswith(("http://", "https://")):
        return f"{url} is not an http:// or https:// address"
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
