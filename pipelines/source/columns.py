"""Which columns replication moves, and how they must look on both sides.

Texts, profiles, keys and identifiers are absent on purpose: what is not named here never leaves
PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

# PostgreSQL's type name -> the expression that Arrow and ClickHouse both read without loss.
_CASTS = {"numeric(18,10)": "{}::text", "xid8": "{}::text::bigint"}


@dataclass(frozen=True, slots=True)
class ReplicatedTable:
    """One table of PostgreSQL and its copy in the warehouse."""

    source: str
    target: str
    columns: Mapping[str, str]
    """Column -> PostgreSQL type."""
    key: str = "id"
    key_type: str = "uuid"
    first_key: str = "00000000-0000-0000-0000-000000000000"
    """A key below every real one."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Source column -> target column, where they differ."""
    condition: str = "true"
    """Which rows replicate."""
    expressions: Mapping[str, str] = field(default_factory=dict)
    """Column -> expression that is replicated instead of the value."""
    read: Mapping[str, str] = field(default_factory=dict)
    """Columns that only these expressions need -> PostgreSQL type."""
    is_sharded: bool = True
    """Whether each node of a cluster holds a part of it rather than all."""

    @property
    def selection(self) -> str:
        """The SELECT list, with the target's names."""
        return ", ".join(
            f"{_CASTS.get(kind, '{}').format(self.value(name))} AS {self.renamed.get(name, name)}"
            for name, kind in self.columns.items()
        )

    def value(self, column: str) -> str:
        """The expression over the source that is replicated as this column."""
        return self.expressions.get(column, column)

    @property
    def target_columns(self) -> set[str]:
        return {self.renamed.get(name, name) for name in self.columns} | {"epoch", "is_deleted"}

    def parsed(self, key: str) -> UUID | int:
        """A key that is safe in a statement.

        Raises:
            ValueError: it is none.
        """
        return UUID(key) if self.key_type == "uuid" else int(key)


# Turns and events of a person who is not counted keep their person in PostgreSQL alone.
_COUNTED = {"user_key": "(CASE WHEN is_counted THEN user_key ELSE 0 END)"}
_READ = {"is_counted": "boolean"}
_MOMENT = "timestamp with time zone"

TURNS = ReplicatedTable(
    source="turns",
    target="turns",
    columns={
        "id": "uuid",
        "version": "xid8",
        "bot_id": "bigint",
        "user_key": "integer",
        "dialog_id": "uuid",
        "chat_type": "text",
        "language": "text",
        "source": "text",
        "user_messages": "smallint",
        "received_at": _MOMENT,
        "sent_at": _MOMENT,
        "first_token_at": _MOMENT,
        "answered_at": _MOMENT,
        "status": "text",
        "reason": "text",
        "model_asked": "text",
        "model_used": "text",
        "fallback_cause": "text",
        "prompt_tokens": "integer",
        "completion_tokens": "integer",
        "cached_tokens": "integer",
        "reasoning_tokens": "integer",
        "cost_usd": "numeric(18,10)",
        "finish_reason": "text",
        "user_chars": "integer",
        "answer_chars": "integer",
        "answer_parts": "smallint",
        "flood_wait_ms": "integer",
        "pacing_wait_ms": "integer",
        "unpriced_calls": "smallint",
        "generation_ms": "integer",
        "generated_tokens": "integer",
        "fallback_wait_ms": "integer",
        "fallback_cost_usd": "numeric(18,10)",
        "is_person": "boolean",
    },
    condition="status <> 'pending'",
    expressions={**_COUNTED, "is_person": "(is_person AND is_counted)"},
    read=_READ,
)

PEOPLE = ReplicatedTable(
    source="users",
    target="people",
    key="key",
    key_type="integer",
    first_key="-2147483648",
    columns={
        "key": "integer",
        "version": "xid8",
        "language": "text",
        "source": "text",
        "blocked_at": _MOMENT,
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
    },
    renamed={"key": "user_key"},
)

FEEDBACK = ReplicatedTable(
    source="feedback",
    target="feedback",
    columns={
        "id": "uuid",
        "version": "xid8",
        "bot_id": "bigint",
        "turn_id": "uuid",
        "dialog_id": "uuid",
        "received_at": _MOMENT,
        "user_key": "integer",
        "verdict": "smallint",
        "given_by": "text",
        "given_at": _MOMENT,
    },
    expressions=_COUNTED,
    read=_READ,
    is_sharded=False,
)

USER_EVENTS = ReplicatedTable(
    source="user_events",
    target="user_events",
    columns={
        "id": "uuid",
        "version": "xid8",
        "bot_id": "bigint",
        "user_key": "integer",
        "occurred_at": _MOMENT,
        "chat_type": "text",
        "language": "text",
        "kind": "text",
        "name": "text",
    },
    expressions=_COUNTED,
    read=_READ,
    is_sharded=False,
)

REPLICATED = (PEOPLE, TURNS, FEEDBACK, USER_EVENTS)

TOMBSTONES = {
    "id": "bigint",
    "table_name": "text",
    "row_id": "text",
    "version": "xid8",
    "deleted_at": _MOMENT,
}
