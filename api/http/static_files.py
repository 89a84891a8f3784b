"""Serves the built dashboard at `/`.

Files are listed once, at start: a request can only name one of them, so no path can leave the
directory. Assets have a hash in their name and are cached for ever; pages are revalidated. Other
addresses are 404: the dashboard's own page for people, JSON for paths that look like the API or a
file, and for scripts, styles and pictures that a page asks for: an upgrade replaces the assets, and
a page that was open before would take HTML for a script.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.errors import NotFoundError
from api.http.negotiation import accepts_coding, matches_tag
from common.log import get_logger

PAGES = frozenset(
    {
        *("", "users", "dialogs", "turns", "models", "retention", "quality", "alerts"),
        *("account", "accounts", "audit", "register", "reset"),
    }
)
"""Addresses of the dashboard, as in its `pages.ts`."""
FOLDERS = frozenset({"dialogs", "people"})
"""Below each of them, every dialog or person has a page."""
MACHINE_PREFIXES = ("api", "docs", "health", "metrics", "openapi", "ready", "redoc")
"""Unknown paths that begin with one of these get a JSON error."""
ASSETS = "assets"
"""The directory of the files with a hash in their name."""
PAGE_DESTINATIONS = frozenset({"", "document", "empty", "frame", "iframe"})
"""`Sec-Fetch-Dest` of a request that a page may answer. Browsers name other uses of a file."""
MAX_FILE_BYTES = 16 << 20
COMPRESSED = {"br": ".br", "gzip": ".gz"}
IMMUTABLE = "public, max-age=31536000, immutable"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
MISSING_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Dialytics</title></head>
<body><h1>The dashboard is not built</h1>
<p>Run <code>make web</code>, then start the API again. WEB_DIST names the directory.</p>
<p>The API itself works: see <a href="/docs">its documentation</a>.</p></body></html>
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WebFile:
    path: Path
    media_type: str
    cache_control: str
    etag: str
    encodings: dict[str, Path]


def find_files(directory: Path) -> dict[str, WebFile]:
    """All files below `directory`, by their path in a URL."""
    root = directory.resolve()
    found = {}
    for path in sorted(root.rglob("*")):
        is_inside = path.resolve().is_relative_to(root)
        if not path.is_file() or not is_inside or path.suffix in COMPRESSED.values():
            continue
        if path.stat().st_size > MAX_FILE_BYTES:
            log.warning("web_file_too_large", file=path.name)
            continue
        name = path.relative_to(root).as_posix()
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        found[name] = WebFile(
            path=path,
            media_type=media_type,
            cache_control=IMMUTABLE if name.startswith(f"{ASSETS}/") else "no-cache",
            etag=f'W/"{hashlib.sha256(path.read_bytes()).hexdigest()[:24]}"',
            encodings={
                encoding: compressed
                for encoding, suffix in COMPRESSED.items()
                if (compressed := path.with_name(path.name + suffix)).is_file()
            },
        )
    return found


def web_routes(directory: Path) -> APIRouter:
    """`/` and the routes of the dashboard. Must come last, because it matches any path."""
    router = APIRouter(include_in_schema=False)
    files = find_files(directory) if directory.is_dir() else {}
    if "index.html" not in files:
        log.warning("web_not_built", directory=str(directory), remedy="make web")

    @router.get("/{path:path}")
    async def web(request: Request, path: str) -> Response:
        file = files.get(path)
        if file is not None:
            return respond(request, file)
        page = path.removesuffix("/")
        folder, _, name = page.partition("/")
        is_page = (page in PAGES and path != "/") or (
            folder in FOLDERS and name != "" and "/" not in name
        )
        destination = request.headers.get("sec-fetch-dest", "")
        if destination not in PAGE_DESTINATIONS or (not is_page and _is_for_machines(path)):
            raise NotFoundError("Route or file not found.")
        file = files.get("index.html")
        if file is None:
            return HTMLResponse(
                MISSING_PAGE,
                status_code=503,
                headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"},
            )
        return respond(request, file, status=200 if is_page else 404)

    return router


def _is_for_machines(path: str) -> bool:
    """Whether an unknown path looks like the API or a file rather than a page."""
    steps = path.replace("\\", "/").casefold().split("/")
    # No page has empty or dotted parts.
    return (
        not all(steps[:-1])
        or any("." in step for step in steps)
        or steps[0] == ASSETS
        or steps[0].strip().startswith(MACHINE_PREFIXES)
    )


def respond(
    request: Request, file: WebFile, *, policy: str = POLICY, status: int = 200
) -> Response:
    """The file, or 304 if the client has it.

    Raises:
        NotFoundError: the file was removed since the start, as by a new build.
    """
    headers = {
        "Cache-Control": file.cache_control,
        "ETag": file.etag,
        "Content-Security-Policy": policy,
    }
    if status == HTTPStatus.OK and matches_tag(request.headers, file.etag):
        return Response(status_code=304, headers=headers)
    body = file.path
    accepted = request.headers.get("accept-encoding", "")
    for coding, compressed in file.encodings.items():
        if accepts_coding(accepted, coding):
            body = compressed
            headers["Content-Encoding"] = coding
            break
    try:
        content = body.read_bytes()
    except FileNotFoundError:
        raise NotFoundError("Route or file not found.") from None
    return Response(content, status, media_type=file.media_type, headers=headers)
