"""Edited exports: what counts as a correction, and what is refused by name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.errors import CorrectionError
from tasks.contracts.release import Release
from tasks.contracts.spec import Table
from tasks.corrected_rows import count_corrected, row_id, without_corrected
from tasks.correction_rows import typed_rows
from tasks.corrections import compare, read_edited
from tasks.quarantine_export import ExportedRow, ExportedTable, exported_table
from tasks.specs import load_spec

TABLE = Table.model_validate(
    {
        "name": "sales",
        "key": ["sale_id"],
        "partition": {"column": "ingest_dt", "kind": "date"},
        "columns": [
            {"name": "sale_id", "type": "string"},
            {"name": "units", "type": "integer"},
            {"name": "note", "type": "string"},
        ],
    }
)
TYPES = {"sale_id": "VARCHAR", "units": "BIGINT", "note": "VARCHAR"} | dict.fromkeys(
    TABLE.audit_columns, "VARCHAR"
)
EXPORT = ExportedTable(TABLE, "silver.sales_quarantine", TYPES)


def rejected(row: str, *, note: str | None = None, units: str | None = "-3") -> ExportedRow:
    values = dict.fromkeys(TYPES) | {"sale_id": "S1", "units": units, "note": note}
    return ExportedRow(row, ("negative_units", "missing_note"), values | {"batch_id": "b"})


ROWS = [rejected("row_1"), rejected("row_2", note='a "b", c\nd'), rejected("row_3", note="")]
HELD = {row.row: row for row in ROWS}


def as_csv(rows: Sequence[dict[str, str | None]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows: Sequence[dict[str, object]]) -> bytes:
    return json.dumps({"rows": rows}).encode()


each_format = pytest.mark.parametrize("written", [as_csv, as_json])


def corrections(content: bytes) -> dict[str, dict[str, str | None]]:
    """{row: {column: value}} of what was changed."""
    found = compare(read_edited(content, "sales.csv", EXPORT), HELD, EXPORT)
    return {row.before.row: {c: row.values[c] for c in row.changed} for row in found}


@each_format
def test_what_was_not_edited_is_no_correction(written) -> None:
    assert corrections(written([row.texts() for row in ROWS])) == {}


texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r"))


@each_format
@settings(deadline=None)
@given(notes=st.lists(texts, min_size=3, max_size=3))
def test_what_was_edited_is_what_is_corrected(written, notes: list[str]) -> None:
    edited = [row.texts() | {"note": note} for row, note in zip(ROWS, notes, strict=True)]
    expected = {
        row.row: {"note": note or None}
        for row, note in zip(ROWS, notes, strict=True)
        if note != (row.values["note"] or "")
    }
    assert corrections(written(edited)) == expected


def test_rows_may_be_deleted_and_numbers_be_numbers() -> None:
    edited = ROWS[1].texts() | {"units": 12}
    assert corrections(as_json([edited])) == {"row_2": {"units": "12"}}
    reasons = {"quarantine_reasons": ["negative_units", "missing_note"]}
    assert corrections(as_json([edited | reasons])) == {"row_2": {"units": "12"}}


FIRST = ROWS[0].texts()
WITHOUT_UNITS = {column: text for column, text in FIRST.items() if column != "units"}


@each_format
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([FIRST | {"quarantine_row": "row_9"}], "row_9 is not in silver.sales_quarantine"),
        ([FIRST | {"batch_id": "c"}], "column 'batch_id' was changed from 'b' to 'c'"),
        ([FIRST | {"quarantine_reasons": "none"}], "column 'quarantine_reasons' was changed"),
        ([FIRST | {"unit": "1"}], "column 'unit' is not one of .*did you mean 'units'"),
        ([WITHOUT_UNITS], "column 'units' is missing"),
        ([FIRST, FIRST], r"(line 3|row 2): corrects row_1 as .*(line 2|row 1) does"),
    ],
)
def test_other_rows_and_columns_are_refused(written, rows, told: str) -> None:
    with pytest.raises(CorrectionError, match=told):
        corrections(written(rows))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "sales.csv: is empty"),
        (as_csv([FIRST]).splitlines()[0] + b"\n", "sales.csv: has no row"),
        (b"a,b\n", "is no export of quarantined rows"),
        (b'{"rows": []}', "has no row"),
        (b'{"columns": []}', "no list of objects named 'rows'"),
        (b"[1, ", "sales.csv line 1: "),
        (b"\xff\xfea", "is no UTF-8 text"),
        (as_csv([FIRST]) + b"row_2,x\n", "line 3: has 2 fields, the header 9"),
        (as_csv([FIRST]) + b'row_2,"x', "sales.csv line 3: "),
    ],
)
def test_other_files_are_refused(content: bytes, told: str) -> None:
    with pytest.raises(CorrectionError, match=told):
        corrections(content)


def test_a_value_that_its_column_cannot_hold_is_refused() -> None:
    def typed(units: str | None) -> list[dict[str, object]]:
        edited = read_edited(as_csv([FIRST | {"units": units}]), "sales.csv", EXPORT)
        rows = typed_rows(EXPORT, compare(edited, HELD, EXPORT)).rows
        return [row["units"] for row in rows.to_pylist()]

    assert (typed("12"), typed("")) == ([12], [None])
    for wrong in ("9.5", "many"):
        with pytest.raises(CorrectionError, match=f"line 2: column 'units' is integer.*'{wrong}'"):
            typed(wrong)


@pytest.mark.parametrize(
    ("pipeline", "table", "told"),
    [
        ("coordination", "silver.processed_tasks", "made of whole records"),
        ("ecommerce", "silver.gone", "not in the specification of ecommerce any more"),
    ],
)
def test_tables_without_corrections_are_named(pipeline: str, table: str, told: str) -> None:
    release = Release(
        pipeline=pipeline,
        release=1,
        previous=None,
        run_id="r",
        run_date=date(2024, 1, 14),
        created_at=datetime(2024, 1, 14, tzinfo=UTC),
        spec_fingerprint="0",
        tables={},
    )
    with pytest.raises(CorrectionError, match=f"^{table}: is .*{told}"):
        exported_table(load_spec(pipeline), release, table, f"{table}_quarantine")


VALUES = st.tuples(
    st.sampled_from([None, "", "a", "1:b", "ab"]),
    st.sampled_from([None, 0, 1, 12]),
    st.sampled_from([None, 0.5, 80.0]),
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(VALUES, min_size=1, max_size=8), chosen=st.sets(st.integers(0, 7)))
def test_a_corrected_row_is_left_out_and_counted_whatever_its_types_are(
    rows, chosen: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    columns = ["note", "units", "price", "source_file", "ingestion_ts"]
    corrections_file = tmp_path_factory.getbasetemp() / "corrections.parquet"
    typed = " union all ".join(
        f"select {number} as number, $n{number}::varchar as note, $u{number}::bigint as units, "
        f"$p{number}::double as price, null::varchar as source_file, '1' as ingestion_ts"
        for number in range(len(rows))
    )
    given_values = {
        f"{letter}{number}": value
        for number, row in enumerate(rows)
        for letter, value in zip("nup", row, strict=True)
    }
    with duckdb.connect(config={"threads": 1}) as engine:
        engine.execute(f"create table typed as {typed}", given_values)
        engine.execute(
            "create table texts as select"
            " * replace (units::varchar as units, price::varchar as price) from typed"
        )
        numbers = [number for number in chosen if number < len(rows)]
        corrected = f"select * from texts where list_contains({numbers}::int[], number)"
        engine.execute(
            f"copy (select {row_id(columns)} as corrects_row, source_file, ingestion_ts "
            f"from ({corrected})) to '{corrections_file}' (format parquet)"
        )
        files = [str(corrections_file)]
        replaced = {rows[number] for number in numbers}
        expected = [number for number, row in enumerate(rows) if row not in replaced]
        for relation in ("typed", "texts"):
            selects = [f"select * from {relation}"]
            (left,) = without_corrected(selects, TABLE, columns, files)
            kept = engine.execute(f"select number from ({left}) order by all").fetchall()
            assert [number for (number,) in kept] == expected
            count = count_corrected(engine, selects, TABLE, columns, files)
            assert count == len(rows) - len(expected)
