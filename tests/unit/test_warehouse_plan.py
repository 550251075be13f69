"""What a load replaces, and that the warehouse ends as the release whatever went wrong before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.release import (
    PublishedFile,
    PublishedTable,
    PublishedView,
    Release,
    WarehouseGold,
)
from tasks.contracts.warehouse import (
    LoadEvent,
    Standing,
    WarehouseTable,
    bigquery_type,
    standing_of,
)
from tasks.specs import load_spec
from tasks.warehouse_plan import TableLoad, loaded_tables, plan_load, warehouse_table, wrong_counts

START = datetime(2024, 1, 14, 6, tzinfo=UTC)
NAME = "enriched.sales_velocity"


def content(day: str | None, version: int) -> PublishedFile:
    partition = {} if day is None else {"product_dt": day}
    return PublishedFile(
        root="silver",
        path=f"ecommerce/runs/r/{day}-{version}.parquet",
        rows=version,
        bytes=1,
        sha256=f"{version:064x}",
        partition=partition,
    )


def table(files: list[PublishedFile], **columns: str) -> PublishedTable:
    return PublishedTable(
        rows=sum(file.rows for file in files),
        bytes=len(files),
        columns={"product_id": "BIGINT", "product_dt": "DATE", **columns},
        partition_column="product_dt",
        files=tuple(files),
    )


def release(number: int, versions: dict[str, int]) -> Release:
    files = [content(day, version) for day, version in versions.items()]
    return release_of(number, {NAME: table(files)})


def release_of(number: int, tables: dict[str, PublishedTable]) -> Release:
    return Release(
        pipeline="ecommerce",
        release=number,
        previous=None,
        run_id="r",
        run_date=date(2024, 1, 14),
        created_at=START,
        spec_fingerprint="",
        tables=tables,
    )


def planned(
    target: Release, known: list[Release], *suspects: int, fitting: bool = True
) -> list[TableLoad]:
    standing = Standing(known[0].release if known else None, frozenset(suspects))
    found = {one.release: one for one in known}
    return plan_load([NAME], target, standing, found, [NAME] if fitting else [])


def parts(loads: list[TableLoad]) -> dict[str | None, int]:
    return {part.partition: part.rows for load in loads for part in load.parts}


def test_partitions_with_other_files_are_replaced_and_those_that_are_gone_go() -> None:
    one = release(1, {"2024-01-01": 1, "2024-01-02": 2, "2024-01-03": 3})
    two = release(2, {"2024-01-01": 1, "2024-01-02": 5, "2024-01-04": 4})
    (load,) = planned(two, [one])
    assert {part.partition: part.rows for part in load.parts} == {
        "20240102": 5,
        "20240103": 0,
        "20240104": 4,
    }
    assert not next(part for part in load.parts if part.partition == "20240103").files
    assert load.expected == {"20240101": 1, "20240102": 5, "20240104": 4}
    assert not load.anew
    assert planned(one, [one]) == []


def test_what_a_load_that_did_not_end_may_have_written_is_replaced_too() -> None:
    """A rollback asks for the files that were loaded last; another release lies on them since."""
    one, two = release(1, {"2024-01-01": 1}), release(2, {"2024-01-01": 2})
    three = release(3, {"2024-01-01": 1})
    assert planned(three, [one]) == []
    assert parts(planned(three, [one, two], 2)) == {"20240101": 1}


@pytest.mark.parametrize("case", ["nothing loaded", "no such table", "forgotten", "other columns"])
def test_all_of_a_table_is_replaced_where_nobody_knows_what_is_there(case: str) -> None:
    one, two = release(1, {"2024-01-01": 1}), release(2, {"2024-01-01": 1, "2024-01-02": 2})
    known = [] if case == "nothing loaded" else [one]
    if case == "other columns":
        known = [release_of(1, {NAME: table([content("2024-01-01", 1)], region="VARCHAR")})]
    suspects = (7,) if case == "forgotten" else ()  # maintenance has removed its document
    (load,) = planned(two, known, *suspects, fitting=case != "no such table")
    assert {part.partition: part.rows for part in load.parts} == {None: 3}
    assert load.anew is (case == "no such table")
    assert load.expected == {"20240101": 1, "20240102": 2}


def test_tables_are_partitioned_as_their_files_tell() -> None:
    def kind(*days: str) -> tuple[str | None, str | None]:
        found = warehouse_table(NAME, table([content(day, 1) for day in days]))
        return found.partition_column, found.grain

    assert kind("2024-01-01", "2024-02-01") == ("product_dt", "DAY")
    assert kind("2024-01", "2024-02") == ("product_dt", "MONTH")
    assert kind("2024-01-01", "__HIVE_DEFAULT_PARTITION__") == (None, None)
    assert kind("2024-01-01", "2024-01") == (None, None)
    whole = PublishedTable(rows=1, bytes=1, columns={}, files=(content(None, 1),))
    assert warehouse_table("enriched.inventory_risk", whole).grain is None


def test_a_view_is_loaded_whole_when_what_it_reads_has_other_files() -> None:
    def of(number: int, version: int) -> Release:
        source = PublishedTable(rows=9, bytes=1, columns={}, files=(content(None, version),))
        view = PublishedView(sql="select * from {bronze.a}", reads=("bronze.a",))
        shown = PublishedTable(rows=5, bytes=0, columns={"a": "BIGINT"}, view=view, files=())
        return release_of(number, {"bronze.a": source, NAME: shown})

    assert planned(of(2, 1), [of(1, 1)]) == []
    (load,) = planned(of(2, 2), [of(1, 1)])
    assert {part.partition: part.rows for part in load.parts} == {None: 5}
    assert load.expected == {None: 5}


def test_enriched_tables_and_what_gold_is_made_of_are_loaded() -> None:
    empty = table([])
    spec = load_spec("clickstream")
    internal = empty.model_copy(update={"internal": True})
    found = release_of(
        1,
        {
            "silver.events_cleaned": empty,
            "silver.events_quarantine": empty,
            "gold.customer_activity": internal,
            "gold.customer_metrics": empty,
        },
    )
    assert loaded_tables(spec, found) == ["silver.events_cleaned", "gold.customer_metrics"]
    shop = load_spec("ecommerce")
    found = release_of(1, {NAME: empty, "silver.orders": empty, "silver.returns": empty})
    assert loaded_tables(shop, found, ["silver.orders"]) == [NAME]
    elsewhere = WarehouseGold(project="shop-data", dataset="gold", tables=())
    found = found.model_copy(update={"warehouse_gold": elsewhere})
    assert loaded_tables(shop, found, ["silver.orders"]) == [NAME, "silver.orders"]


def test_counts_that_differ_name_their_partitions() -> None:
    found = WarehouseTable("enriched", "sales_velocity", {}, "product_dt", "DAY")
    load = TableLoad(found, (), {"20240101": 1, "20240102": 2})
    assert wrong_counts(load, {"20240101": 1, "20240102": 2}) == []
    assert wrong_counts(load, {"20240101": 1, "20240103": 4}) == [
        "enriched.sales_velocity$20240102: 0 rows, not 2",
        "enriched.sales_velocity$20240103: 4 rows, not 0",
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("VARCHAR", "STRING"),
        ("INTEGER", "INT64"),
        ("BIGINT", "INT64"),
        ("DOUBLE", "FLOAT64"),
        ("BOOLEAN", "BOOL"),
        ("DATE", "DATE"),
        ("TIMESTAMP", "TIMESTAMP"),
        ("DECIMAL(18,2)", "NUMERIC(18, 2)"),
        ("DECIMAL(38,9)", "NUMERIC(38, 9)"),
        ("DECIMAL(38,2)", "BIGNUMERIC(38, 2)"),
        ("DECIMAL(20,12)", "BIGNUMERIC(20, 12)"),
        ("DATE[]", "ARRAY<DATE>"),
        (
            'STRUCT("id" VARCHAR, "paid" DECIMAL(18,2), tags VARCHAR[])[]',
            "ARRAY<STRUCT<id STRING, paid NUMERIC(18, 2), tags ARRAY<STRING>>>",
        ),
    ],
)
def test_money_is_numeric_and_every_type_has_one_of_bigquery(kind: str, expected: str) -> None:
    assert bigquery_type(kind) == expected


def test_a_type_that_the_warehouse_lacks_is_named() -> None:
    with pytest.raises(ValueError, match=r"column tags is VARCHAR\[\]\[\]"):
        bigquery_type("VARCHAR[][]", "tags")


def event(load: str, number: int, what: str, minutes: float) -> LoadEvent:
    return LoadEvent(load, number, "r", what, START + timedelta(minutes=minutes))  # type: ignore[arg-type]


def test_the_history_of_loads_tells_what_stands() -> None:
    done = [event("a", 1, "begun", 0), event("a", 1, "loaded", 1)]
    assert standing_of([]) == Standing()
    assert standing_of(done[::-1]) == Standing(1)
    assert standing_of(done).shows(1)
    crashed = [*done, event("b", 2, "begun", 2)]
    assert standing_of(crashed) == Standing(1, frozenset({2}), frozenset({2}))
    assert not standing_of(crashed).shows(1)
    repaired = [*crashed, event("c", 3, "begun", 5), event("c", 3, "loaded", 6)]
    assert standing_of(repaired) == Standing(3, frozenset({2}))  # it may live after all
    assert standing_of(repaired).shows(3)
    late = [*repaired, event("d", 4, "begun", 2000), event("d", 4, "loaded", 2001)]
    assert standing_of(late) == Standing(4, frozenset())
    awoken = [*repaired, event("b", 2, "loaded", 7)]
    assert standing_of(awoken) == Standing(2, frozenset({3}), frozenset({3}))


def test_gold_of_an_earlier_load_is_none_of_a_later_one() -> None:
    done = [event("a", 1, "begun", 0), event("a", 1, "loaded", 1), event("a", 1, "gold", 2)]
    assert standing_of(done).gold == 1
    again = [*done, event("b", 2, "begun", 3), event("b", 2, "loaded", 4)]
    assert standing_of(again).gold is None


DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
VERSIONS = st.dictionaries(st.sampled_from(DAYS), st.integers(1, 3))
LOADS = st.lists(st.tuples(VERSIONS, st.integers(0, 4), st.booleans()), min_size=1, max_size=8)


@given(LOADS, VERSIONS)
def test_whatever_was_interrupted_the_last_load_shows_its_release(
    history: list[tuple[dict[str, int], int, bool]], last: dict[str, int]
) -> None:
    """Each load writes some of its parts and dies, or all of them, and may die unrecorded."""
    held: dict[str, int] = {}
    events: list[LoadEvent] = []
    known: dict[int, Release] = {}
    everything = [*history, (last, 99, True)]
    for number, (versions, written, ends) in enumerate(everything, start=1):
        target = known[number] = release(number, versions)
        standing = standing_of(events)
        events.append(event(str(number), number, "begun", 2 * number))
        loads = plan_load([NAME], target, standing, known, [NAME] if number > 1 else [])
        todo = [part for load in loads for part in load.parts]
        for part in todo[:written]:
            if part.partition is None:
                held = {day.replace("-", ""): version for day, version in versions.items()}
            elif part.files:
                held[part.partition] = part.rows
            else:
                held.pop(part.partition, None)
        if ends and written >= len(todo):
            events.append(event(str(number), number, "loaded", 2 * number + 1))
    assert held == {day.replace("-", ""): version for day, version in last.items()}
