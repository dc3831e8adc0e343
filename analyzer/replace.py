"""Which objects are read together when one has changed that the lake has records of.

An object that dropped records because the changed one held them too is read again with
it, in the same commit: the changed object may hold them no longer. CloudTrail never
changes an object; people do, who edit, mask or re-write an archive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from analyzer.batch import Batch, new_id
from analyzer.listing import LogObject
from analyzer.queries import sql

if TYPE_CHECKING:
    from collections.abc import Iterable


def together(ledger: pa.Table, changed: dict[str, LogObject]) -> Batch:
    """Take the first of `changed` out of it, with all that have to be read with it.

    A dependent that has changed itself is taken out too, and its dependents come with it.
    The others stand first in the batch, so that they keep the records that they have.
    """
    first = next(iter(changed))
    replaced = {first: changed.pop(first)}
    dependents: dict[str, LogObject] = {}
    waiting = [first]
    while waiting:
        found = _dependents(ledger, waiting)
        waiting = []
        for dependent in found:
            if dependent.key in changed:
                replaced[dependent.key] = changed.pop(dependent.key)
                waiting.append(dependent.key)
            elif dependent.key not in replaced:
                dependents[dependent.key] = dependent
    return Batch(
        new_id(),
        (*dependents.values(), *replaced.values()),
        known=frozenset({*dependents, *replaced}),
        dependents=frozenset(dependents),
    )


def _dependents(ledger: pa.Table, keys: Iterable[str]) -> list[LogObject]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("ledger", ledger)
        connection.register("changed_keys", pa.table({"key": pa.array(keys, pa.string())}))
        rows = connection.execute(sql("replace/dependents")).fetchall()
    return [LogObject(*row) for row in rows]
