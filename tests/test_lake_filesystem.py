"""A part of a lake reads like any file, whatever was read of it before and whatever is kept."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import lake_filesystem
from analyzer.lake_filesystem import LakeFileSystem

END_BYTES = 8
KEPT_BYTES = 20

PARTS = {"events/part-a.parquet": bytes(range(40)), "events/part-b.parquet": bytes(range(5, 12))}
ANY_PART = st.sampled_from(sorted(PARTS))


class Counted:
    """Parts in memory, and what was asked for of them."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def end(self, path: str, count: int) -> tuple[int, bytes]:
        self.asked.append((path, count))
        return len(PARTS[path]), PARTS[path][-count:]

    def between(self, path: str, start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(PARTS[path])
        self.asked.append((path, start, end))
        return PARTS[path][start:end]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the end of a part be short, and little be kept."""
    monkeypatch.setattr(lake_filesystem, "END_BYTES", END_BYTES)
    monkeypatch.setattr(lake_filesystem, "KEPT_BYTES", KEPT_BYTES)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            ANY_PART,
            st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]),
            st.sampled_from([0, 1, 5, 31, 32, 33, 40, 45]),
            st.sampled_from([-1, 0, 1, 4, 8, 9, 40]),
        ),
        max_size=30,
    )
)
def test_a_part_reads_like_the_file_that_it_is(steps: list[tuple[str, int, int, int]]) -> None:
    files = LakeFileSystem(Counted())
    opened = {path: (files.open(f"lake://{path}"), io.BytesIO(PARTS[path])) for path in PARTS}

    for path, whence, offset, size in steps:
        ours, plain = opened[path]
        back = -offset if whence == io.SEEK_END and offset <= len(PARTS[path]) else offset
        assert ours.seek(back, whence) == plain.seek(back, whence)
        assert ours.read(size) == plain.read(size)
        assert ours.tell() == plain.tell()
    for path, content in PARTS.items():
        assert files.info(f"lake://{path}")["size"] == len(content)


def test_what_was_read_is_not_asked_for_again_until_too_much_has_been_read_since() -> None:
    parts = Counted()
    files, [path, other] = LakeFileSystem(parts), sorted(PARTS)

    for _ in range(2):
        files.read(path, 0, 4)
        files.read(path, 34, 40)
    assert parts.asked == [(path, END_BYTES), (path, 0, 4)]

    files.read(other, 0, 7)  # 8 + 4 + 7 bytes
    files.read(path, 0, 4)
    files.read(path, 10, 14)  # and the end of `other`, which was read longest ago, goes
    parts.asked.clear()
    files.read(path, 0, 4)
    files.read(path, 10, 14)
    assert parts.asked == []
    files.read(other, 0, 7)
    assert parts.asked == [(other, END_BYTES)]


def test_what_could_not_be_read_is_kept_for_who_asks_why_and_is_asked_for_again() -> None:
    class Refusing(Counted):
        def between(self, path: str, start: int, end: int) -> bytes:
            found = super().between(path, start, end)
            if len(self.asked) == 2:
                raise FileNotFoundError(path)
            return found

    files, path = LakeFileSystem(Refusing()), min(PARTS)

    with pytest.raises(FileNotFoundError):
        files.read(path, 0, 4)
    assert isinstance(files.failure, FileNotFoundError)
    assert files.read(path, 0, 4) == PARTS[path][:4]
