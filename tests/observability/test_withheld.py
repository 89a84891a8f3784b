"""A day whose check failed keeps its older numbers on the panels that read the ledger, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dashboards.grafana.board import BOARDS
from dashboards.grafana.macros import Picked
from dashboards.grafana.probing import Asker, clickhouse_panels
from tests.observability.constants import MOST_ACTIVE_PEOPLE
from tests.warehouse.replica import Replica, turn
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


def test_the_most_active_people_keep_to_the_old_build_of_a_withheld_day(
    warehouse_settings: WarehouseSettings,
) -> None:
    panel = next(one for _, one in clickhouse_panels(BOARDS) if one.title == MOST_ACTIVE_PEOPLE)
    asker = Asker(warehouse_settings.reader_url)
    week = Picked(since=NOW - timedelta(days=7), until=NOW + timedelta(hours=1))
    narrow = Picked(since=week.since, until=week.until, variables={"chat_type": ["private"]})

    def people() -> list[set[int]]:
        return [
            {row[0] for row in asker.ask(panel.statement, picked).rows} for picked in (week, narrow)
        ]

    with Writer(warehouse_settings) as writer:
        replica = Replica(writer, zone="Europe/Berlin")
        replica.store([turn(YESTERDAY, user=1), turn(NOW, user=2)])
        replica.publish(NOW - timedelta(minutes=9))
        bad = turn(YESTERDAY, user=3, cost_usd=Decimal(-1))
        replica.store([bad, turn(NOW, user=4)])
        published = replica.publish(NOW)
        assert published is not None
        assert published.withheld == (YESTERDAY.date(),)
        assert people() == [{1, 2, 4}] * 2
        replica.store([bad | {"cost_usd": Decimal(0)}])
        replica.publish(NOW)
        assert people() == [{1, 2, 3, 4}] * 2
    asker.close()
