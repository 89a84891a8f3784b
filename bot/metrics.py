"""The bot's Prometheus metrics. Label values come from bounded sets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from common.encryption.bindings import COLUMNS

SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 240)
OTHER = "other"


class BotMetrics:
    """The bot's metrics in one registry.

    Args:
        models: the configured models; other names are labelled `other`.
    """

    def __init__(self, models: Iterable[str] = ()) -> None:
        self._models = frozenset(models)
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, buckets=SECONDS, registry=self.registry)
        self.llm_duration = histogram(
            "llm_request_duration_seconds",
            "Duration of a model request, to its last token or failure.",
            ["model", "status"],
        )
        self.llm_requests = counter("llm_requests_total", "Requests sent to a model.", ["model"])
        self.llm_errors = counter(
            "llm_errors_total", "Model requests that failed.", ["model", "error_type"]
        )
        self.llm_fallback_used = counter(
            "llm_fallback_used_total", "Turns that used the fallback model."
        )
        self.llm_first_token = histogram(
            "llm_time_to_first_token_seconds",
            "From the turn's start to the first token of its answer.",
            ["model"],
        )
        self.messages_received = counter(
            "telegram_messages_received_total", "New messages stored in the inbox."
        )
        self.messages_sent = counter(
            "telegram_messages_sent_total", "Messages that Telegram accepted."
        )
        self.send_failures = counter(
            "telegram_send_failures_total", "Requests to Telegram that failed.", ["cause"]
        )
        self.flood_wait = counter(
            "telegram_flood_wait_seconds_total",
            "Time that sends waited on Telegram's demand (429).",
        )
        self.pacing_wait = counter(
            "telegram_pacing_wait_seconds_total",
            "Time that sends waited for the bot's own rate limits.",
        )
        self.poll_errors = counter(
            "telegram_poll_errors_total", "Failed getUpdates requests.", ["cause"]
        )
        self.duplicates_dropped = counter(
            "bot_duplicate_updates_dropped_total", "Updates delivered again, which are stored once."
        )
        self.unusable_updates = counter(
            "bot_unusable_updates_total", "Items without an update_id, skipped."
        )
        self.updates_settled = counter(
            "bot_updates_settled_total", "Updates that ended, by outcome.", ["outcome"]
        )
        self.wrong_invites = counter(
            "bot_wrong_invites_total",
            "Invite codes that were wrong, or not checked after too many wrong ones.",
        )
        self.refused_content = counter(
            "bot_refused_content_total", "Messages with unsupported content, by its kind.", ["kind"]
        )
        self.refused_values = counter(
            "bot_sealed_values_refused_total",
            "Sealed values that could not be opened in their row, by column.",
            ["column"],
        )
        for column in COLUMNS:
            # An alert on increase() misses a series that starts with its first event.
            self.refused_values.labels(column)
        self.turns_finished = counter(
            "bot_turns_finished_total", "Turns that ended, by status.", ["status"]
        )
        self.turns_in_flight = gauge("bot_turns_in_flight", "Turns being answered now.")
        self.bill_spent = gauge(
            "bot_bill_spent_usd",
            "Spending of the current period, with the reserves of attempts of unknown cost.",
            ["scope", "period"],
        )
        self.bill_limit = gauge("bot_bill_limit_usd", "The limit of the bill.", ["scope", "period"])
        self.bill_used_up = gauge(
            "bot_bill_used_up",
            "1 while the limit of the bill refuses attempts.",
            ["scope", "period"],
        )
        self.inbox_depth = gauge("bot_inbox_depth", "Stored updates that are not settled.")
        self.inbox_oldest = gauge(
            "bot_inbox_oldest_seconds", "Age of the oldest update that is not settled."
        )
        self.active_chats = gauge("bot_lanes_active", "Chats that this replica is processing.")
        self.is_poller = gauge(
            "bot_is_poller", "1 while this replica is the one that polls Telegram."
        )
        self.pool_connections = gauge(
            "bot_database_pool_connections", "Connections of the database pool.", ["state"]
        )

    def model(self, name: str) -> str:
        """The label of a model."""
        return name if name in self._models else OTHER
