"""Every check can fail: a lake is damaged on purpose, and that check, by name, sees it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analyzer.errors import LakeError
from analyzer.lake import Narrowing, open_lake
from analyzer.queries import names, sql
from analyzer.status import status
from tests.conftest import ingest_and_check, log_key, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import LogFolder

    Damage = Callable[[pa.Table], pa.Table]


@pytest.fixture
def lake(tmp_path: Path, log_folder: LogFolder) -> Path:
    """A lake of one events part and one ledger part, with a duplicate and a refused object."""
    log_folder.put(log_key("1000", "A"), [record(1), record(2), record(3)])
    log_folder.put(log_key("1001", "B"), [record(3), record(4)])
    log_folder.put_bytes(log_key("1002", "C"), b"")
    ingest_and_check(tmp_path / "lake", log_folder.root)
    return tmp_path / "lake"


def failing(lake: Path) -> set[str]:
    with open_lake(lake, Narrowing()) as opened:
        return {name for name in names("checks") if len(opened.table(sql(f"checks/{name}")))}


def rewrite(lake: Path, folder: str, damage: Damage) -> None:
    """Rewrite the one part of a folder in its place, as if it had been committed so."""
    [path] = (lake / folder).rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    damaged = damage(table).cast(table.schema)
    pq.write_table(damaged, path)
    newest = max((lake / "commits").iterdir())
    commit = json.loads(newest.read_bytes())
    commit[folder][0] |= {"bytes": path.stat().st_size, "rows": len(damaged)}
    newest.write_text(json.dumps(commit))


def with_column(name: str, value: object, *, where: int = 0) -> Damage:
    """Return the damage that sets a cell."""

    def damage(table: pa.Table) -> pa.Table:
        cells = table[name].to_pylist()
        cells[where] = value
        position = table.schema.get_field_index(name)
        return table.set_column(position, name, pa.array(cells, table.schema.field(name).type))

    return damage


def twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 1)])


def without_first(table: pa.Table) -> pa.Table:
    return table.slice(1)


def from_elsewhere(table: pa.Table) -> pa.Table:
    return with_column("source_key", "/nowhere")(table)


def position_of(table: pa.Table, unique: str) -> int:
    """Return the ledger's row of the object with this unique string."""
    return int(pc.index(pc.match_substring(table["key"], f"Z_{unique}."), pa.scalar(True)).as_py())  # noqa: FBT003


def on(unique: str, name: str, value: object) -> Damage:
    """Return the damage that sets a cell of an object's row in the ledger."""
    return lambda table: with_column(name, value, where=position_of(table, unique))(table)


def both(one: Damage, other: Damage) -> Damage:
    return lambda table: other(one(table))


DAMAGES = [
    ("events", twice, {"no_record_stands_twice", "records_add_up", "each_object_adds_up"}),
    ("events", without_first, {"records_add_up", "each_object_adds_up"}),
    ("events", from_elsewhere, {"each_object_adds_up"}),
    ("objects", on("A", "records", 4), {"records_add_up", "each_object_adds_up"}),
    ("objects", on("B", "duplicates", 0), {"records_add_up", "each_object_adds_up"}),
    (
        "objects",
        both(on("A", "records", 2), on("B", "records", 3)),
        {"each_object_adds_up"},
    ),
    ("objects", on("B", "duplicate_of", []), {"duplicates_name_their_keeper"}),
    ("objects", on("B", "duplicate_of", ["/nowhere"]), {"duplicates_name_their_keeper"}),
    ("objects", on("C", "status", "lost"), {"every_object_has_one_status"}),
    ("objects", on("C", "reason", None), {"every_object_has_one_status"}),
    ("objects", on("C", "status", None), {"every_object_has_one_status"}),
    (
        "objects",
        lambda table: pa.concat_tables([table, table.slice(position_of(table, "C"), 1)]),
        {"every_object_has_one_status"},
    ),
]


@pytest.mark.parametrize(("folder", "damage", "broken"), DAMAGES)
def test_a_damaged_lake_fails_the_checks_that_are_about_it(
    lake: Path, folder: str, damage: Damage, broken: set[str]
) -> None:
    assert failing(lake) == set()

    rewrite(lake, folder, damage)
    found = failing(lake)
    assert broken <= found


@pytest.mark.parametrize("month", ["2023-02", "__HIVE_DEFAULT_PARTITION__"])
def test_a_row_in_another_month_is_seen(lake: Path, month: str) -> None:
    [folder] = (lake / "events").iterdir()
    shutil.move(folder, lake / "events" / f"month={month}")
    manifest = max((lake / "commits").iterdir())
    manifest.write_text(manifest.read_text().replace("month=2023-01", f"month={month}"))

    assert failing(lake) == {"rows_lie_in_their_month"}


def test_every_check_is_damaged_here() -> None:
    broken = {name for *_, names_ in DAMAGES for name in names_}

    # classes_add_up is about our own SQL and no lake's rows; test_coverage.py breaks it.
    assert broken | {"rows_lie_in_their_month", "classes_add_up"} == set(names("checks"))


def test_status_names_the_check_that_does_not_hold(lake: Path) -> None:
    rewrite(lake, "events", twice)

    with pytest.raises(LakeError, match=r"(stands twice|adds? up).* does not hold in \d cases"):
        status(lake, check=True)
    assert status(lake, check=False).commit > 0
