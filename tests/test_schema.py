from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from analyzer.flatten import Flattener
from analyzer.schema import COLUMNS, EVENTS, LEDGER, Column, Kind

if TYPE_CHECKING:
    from tests.conftest import Json

PREFIXES = {
    (): "",
    ("tlsDetails",): "tls_",
    ("userIdentity",): "user_identity_",
    ("userIdentity", "sessionContext"): "user_identity_",
    ("userIdentity", "sessionContext", "attributes"): "user_identity_session_",
    ("userIdentity", "sessionContext", "sessionIssuer"): "user_identity_session_issuer_",
    ("userIdentity", "sessionContext", "webIdFederationData"): "user_identity_web_id_",
    ("userIdentity", "onBehalfOf"): "user_identity_on_behalf_of_",
    ("userIdentity", "inScopeOf"): "user_identity_in_scope_of_",
    ("userIdentity", "invokedByDelegate"): "user_identity_invoked_by_delegate_",
}

SAMPLES: dict[Kind, object] = {
    Kind.TEXT: "012",
    Kind.TIME: "2023-01-05T09:58:00Z",
    Kind.FLAG: True,
    Kind.JSON: {"a": [1, None]},
}


def row_of(record: Json) -> Json:
    flattener = Flattener()
    flattener.take("key", json.dumps({"Records": [record]}).encode())
    return flattener.finish().events.to_pylist()[0]


def record_with(path: tuple[str, ...], value: object) -> Json:
    for member in reversed(path):
        value = {member: value}
    assert isinstance(value, dict)
    return value


def snake_case(member: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", member).lower()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_record_with_one_member_fills_the_members_column_and_no_other(column: Column) -> None:
    row = row_of(record_with(column.path, SAMPLES[column.kind]))

    value = row[column.name]
    filled = {name for name, cell in row.items() if cell is not None}
    assert filled == {column.name, "source_key"}
    assert (json.loads(value) if column.kind is Kind.JSON else value) in (
        SAMPLES[column.kind],
        pa.scalar(1_672_912_680_000_000, pa.timestamp("us")).as_py(),
    )


@pytest.mark.parametrize(
    "column", [c for c in COLUMNS if c.kind is not Kind.JSON], ids=lambda column: column.name
)
def test_a_member_of_another_type_ends_in_extra(column: Column) -> None:
    record = record_with(column.path, {"not": ["what", "AWS", "documents", 1]})

    row = row_of(record)
    assert json.loads(row["extra"]) == record
    assert {name for name, cell in row.items() if cell is not None} == {"extra", "source_key"}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_columns_name_is_cloudtrails_own_in_snake_case(column: Column) -> None:
    prefix = PREFIXES[column.path[:-1]]

    assert column.name == prefix + snake_case(column.path[-1]).removeprefix(
        "tls_" if prefix else ""
    )


@pytest.mark.parametrize("records", [b"", b"{}", b'{"eventName":"A","readOnly":true}'])
def test_flatten_returns_the_columns_of_the_schema_in_its_order(records: bytes) -> None:
    flattener = Flattener()
    flattener.take("key", b'{"Records":[' + records + b"]}")

    assert flattener.finish().events.cast(EVENTS).schema.equals(EVENTS)


def test_no_column_and_no_path_stands_twice() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert len({column.path for column in COLUMNS}) == len(COLUMNS)


def test_every_column_says_what_it_means() -> None:
    assert all(column.meaning for column in COLUMNS)


def test_account_ids_are_text_everywhere() -> None:
    accounts = [field for schema in (EVENTS, LEDGER) for field in schema if "account" in field.name]

    assert len(accounts) >= 6
    assert {field.type for field in accounts} == {pa.string()}
