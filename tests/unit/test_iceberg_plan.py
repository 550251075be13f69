"""Which files the Iceberg tables of a release list, and how they are partitioned."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pyarrow as pa
import pytest

from tasks.contracts.iceberg import Cut, FileFacts, ListedFile, SchemaState, TableState, WantedTable
from tasks.contracts.release import PublishedFile, PublishedTable, PublishedView, Release
from tasks.iceberg_plan import (
    bronze_tables,
    change_to,
    columns_of,
    cut_of,
    settled_cut,
    show_again,
    shown_before,
    split_by_kind,
    tables_left,
    wanted_tables,
)
from tasks.iceberg_types import UnfitTypeError

ROOTS = {"bronze": "file:///b", "silver": "file:///s", "gold": "s3://gold/g"}
TEXT, LONG = pa.string(), pa.int64()


def table(*values: str | None, kind: str = "DATE", empty: bool = False) -> PublishedTable:
    """A table with a file a value of its partition; None is of no partition."""
    files = [
        PublishedFile(
            root="silver",
            path=f"f{n}",
            rows=0 if empty else 1,
            bytes=10,
            sha256="0" * 64,
            partition={} if value is None else {"at": value},
        )
        for n, value in enumerate(values)
    ]
    return PublishedTable(
        rows=len(files), bytes=10, columns={"at": kind}, partition_column="at", files=tuple(files)
    )


def release(tables: dict[str, PublishedTable], **bronze: tuple[str, ...]) -> Release:
    return Release(
        pipeline="shop",
        release=1,
        previous=None,
        run_id="r",
        run_date=dt.date(2024, 1, 1),
        created_at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        spec_fingerprint="",
        bronze=bronze,
        tables=tables,
    )


@pytest.mark.parametrize(
    ("values", "kind", "cut"),
    [
        (("2024-01-01", "2024-01-02"), "DATE", Cut("at")),
        (("2024-01", "unknown"), "DATE", Cut("at", "month")),
        (("2024-01-01", "__HIVE_DEFAULT_PARTITION__"), "TIMESTAMP", Cut("at", "day")),
        (("a", "unknown"), "VARCHAR", Cut("at")),
        (("2024-01-01", None), "DATE", None),
        (("2024-01-01", "2024-01"), "DATE", None),
        (("1.5",), "DOUBLE", None),
        ((), "DATE", None),
    ],
)
def test_how_a_table_is_cut(values: tuple[str | None, ...], kind: str, cut: Cut | None) -> None:
    assert cut_of(table(*values, kind=kind)) == cut


def test_a_release_tells_the_tables_with_their_files() -> None:
    view = PublishedView(sql="from {bronze.x}", reads=("bronze.x",))
    hidden = table("2024-01-01").model_copy(update={"internal": True})
    (found,) = wanted_tables(
        release(
            {
                "silver.orders": table("2024-01-01", "unknown"),
                "silver.seen": table().model_copy(update={"view": view}),
                "gold.for_later": hidden,
                "bronze.orders": table("2024-01-01"),
            }
        ),
        ROOTS,
        "shop/",
    )
    assert (found.full_name, found.cut) == ("silver.orders", Cut("at"))
    assert found.files == (
        ListedFile("file:///s/f0", 1, 10, "2024-01-01"),
        ListedFile("file:///s/f1", 1, 10, None),
    )


def test_files_without_rows_only_tell_the_columns() -> None:
    (found,) = wanted_tables(release({"gold.fct": table(None, empty=True)}), ROOTS, "shop/")
    assert found.files == ()
    assert found.pattern == ListedFile("file:///s/f0", 0, 10)


def test_bronze_is_what_the_release_has_seen_by_its_folders() -> None:
    seen = (
        "shop/orders/ingest_dt=2024-01-01/a|b.parquet|3|99|sha",
        "shop/orders/ingest_dt=__HIVE_DEFAULT_PARTITION__/b.parquet|1|9|sha",
        "shop/tags/kind=a%20b/c.parquet|1|9|sha",
        "shop/uncut/d.parquet|1|9|sha",
        "shop/loose.parquet|1|9|sha",
        "shop/notes/day=1/e.jsonl|1|9|sha",
    )
    orders, tags, uncut = bronze_tables(release({}, one=seen[:2], other=seen), "file:///b", "shop/")
    assert [(f.location, f.rows, f.bytes, f.value) for f in orders.files] == [
        ("file:///b/shop/orders/ingest_dt=2024-01-01/a|b.parquet", 3, 99, "2024-01-01"),
        ("file:///b/shop/orders/ingest_dt=__HIVE_DEFAULT_PARTITION__/b.parquet", 1, 9, None),
    ]
    assert (orders.name, orders.cut) == ("orders", Cut("ingest_dt"))
    assert tags.files[0].value == "a b"
    assert (uncut.cut, len(uncut.files)) == (None, 1)


A, B = ListedFile("a", 1, 1, "x"), ListedFile("b", 1, 1, "y")
BRONZE = WantedTable("bronze", "t", (A, B), Cut("kind"), A)


def facts(columns: dict[str, pa.DataType], constant: str | None = None) -> FileFacts:
    return FileFacts(1, columns, constant)


def state_of(columns: dict[str, pa.DataType], cut: Cut | None = None) -> TableState:
    schema = SchemaState(0, columns)
    return TableState("", schema, (schema,), cut, 7, {1: 7}, {}, {7: 0}, frozenset(columns))


def test_bronze_is_partitioned_by_what_its_files_do_not_hold_or_hold_once() -> None:
    absent = {"a": facts({"n": LONG}), "b": facts({"n": LONG})}
    assert settled_cut(BRONZE, None, False, absent) == Cut("kind", virtual=True)
    told = {"a": facts({"kind": TEXT}, "x"), "b": facts({"kind": TEXT}, "y")}
    assert settled_cut(BRONZE, None, False, told) == Cut("kind")
    wrong = told | {"b": facts({"kind": TEXT}, "Y")}
    assert settled_cut(BRONZE, None, False, wrong) is None
    assert settled_cut(BRONZE, state_of({}, None), True, told) is None
    assert settled_cut(BRONZE, state_of({}, Cut("kind")), True, {"b": told["b"]}) == Cut("kind")


def test_columns_read_the_files_that_stay_and_those_that_come() -> None:
    coming = {"b": facts({"n": LONG, "new": TEXT})}
    standing = state_of({"n": pa.int32(), "old": TEXT})
    assert columns_of(BRONZE, standing, True, coming) == {"n": LONG, "old": TEXT, "new": TEXT}
    assert columns_of(BRONZE, standing, False, coming) == {"n": LONG, "new": TEXT}
    assert columns_of(BRONZE, standing, False, {}) == standing.schema.columns
    virtual = replace(BRONZE, cut=Cut("kind", virtual=True))
    assert columns_of(virtual, None, False, coming)["kind"] == TEXT
    with pytest.raises(UnfitTypeError, match="b: column n is string here and int64 in other files"):
        columns_of(BRONZE, state_of({"n": LONG}), True, {"b": facts({"n": TEXT})})


def test_text_and_typed_files_part_by_the_kind_that_the_table_has() -> None:
    kinds = {"a": True, "b": False}
    assert [t.name for t in split_by_kind(BRONZE, kinds, None)] == ["t", "t__typed"]
    typed, text = split_by_kind(BRONZE, kinds, False)
    assert (typed.name, typed.files, text.name, text.files) == ("t", (B,), "t__text", (A,))
    assert split_by_kind(BRONZE, {"a": True, "b": True}, True) == [BRONZE]


def test_a_snapshot_that_lists_the_files_is_shown_again_with_its_schema() -> None:
    old, new = SchemaState(0, {"n": LONG}), SchemaState(1, {"n": LONG, "m": LONG})
    contents = {5: BRONZE.content, 6: "other", 7: "another"}
    state = TableState(
        "", new, (old, new), None, 7, {1: 5, 2: 7}, contents, {5: 0, 6: 1, 7: 1}, frozenset("nm")
    )
    assert shown_before(BRONZE, state) == 5
    change = show_again(BRONZE, state, 5, tag=3)
    assert (change.show, change.columns.back_to, change.tag) == (5, 0, 3)
    unreadable = replace(state, schemas=(new,))
    assert shown_before(BRONZE, unreadable) is None
    assert shown_before(BRONZE, replace(state, current=5)) == 5


def test_partitions_of_a_table_without_files_do_not_matter() -> None:
    state = state_of({"kind": TEXT}, Cut("kind"))
    uncut = replace(BRONZE, cut=None)
    assert change_to(uncut, state, {"kind": TEXT}, tag=2).recut
    assert not change_to(replace(uncut, files=()), state, {"kind": TEXT}, tag=2).recut
    assert not change_to(BRONZE, state, {"kind": TEXT}, tag=2).recut


def test_what_a_release_lacks_is_to_be_empty() -> None:
    (left,) = tables_left([("gold", "a"), ("gold", "b")], {("gold", "a")})
    assert (left.full_name, left.files) == ("gold.b", ())
