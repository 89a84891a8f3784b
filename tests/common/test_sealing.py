from __future__ import annotations

import os
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary

from bot.db.tables import (
    Dialog,
    LlmCall,
    MessageRow,
    SpentBudget,
    UpdateRow,
    UserRow,
    UserSettings,
)
from common.encryption import bindings
from common.encryption.bindings import Binding
from common.encryption.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    OpeningPolicy,
    Sealer,
    UnreadableError,
    Vault,
    next_data_key,
)

DATA_KEY = "a data key for tests"
ANNA, BORIS = b"a" * 32, b"b" * 32
ONE, OTHER = UUID(int=1), UUID(int=2)
PLACE = bindings.text(ONE, OTHER)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    vault = Vault(DATA_KEY)
    sealer, wrapped = vault.new_user_key(ANNA)
    assert vault.user_sealer(wrapped, ANNA).open_text(sealer.seal_text(text, PLACE), PLACE) == text


def test_another_person_cannot_read_it() -> None:
    vault = Vault(DATA_KEY)
    anna, _ = vault.new_user_key(ANNA)
    boris, _ = vault.new_user_key(BORIS)
    with pytest.raises(UnreadableError):
        boris.open_text(anna.seal_text("private", PLACE), PLACE)


def test_another_data_key_opens_nothing() -> None:
    _, wrapped = Vault(DATA_KEY).new_user_key(ANNA)
    with pytest.raises(UnreadableError):
        Vault("another data key").user_sealer(wrapped, ANNA)


def test_a_key_opens_for_its_own_person_alone() -> None:
    vault = Vault(DATA_KEY)
    _, wrapped = vault.new_user_key(ANNA)
    with pytest.raises(UnreadableError, match=r"users\.wrapped_key"):
        vault.user_sealer(wrapped, BORIS)


@pytest.mark.parametrize(
    "elsewhere",
    [
        bindings.text(OTHER, OTHER),
        bindings.text(ONE, ONE),
        bindings.parts(ONE, OTHER),
        bindings.provider_message(ONE, OTHER),
        Binding("messages.content", (ONE.bytes + OTHER.bytes,)),
    ],
)
def test_a_value_opens_in_its_own_place_alone(elsewhere: Binding) -> None:
    sealer = Sealer(bytes(32))
    with pytest.raises(UnreadableError, match=elsewhere.column):
        sealer.open_text(sealer.seal_text("private", PLACE), elsewhere)


def test_every_sealed_column_is_bound_to_its_row() -> None:
    bound = {
        binding.column
        for binding in (
            bindings.wrapped_key(ANNA),
            bindings.profile(ANNA),
            bindings.system_prompt(1),
            bindings.text(ONE, OTHER),
            bindings.parts(ONE, OTHER),
            bindings.provider_message(ONE, OTHER),
            bindings.payload(7, 1),
        )
    }
    sealed = {
        f"{table.__tablename__}.{column.name}"
        for table in (Dialog, LlmCall, MessageRow, SpentBudget, UpdateRow, UserRow, UserSettings)
        for column in table.__table__.columns
        if isinstance(column.type, LargeBinary)
    }
    lookups = {"users.telegram_hmac", "spent_budgets.telegram_hmac", "dialogs.chat_hmac",
               "updates.lane"}  # fmt: skip
    assert bound == sealed - lookups


def test_a_value_of_no_row_is_opened_only_while_it_is_accepted_and_never_made() -> None:
    policy = OpeningPolicy(accepts_unbound=True)
    key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
    old = nonce + AESGCM(key).encrypt(nonce, b"private", b"")
    sealer = Sealer(key, policy=policy)
    assert sealer.open_text(old, PLACE) == "private"
    bound = sealer.reseal(old, PLACE)
    assert bound
    assert bound[:1] == bindings.VERSION
    assert sealer.reseal(bound, PLACE) is None
    policy.accepts_unbound = False
    assert sealer.open_text(bound, PLACE) == "private"
    with pytest.raises(UnreadableError):
        sealer.open_text(old, PLACE)


