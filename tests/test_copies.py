from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.copies import BATCHES_APART, Fingerprints, RecentRecords, repeated

# Few different ones, some of which fall into the same place of the table.
IDS = st.none() | st.sampled_from([0, 1, 64, 128, 2**64 - 1, 2**63])
BATCH = st.lists(IDS, max_size=40)


@given(batches=st.lists(BATCH, min_size=1, max_size=4), cut=st.integers(0, 3))
@example(batches=[[]], cut=0)
@example(batches=[[5, 6], [5, 5, 7]], cut=0)
def test_an_id_is_repeated_that_stands_in_the_last_batch_and_twice_in_all(
    batches: list[list[int | None]], cut: int
) -> None:
    hashes = [pa.array([None] * cut + batch, pa.uint64()).slice(cut) for batch in batches]
    counts = Counter(each for batch in batches for each in batch)
    wanted = {each for each in batches[-1] if each is not None and counts[each] > 1}

    assert repeated(hashes) == [
        [row for row, each in enumerate(batch) if each in wanted] for batch in batches
    ]


def read(batch_id: str, hour: int) -> Fingerprints:
    nothing: pa.Array[Any] = pa.array([], pa.uint64())
    return Fingerprints(batch_id, (), (), nothing, nothing, frozenset([hour]), b"")


@pytest.mark.parametrize(("apart", "held"), [(BATCHES_APART - 1, True), (BATCHES_APART, False)])
def test_a_batch_is_let_go_once_so_many_in_a_row_share_no_hour_with_it(
    apart: int, *, held: bool
) -> None:
    recent = RecentRecords()
    recent.take_in(read("old", hour=1))
    recent.take_in(read("far", hour=2))
    recent.take_in(read("near", hour=1))
    for number in range(apart):
        recent.take_in(read(f"{number}", hour=2))

    cleared = recent.take_in(read("late", hour=1)).clearance.batches
    assert cleared >= {"far"}
    assert ("old" in cleared, "near" in cleared) == (held, held)
