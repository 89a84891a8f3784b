"""Makes a database as a version before bindings had left it."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import text

from common.encryption import bindings
from common.encryption.bindings import Binding
from common.encryption.sealing import NONCE_BYTES, Sealer, Vault
from common.postgres import Sessions, transaction

COLUMNS = {
    ("users", "sealed_profile"): lambda row: bindings.profile(row.telegram_hmac),
    ("user_settings", "sealed_system_prompt"): lambda row: bindings.system_prompt(row.key),
    ("messages", "content"): lambda row: bindings.text(row.id, row.dialog_id),
    ("messages", "sealed_parts"): lambda row: bindings.parts(row.id, row.dialog_id),
    ("llm_calls", "provider_message"): lambda row: bindings.provider_message(row.id, row.turn_id),
    ("updates", "payload"): lambda row: bindings.payload(row.bot_id, row.update_id),
}
OWNERS = {
    "users": "users",
    "user_settings": "user_settings JOIN users ON key = user_key",
    "messages": "messages JOIN users ON key = user_key",
    "llm_calls": "llm_calls JOIN turns ON turns.id = turn_id JOIN users ON key = user_key",
    "updates": "updates LEFT JOIN users ON key = user_key",
}


def sealed_before_bindings(sealer: Sealer, plain: bytes) -> bytes:
    """As every version before 0011 sealed."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + sealer._cipher.encrypt(nonce, plain, b"")


async def make_old(sessions: Sessions, vault: Vault) -> None:
    """Unbind every sealed value, and remove the marker."""
    async with transaction(sessions) as session:
        await session.execute(text("DELETE FROM sealing_marker"))

        async def unbind(table: str, column: str, row: Any, sealer: Sealer, at: Binding) -> None:
            old = sealed_before_bindings(sealer, sealer.open(getattr(row, column), at))
            await session.execute(
                text(f"UPDATE {table} SET {column} = :old WHERE CAST(ctid AS text) = :place"),
                {"old": old, "place": row.place},
            )

        for (table, column), binding in COLUMNS.items():
            rows = await session.execute(
                text(
                    f"SELECT {table}.*, CAST({table}.ctid AS text) AS place, users.key,"
                    " users.telegram_hmac, users.wrapped_key"
                    f" FROM {OWNERS[table]} WHERE {table}.{column} IS NOT NULL"
                )
            )
            for row in rows.all():
                sealer = vault.installation
                if row.wrapped_key is not None:
                    sealer = vault.user_sealer(row.wrapped_key, row.telegram_hmac)
                await unbind(table, column, row, sealer, binding(row))
        people = await session.execute(text("SELECT *, CAST(ctid AS text) AS place FROM users"))
        for row in people.all():
            at = bindings.wrapped_key(row.telegram_hmac)
            await unbind("users", "wrapped_key", row, vault._wrapper, at)
