"""The bot's Prometheus metrics. Label values come from bounded sets."""

from __future__ import annotations

from collections.abc import Iterable

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
        r = self.registry
        self.llm_duration = Histogram(
            "llm_request_duration_seconds",
            "Duration of a model request, to its last token or failure.",
            ["model", "status"],
            buckets=SECONDS,
            registry=r,
        )
        self.llm_requests = Counter(
            "llm_requests_total", "Requests sent to a model.", ["model"], registry=r
        )
        self.llm_errors = Counter(
            "llm_errors_total", "Model requests that failed.", ["model", "error_type"], registry=r
        )
        self.llm_fallback_used = Counter(
            "llm_fallback_used_total", "Turns that used the fallback model.", registry=r
        )
        self.llm_first_token = Histogram(
            "llm_time_to_first_token_seconds",
            "From the turn's start to the first token of its answer.",
            ["model"],
            buckets=SECONDS,
            registry=r,
        )
        self.messages_received = Counter(
            "telegram_messages_received_total", "New messages stored in the inbox.", registry=r
        )
        self.messages_sent = Counter(
            "telegram_messages_sent_total", "Messages that Telegram accepted.", registry=r
        )
        self.send_failures = Counter(
            "telegram_send_failures_total",
            "Requests to Telegram that failed.",
            ["cause"],
            registry=r,
        )
        self.flood_wait = Counter(
            "telegram_flood_wait_seconds_total",
            "Time that sends waited on Telegram's demand (429).",
            registry=r,
        )
        self.pacing_wait = Counter(
            "telegram_pacing_wait_seconds_total",
            "Time that sends waited for the bot's own rate limits.",
            registry=r,
        )
        self.poll_errors = Counter(
            "telegram_poll_errors_total", "Failed getUpdates requests.", ["cause"], registry=r
        )
        self.duplicates_dropped = Counter(
            "bot_duplicate_updates_dropped_total",
            "Updates delivered again, which are stored once.",
            registry=r,
        )
        self.unusable_updates = Counter(
            "bot_unusable_updates_total", "Items without an update_id, skipped.", registry=r
        )
        self.updates_settled = Counter(
            "bot_updates_settled_total", "Updates that ended, by outcome.", ["outcome"], registry=r
        )
        self.wrong_invites = Counter(
            "bot_wrong_invites_total",
            "Invite codes that were wrong, or not checked after too many wrong ones.",
            registry=r,
        )
        self.refused_content = Counter(
            "bot_refused_content_total",
            "Messages with unsupported content, by its kind.",
            ["kind"],
            registry=r,
        )
        self.refused_values = Counter(
            "bot_sealed_values_refused_total",
            "Sealed values that could not be opened in their row, by column.",
            ["column"],
            registry=r,
        )
        for column in COLUMNS:
            # An alert on increase() misses a series that starts with its first event.
            self.refused_values.labels(column)
        self.turns_finished = Counter(
            "bot_turns_finished_total", "Turns that ended, by status.", ["status"], registry=r
        )
        self.turns_in_flight = Gauge("bot_turns_in_flight", "Turns being answered now.", registry=r)
        self.bill_spent = Gauge(
            "bot_bill_spent_usd",
            "Spending of the current period, with the reserves of attempts of unknown cost.",
            ["scope", "period"],
            registry=r,
        )
        self.bill_limit = Gauge(
            "bot_bill_limit_usd", "The limit of the bill.", ["scope", "period"], registry=r
        )
        self.bill_used_up = Gauge(
            "bot_bill_used_up",
            "1 while the limit of the bill refuses attempts.",
            ["scope", "period"],
            registry=r,
        )
        self.inbox_depth = Gauge(
            "bot_inbox_depth", "Stored updates that are not settled.", registry=r
        )
        self.inbox_oldest = Gauge(
            "bot_inbox_oldest_seconds", "Age of the oldest update that is not settled.", registry=r
        )
        self.active_chats = Gauge(
            "bot_lanes_active", "Chats that this replica is processing.", registry=r
        )
        self.is_poller = Gauge(
            "bot_is_poller", "1 while this replica is the one that polls Telegram.", registry=r
        )
        self.pool_connections = Gauge(
            "bot_database_pool_connections",
            "Connections of the database pool.",
            ["state"],
            registry=r,
        )

    def model(self, name: str) -> str:
        """The label of a model."""
        return name if name in self._models else OTHER
