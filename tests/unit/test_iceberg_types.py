"""Types and columns of Iceberg tables: what fits, what grows, and what cuts history off."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.iceberg import SchemaChange, SchemaState, TableState
from tasks.iceberg_types import (
    UnfitTypeError,
    schema_change,
    table_columns,
    table_type,
    united,
    wider,
)

INT, LONG, TEXT = pa.int32(), pa.int64(), pa.string()
KINDS = (INT, LONG, pa.float32(), pa.float64(), TEXT, pa.decimal128(9, 2), pa.decimal128(18, 2))


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (pa.int16(), INT),
        (LONG, LONG),
        (pa.large_string(), TEXT),
        (pa.string_view(), TEXT),
        (pa.decimal128(18, 2), pa.decimal128(18, 2)),
        (pa.timestamp("us"), pa.timestamp("us")),
        (pa.timestamp("ms", tz="UTC"), pa.timestamp("us", tz="UTC")),
        (pa.large_list(pa.large_string()), pa.list_(pa.field("element", TEXT))),
        (pa.struct([("a", pa.int8())]), pa.struct([("a", INT)])),
    ],
)
def test_types_that_fit(kind: pa.DataType, found: pa.DataType) -> None:
    assert table_type(kind) == found


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("ns"),
        pa.timestamp("us", tz="Europe/Berlin"),
        pa.time64("us"),
        pa.duration("us"),
        pa.null(),
        pa.uint64(),
        pa.dictionary(INT, TEXT),
        pa.map_(TEXT, TEXT),
        pa.list_(pa.time32("ms")),
    ],
)
def test_types_that_do_not_fit_are_named_with_their_column(kind: pa.DataType) -> None:
    with pytest.raises(UnfitTypeError, match=r"^column odd: Iceberg tables hold no "):
        table_columns({"odd": kind})


@given(one=st.sampled_from(KINDS), other=st.sampled_from(KINDS))
def test_what_reads_both_reads_each(one: pa.DataType, other: pa.DataType) -> None:
    found = wider(one, other)
    assert found == wider(other, one)
    if found is not None:
        assert found in (one, other)
        assert wider(found, one) == wider(found, other) == found


def test_columns_of_files_are_united_by_name() -> None:
    assert united({"a": INT}, {"a": LONG, "b": TEXT}) == {"a": LONG, "b": TEXT}
    assert united({"a": INT}, {"a": TEXT}) is None


def state(
    *schemas: dict[str, pa.DataType], gone: frozenset[str] = frozenset(), current: int = -1
) -> TableState:
    found = tuple(SchemaState(n, columns) for n, columns in enumerate(schemas))
    names = frozenset(name for schema in schemas for name in schema) | gone
    return TableState("", found[current], found, None, None, {}, {}, {}, names)


def test_a_schema_that_reads_the_columns_stays() -> None:
    assert schema_change({"a": INT}, state({"a": LONG})) == (SchemaChange(), False)


def test_columns_come_widen_and_go() -> None:
    change, forgets = schema_change({"a": LONG, "new": TEXT}, state({"a": INT, "b": TEXT}))
    assert change == SchemaChange(added={"new": TEXT}, widened={"a": LONG}, dropped=("b",))
    assert not forgets


def test_an_earlier_schema_comes_back_as_it_was() -> None:
    change, forgets = schema_change(
        {"a": LONG, "b": TEXT}, state({"a": LONG, "b": TEXT}, {"a": LONG})
    )
    assert change == SchemaChange(back_to=0)
    assert not forgets


@pytest.mark.parametrize("wanted", [{"a": TEXT}, {"a": LONG, "old": LONG}])
def test_a_name_that_gets_another_field_forgets_the_history(
    wanted: dict[str, pa.DataType],
) -> None:
    before = state({"a": LONG}, gone=frozenset({"old"}))
    change, forgets = schema_change(wanted, before)
    assert forgets
    assert set(change.dropped) <= set(change.added)
