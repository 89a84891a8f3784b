"""Serves Swagger UI at `/docs`.

Swagger UI comes from an installed package, so the page loads nothing from other hosts. Its
content security policy allows neither inline scripts nor inline styles.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.errors import NotFoundError
from api.http.static_files import find_files, respond

ASSETS = ("favicon.png", "swagger-ui-bundle.js", "swagger-ui.css")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Dialytics API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><a href="/">Back to the dashboard</a><div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>
"""
# Without `validatorUrl: null` Swagger UI sends the document's address to its online validator.
START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
});
"""


def docs_routes() -> APIRouter:
    """Routes of the page and its assets."""
    router = APIRouter(include_in_schema=False)
    found = find_files(Path(str(files("fastapi_offline") / "static")))
    assets = {name: found[name] for name in ASSETS}
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}

    @router.get("/docs")
    async def page() -> Response:
        return HTMLResponse(PAGE, headers=headers)

    @router.get("/docs/start.js")
    async def start() -> Response:
        return Response(START, media_type="text/javascript", headers=headers)

    @router.get("/docs/{name}")
    async def asset(request: Request, name: str) -> Response:
        if name not in assets:
            raise NotFoundError("File not found.")
        return respond(request, assets[name], policy=POLICY)

    return router
