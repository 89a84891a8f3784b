"""States of the engine read here say what the engine says of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.random_ledger import property_test
from warehouse.client import Reader
from warehouse.states import Sketch, StateError, people, quantiles

DURATIONS = "quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99)"
durations = st.lists(
    st.one_of(
        st.just(0.0),
        st.floats(0.001, 100_000),
        # A clock that was set back.
        st.floats(-100_000, -0.001),
        # Many in neighbouring bins are stored without gaps.
        st.integers(100, 130).map(float),
    ),
    max_size=200,
)


async def sketch(reader: Reader, values: list[float]) -> Sketch:
    rows = await reader.rows(
        "state",
        f"SELECT hex({DURATIONS.replace('(', 'State(', 1)}(value)) AS state"
        " FROM (SELECT arrayJoin({values:Array(Float64)}) AS value)",
        {"values": values},
    )
    return Sketch.of_state(bytes.fromhex(rows[0]["state"]))


@property_test
@given(parts=st.lists(durations, min_size=1, max_size=4))
async def test_quantiles_of_sketches_together_are_the_engines_to_the_bit(
    reader: Reader, parts: list[list[float]]
):
    rows = await reader.rows(
        "quantiles",
        f"SELECT {DURATIONS}(value) AS found"
        " FROM (SELECT arrayJoin({values:Array(Float64)}) AS value)",
        {"values": [value for part in parts for value in part]},
    )
    found = quantiles([await sketch(reader, part) for part in parts])
    assert found == pytest.approx(rows[0]["found"], rel=0, abs=0, nan_ok=True)


@property_test
@given(
    keys=st.one_of(
        st.sets(st.integers(0, 2**32 - 1), max_size=32),
        st.sets(st.integers(1, 5_000), min_size=33, max_size=1_000),
        st.sets(st.integers(0, 2**32 - 1), min_size=33, max_size=200),
    )
)
async def test_a_set_of_people_is_the_engines(reader: Reader, keys: set[int]):
    rows = await reader.rows(
        "state",
        "SELECT hex(groupBitmapState(key)) AS state"
        " FROM (SELECT arrayJoin({keys:Array(UInt32)}) AS key)",
        {"keys": sorted(keys)},
    )
    assert set(people(bytes.fromhex(rows[0]["state"]))) == keys


def test_no_value_has_no_quantile():
    assert all(math.isnan(value) for value in quantiles([]))


@pytest.mark.parametrize(
    "state", [b"", b"\x02", b"\x05" + bytes(20), b"\x02" + bytes(16) + b"\x01\x0c\x05"]
)
def test_bytes_that_are_no_sketch_are_told_apart(state: bytes):
    with pytest.raises(StateError):
        Sketch.of_state(state)


def test_empty_bytes_are_no_set_of_people():
    with pytest.raises(StateError):
        people(b"")
