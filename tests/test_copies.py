from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.copies import repeated

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