def test_an_old_value_that_begins_like_a_new_one_is_opened() -> None:
    key, nonce = os.urandom(KEY_BYTES), bindings.VERSION + os.urandom(NONCE_BYTES - 1)
    old = nonce + AESGCM(key).encrypt(nonce, b"private", b"")
    sealer = Sealer(key, policy=OpeningPolicy(accepts_unbound=True))
    assert sealer.open_text(old, PLACE) == "private"


def test_each_refusal_is_told_with_its_column() -> None:
    told: list[Binding] = []
    vault = Vault(DATA_KEY, policy=OpeningPolicy(on_refusal=told.append))
    sealer, wrapped = vault.new_user_key(ANNA)
    for refused in (lambda: vault.user_sealer(wrapped, BORIS), lambda: sealer.open(b"", PLACE)):
        with pytest.raises(UnreadableError):
            refused()
    assert [binding.column for binding in told] == ["users.wrapped_key", "messages.content"]


def test_damage_is_noticed() -> None:
    sealer, _ = Vault(DATA_KEY).new_user_key(ANNA)
    sealed = bytearray(sealer.seal_text("private", PLACE))
    sealed[-1] ^= 1
    with pytest.raises(UnreadableError):
        sealer.open_text(bytes(sealed), PLACE)


def test_the_same_text_is_never_sealed_alike() -> None:
    sealer, _ = Vault(DATA_KEY).new_user_key(ANNA)
    assert sealer.seal_text("x", PLACE) != sealer.seal_text("x", PLACE)


def test_an_identifier_is_found_again_and_kinds_do_not_mix() -> None:
    vault = Vault(DATA_KEY)
    assert vault.lookup("user", 7) == Vault(DATA_KEY).lookup("user", 7)
    assert vault.lookup("user", 7) != vault.lookup("chat", 7)
    assert vault.lookup("user", 7) != Vault("another").lookup("user", 7)


def test_a_second_data_key_opens_what_it_wrapped_and_wraps_nothing() -> None:
    old, new = Vault("old"), Vault("new", second="old")
    anna, wrapped = old.new_user_key(ANNA)
    sealed = anna.seal_text("private", PLACE)
    assert new.user_sealer(wrapped, ANNA).open_text(sealed, PLACE) == "private"
    _, boris = new.new_user_key(BORIS)
    with pytest.raises(UnreadableError):
        old.user_sealer(boris, BORIS)


def test_a_key_that_is_wrapped_anew_opens_the_same_texts_and_only_for_the_new_one() -> None:
    sealer, wrapped = Vault("old").new_user_key(ANNA)
    sealed = sealer.seal_text("private", PLACE)
    rewrap_key = Vault("new", second="old").rewrap_key(wrapped, ANNA)
    assert rewrap_key is not None
    assert Vault("new").user_sealer(rewrap_key, ANNA).open_text(sealed, PLACE) == "private"
    with pytest.raises(UnreadableError):
        Vault("old").user_sealer(rewrap_key, ANNA)
    assert Vault("new", second="old").rewrap_key(rewrap_key, ANNA) is None
    with pytest.raises(UnreadableError):
        Vault("third", second="old").rewrap_key(rewrap_key, ANNA)


def test_the_next_data_key_finds_the_same_people_and_opens_none_of_their_texts() -> None:
    key = DATA_KEY
    lookups = set()
    for _ in range(3):
        following = next_data_key(key)
        assert following != key
        _, wrapped = Vault(key).new_user_key(ANNA)
        with pytest.raises(UnreadableError):
            Vault(following).user_sealer(wrapped, ANNA)
        assert Vault(following).fingerprint != Vault(key).fingerprint
        lookups |= {Vault(key).lookup("user", 7), Vault(following).lookup("user", 7)}
        key = following
    assert len(lookups) == 1


def test_the_next_data_key_does_not_contain_the_one_before() -> None:
    first = next_data_key(DATA_KEY)
    assert DATA_KEY not in first
    assert first.split(".")[1] not in next_data_key(first)
