from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.sealing import UnreadableError, Vault, next_data_key

DATA_KEY = "a data key for tests"


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    vault = Vault(DATA_KEY)
    sealer, wrapped = vault.new_person()
    assert vault.person(wrapped).open_text(sealer.seal_text(text)) == text


def test_another_person_cannot_read_it() -> None:
    vault = Vault(DATA_KEY)
    anna, _ = vault.new_person()
    boris, _ = vault.new_person()
    with pytest.raises(UnreadableError):
        boris.open_text(anna.seal_text("private"))


def test_another_data_key_opens_nothing() -> None:
    _, wrapped = Vault(DATA_KEY).new_person()
    with pytest.raises(UnreadableError):
        Vault("another data key").person(wrapped)


def test_damage_is_noticed() -> None:
    sealer, _ = Vault(DATA_KEY).new_person()
    sealed = bytearray(sealer.seal_text("private"))
    sealed[-1] ^= 1
    with pytest.raises(UnreadableError):
        sealer.open_text(bytes(sealed))


def test_the_same_text_is_never_sealed_alike() -> None:
    sealer, _ = Vault(DATA_KEY).new_person()
    assert sealer.seal_text("x") != sealer.seal_text("x")


def test_an_identifier_is_found_again_and_kinds_do_not_mix() -> None:
    vault = Vault(DATA_KEY)
    assert vault.lookup("user", 7) == Vault(DATA_KEY).lookup("user", 7)
    assert vault.lookup("user", 7) != vault.lookup("chat", 7)
    assert vault.lookup("user", 7) != Vault("another").lookup("user", 7)


def test_a_second_data_key_opens_what_it_wrapped_and_wraps_nothing() -> None:
    old, new = Vault("old"), Vault("new", second="old")
    anna, wrapped = old.new_person()
    assert new.person(wrapped).open_text(anna.seal_text("private")) == "private"
    _, boris = new.new_person()
    with pytest.raises(UnreadableError):
        old.person(boris)


def test_a_key_that_is_wrapped_anew_opens_the_same_texts_and_only_for_the_new_one() -> None:
    sealer, wrapped = Vault("old").new_person()
    sealed = sealer.seal_text("private")
    rewrapped = Vault("new", second="old").rewrapped(wrapped)
    assert rewrapped is not None
    assert Vault("new").person(rewrapped).open_text(sealed) == "private"
    with pytest.raises(UnreadableError):
        Vault("old").person(rewrapped)
    assert Vault("new", second="old").rewrapped(rewrapped) is None
    with pytest.raises(UnreadableError):
        Vault("third", second="old").rewrapped(rewrapped)


def test_the_next_data_key_finds_the_same_people_and_opens_none_of_their_texts() -> None:
    key = DATA_KEY
    lookups = set()
    for _ in range(3):
        following = next_data_key(key)
        assert following != key
        _, wrapped = Vault(key).new_person()
        with pytest.raises(UnreadableError):
            Vault(following).person(wrapped)
        assert Vault(following).fingerprint != Vault(key).fingerprint
        lookups |= {Vault(key).lookup("user", 7), Vault(following).lookup("user", 7)}
        key = following
    assert len(lookups) == 1


def test_the_next_data_key_does_not_contain_the_one_before() -> None:
    first = next_data_key(DATA_KEY)
    assert DATA_KEY not in first
    assert first.split(".")[1] not in next_data_key(first)
