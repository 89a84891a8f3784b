"""Routes of alerts: made, changed and muted by admins, read and acknowledged by readers."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from starlette.responses import Response

from api.accounts.dependencies import Admin, StatsReader, documented
from api.accounts.scopes import Scope
from api.alerts.schemas import (
    MAX_ID,
    AlertBody,
    AlertEventPage,
    AlertEventView,
    AlertList,
    AlertMute,
    AlertPreview,
    AlertTerms,
    AlertView,
    UsualQuestion,
    UsualRanges,
)
from api.alerts.store import AlertRepository
from api.answers.snapshots import Snapshots
from api.http.json import unstored_json
from warehouse.alerting import WindowVerdict, judge_windows
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket, PeriodName, TimeRange, resolve
from warehouse.usual import usual_windows

PREVIEW = timedelta(weeks=4)
PAGE_ROWS = 200

AlertId = Annotated[int, Path(ge=1, le=MAX_ID)]


def alert_routes(*, alerts: AlertRepository, reader: Reader, snapshots: Snapshots) -> APIRouter:
    """The routes under /api/v1/alerts."""
    router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
    reads, manages = documented(Scope.STATS_READ), documented(Scope.ADMIN)

    @router.get("", response_model=AlertList, **reads(rated=200))
    async def list_alerts(principal: StatsReader) -> Response:
        """All alerts, newest first."""
        return unstored_json({"alerts": await alerts.all_alerts(principal)})

    @router.post("", status_code=201, response_model=AlertView, **manages(400, 422, rated=201))
    async def make_alert(admin: Admin, body: Annotated[AlertBody, Body()]) -> Response:
        """Make an alert. It judges the windows that end from now on, once they are published."""
        return unstored_json(await alerts.add(body, admin), status=201)

    @router.post("/preview", response_model=AlertPreview, **reads(400, 422, 503, rated=200))
    async def preview(_principal: StatsReader, body: Annotated[AlertTerms, Body()]) -> Response:
        """How often an alert with these terms would have fired in the last 4 weeks."""
        snapshot = await snapshots.published()
        through = snapshot.data_through
        judged = await judge_windows(
            reader, body.rule, snapshot=snapshot, span=TimeRange(through - PREVIEW, through)
        )
        verdicts = Counter(window.verdict for window in judged)
        return unstored_json(
            {
                "windows": len(judged),
                "fired": verdicts[WindowVerdict.FIRED],
                "learning": verdicts[WindowVerdict.LEARNING],
                "no_data": verdicts[WindowVerdict.NO_DATA],
                "last": asdict(judged[-1]) if judged else None,
            }
        )

    @router.post("/usual", response_model=UsualRanges, **reads(400, 422, 503, rated=200))
    async def usual(_principal: StatsReader, body: Annotated[UsualQuestion, Body()]) -> Response:
        """The usual range of a metric, from the same weekday and hour of the last 8 weeks.

        It is the range outside of which an alert with the test `unusual` fires.
        """
        snapshot = await snapshots.published()
        period = resolve(
            PeriodName.CUSTOM,
            now=snapshot.data_through,
            tz=body.tz,
            since=body.since,
            until=body.until,
            bucket=Bucket(body.width),
            edges=("since", "until"),
        )
        found = await usual_windows(reader, body.measured, snapshot=snapshot, period=period)
        return unstored_json({"windows": [asdict(window) for window in found]})

    @router.get("/events", response_model=AlertEventPage, **reads(422, rated=200))
    async def list_events(
        _principal: StatsReader,
        alert_id: Annotated[
            int | None, Query(ge=1, le=MAX_ID, description="Of this alert only.")
        ] = None,
        before: Annotated[
            int | None, Query(ge=1, le=MAX_ID, description="`next_before` of a page.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = 50,
    ) -> Response:
        """The windows in which alerts fired, newest first."""
        found = await alerts.events(alert_id=alert_id, before=before, limit=limit)
        next_before = found[-1]["id"] if len(found) == limit else None
        return unstored_json({"events": found, "next_before": next_before})

    @router.post(
        "/events/{event_id}/acknowledge",
        response_model=AlertEventView,
        **reads(404, 422, rated=200),
    )
    async def acknowledge(principal: StatsReader, event_id: AlertId) -> Response:
        """Acknowledge an event: while the next windows fire, too, no message is sent."""
        return unstored_json(await alerts.acknowledge(event_id, principal))

    @router.put("/{alert_id}", response_model=AlertView, **manages(400, 404, 422, rated=200))
    async def change_alert(
        admin: Admin, alert_id: AlertId, body: Annotated[AlertBody, Body()]
    ) -> Response:
        """Replace an alert. Its history stays."""
        return unstored_json(await alerts.change(alert_id, body, admin))

    @router.put("/{alert_id}/mute", response_model=AlertView, **manages(400, 404, 422, rated=200))
    async def mute_alert(
        admin: Admin, alert_id: AlertId, body: Annotated[AlertMute, Body()]
    ) -> Response:
        """Mute an alert until a moment. Windows that fire are in the history, without messages."""
        return unstored_json(await alerts.mute(alert_id, body.until, admin))

    @router.delete("/{alert_id}", status_code=204, **manages(404, 422))
    async def remove_alert(_admin: Admin, alert_id: AlertId) -> None:
        """Delete an alert with its history."""
        await alerts.remove(alert_id)

    return router
