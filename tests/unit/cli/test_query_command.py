"""`query`: what it sees, what it prints, and what it must not reach."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from published_lake import Answer, call, orders, publish_run

from blocks.lake import Lake, local_lake
from tasks.releases import read_release, roll_back


def ask(lake: Lake, sql: str, *options: str) -> Answer:
    return call(lake, "query", "ecommerce", sql, *options)


def test_a_query_sees_the_current_release(lake: Lake):
    document = ask(lake, "from silver.orders order by order_id", "--json").document
    assert list(document["columns"]) == ["order_id", "net_total", "clv_bucket", "order_dt"]
    assert document["columns"]["net_total"] == "DECIMAL(18,2)"
    assert document["rows"] == [
        ["o1", "10.10", "gold", "2024-01-13"],
        ["o2", "20.20", None, "2024-01-13"],
        ["o3", "0.05", "", "2024-01-13"],
        ["o4", "1.00", "", "2024-01-13"],
    ]


def test_a_query_sees_an_older_release(lake: Lake):
    sql = "select count(*) as n, sum(net_total) as net from silver.orders"
    assert ask(lake, sql, "--release", "1", "--json").document["rows"] == [[3, "30.35"]]
    roll_back(lake, "ecommerce", to=1, created_at=datetime(2024, 1, 16, tzinfo=UTC))
    assert ask(lake, sql, "--json").document["rows"] == [[3, "30.35"]]


def test_files_that_no_release_lists_are_not_read(lake: Lake):
    table = read_release(lake, "ecommerce").tables["silver.orders"]
    stray = Path(lake.silver.url(table.files[0].path)).with_name("stray.parquet")
    orders(("o9", "9", None)).write_parquet(stray)
    document = ask(lake, "select count(*) from silver.orders", "--json").document
    assert document["rows"] == [[4]]


def test_tables_of_all_layers_and_the_audit_trail(lake: Lake):
    sql = """
        select r.run_id, r.rows_out, g.orders_count from audit.runs r cross join gold.fct_revenue g
        order by 1
    """
    rows = ask(lake, sql, "--json").document["rows"]
    assert [row[1:] for row in rows] == [[3, 3], [3, 3]]


def test_runs_recorded_by_an_older_version_lack_only_what_it_did_not_know(lake: Lake):
    oldest = min(k for k in lake.control.list("ecommerce/_audit/") if k.endswith(".parquet"))
    path = Path(lake.control.url(oldest))
    pl.read_parquet(path).drop("rows_carried", "quality_score_pct").write_parquet(path)
    sql = "select rows_out, rows_carried, quality_score_pct from audit.runs"
    assert ask(lake, sql, "--json").document["rows"] == [[3, None, None], [3, None, None]]


def test_an_audit_trail_without_runs_is_empty(lake: Lake):
    for key in lake.control.list("ecommerce/_audit/"):
        Path(lake.control.url(key)).unlink()
    document = ask(lake, "from audit.runs", "--json").document
    assert document["rows"] == []
    assert document["columns"]["run_date"] == "DATE"


def test_a_table_without_files_has_columns_and_no_rows(lake: Lake):
    tables = dict(read_release(lake, "ecommerce").tables)
    table = tables["silver.orders"]
    tables["silver.orders"] = table.model_copy(update={"files": (), "rows": 0, "bytes": 0})
    publish_run(lake, "20240116T031500Z-cccccc", read_release(lake, "ecommerce").run_date, tables)
    document = ask(lake, "from silver.orders", "--json").document
    assert (document["columns"], document["rows"]) == (table.columns, [])


def test_a_table_format_aligns_and_limits(lake: Lake):
    answer = ask(lake, "select order_id, net_total from silver.orders order by 1", "--limit", "2")
    assert [line.split() for line in answer.out.splitlines()] == [
        ["order_id", "net_total"],
        ["─" * 19],
        ["o1", "10.10"],
        ["o2", "20.20"],
    ]
    assert "the first 2 rows" in answer.err


def test_a_table_is_limited_unless_told_otherwise(lake: Lake):
    answer = ask(lake, "select range as n from range(150)")
    assert len(answer.out.splitlines()) == 102
    assert "the first 100 rows" in answer.err
    whole = ask(lake, "select range as n from range(150)", "--limit", "150")
    assert len(whole.out.splitlines()) == 152
    assert whole.err == ""


def test_rows_that_are_too_wide_stand_one_value_a_line(lake: Lake):
    columns = ", ".join(f"repeat('ab', 10) as column_{n}" for n in range(12))
    lines = ask(lake, f"select {columns}").out.splitlines()
    assert lines[0] == "row 1"
    assert lines[1].split() == ["column_0", "ab" * 10]
    assert len(lines) == 13


def test_values_are_never_read_as_markup_nor_as_terminal_codes(lake: Lake):
    answer = ask(lake, "select '[red]x[/]' as a, 'b' || chr(27) || '[31mc' || chr(7) as d")
    assert "[red]x[/]" in answer.out
    assert "\x1b" not in answer.out
    assert "\x07" not in answer.out


def test_csv_has_all_rows(lake: Lake):
    answer = ask(lake, "select range as n, null as x, [1, 2] as l from range(150)", "--format=csv")
    rows = list(csv.reader(io.StringIO(answer.out)))
    assert rows[0] == ["n", "x", "l"]
    assert rows[1] == ["0", "", "[1, 2]"]
    assert len(rows) == 151
    assert answer.err == ""


def test_values_that_json_lacks(lake: Lake):
    sql = """
        select 'nan'::double a, 'inf'::double b, 1.50::decimal(9, 2) c,
               timestamp '2024-01-14 01:02:03' d,
               'x'::blob e, {'k': [1.5::decimal(3, 1)]} f,
               170141183460469231731687303715884105727 g
    """
    answer = ask(lake, sql, "--json")
    assert json.loads(answer.out)["rows"] == [
        [
            "nan",
            "inf",
            "1.50",
            "2024-01-14T01:02:03",
            "78",
            {"k": ["1.5"]},
            170141183460469231731687303715884105727,
        ]
    ]


def test_columns_of_the_same_name_are_kept_apart(lake: Lake):
    document = ask(lake, "select 1 as a, 2 as a, 3 as a_1", "--json").document
    assert len(document["columns"]) == 3
    assert list(document["columns"])[:2] == ["a", "a_1"]
    assert document["rows"] == [[1, 2, 3]]


def test_one_format_only(lake: Lake):
    answer = ask(lake, "select 1", "--format", "csv", "--json")
    assert (answer.status, answer.out) == (2, "")


@pytest.mark.parametrize(
    "sql",
    ["selec 1", "from silver.order", "select nothing from silver.orders", "select 1/", "select $x"],
)
def test_wrong_sql_is_a_wrong_call(lake: Lake, sql: str):
    answer = ask(lake, sql)
    assert (answer.status, answer.out) == (2, "")
    assert "error: the query cannot be run: " in answer.err
    assert "Traceback" not in answer.err


def test_an_error_among_the_rows_is_a_wrong_call(lake: Lake):
    answer = ask(lake, "select order_id::integer from silver.orders", "--json")
    assert (answer.status, answer.out) == (2, "")
    assert "Conversion Error" in answer.err


def test_a_pivot_is_a_select(lake: Lake):
    sql = "pivot silver.orders on order_id using sum(net_total)"
    document = ask(lake, sql, "--json").document
    assert {"o1", "o2", "o3", "o4"} <= set(document["columns"])


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "/* nothing */",
        "select 1; select 2",
        "create table t as select 1",
        "drop view silver.orders",
        "insert into silver.orders select * from silver.orders",
        "attach '{outside}.db'",
        "copy (select 1 as a) to '{outside}'",
        "copy (select 1 as a) to '{file}' (format parquet, use_tmp_file false)",
        "explain analyze copy (select 1 as a) to '{file}' (format parquet, use_tmp_file false)",
        "export database '{outside}'",
        "set enable_external_access = true",
        "pragma enable_profiling",
        "install httpfs",
    ],
)
def test_nothing_but_a_select_is_run(lake: Lake, tmp_path: Path, sql: str):
    table = read_release(lake, "ecommerce").tables["silver.orders"]
    file, outside = Path(lake.silver.url(table.files[0].path)), tmp_path / "outside"
    before = file.read_bytes()
    answer = ask(lake, sql.format(file=file, outside=outside))
    assert (answer.status, answer.out) == (2, "")
    assert "one SELECT" in answer.err
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


@pytest.mark.parametrize(
    "sql",
    [
        "from read_text('{secret}')",
        "from '{secret}'",
        "from read_csv('{secret}')",
        "from read_parquet('{unlisted}')",
        "from glob('{folder}/*')",
        "select * from query('from read_text(''{secret}'')')",
        "pragma import_database('{folder}')",
    ],
)
def test_other_files_are_out_of_reach(lake: Lake, tmp_path: Path, sql: str):
    secret, unlisted = tmp_path / "secret.csv", tmp_path / "unlisted.parquet"
    secret.write_text("a\nhidden\n")
    (tmp_path / "schema.sql").write_text("select 'hidden'")
    orders(("hidden", "1", None)).write_parquet(unlisted)
    answer = ask(lake, sql.format(secret=secret, unlisted=unlisted, folder=tmp_path))
    assert (answer.status, answer.out) == (2, "")
    assert "hidden" not in answer.err


def test_variables_of_this_program_are_out_of_reach(lake: Lake):
    assert ask(lake, "from settings").status == 2


def test_a_lost_file_is_told_before_the_query(lake: Lake):
    table = read_release(lake, "ecommerce").tables["silver.orders"]
    Path(lake.silver.url(table.files[0].path)).unlink()
    answer = ask(lake, "select 1")
    assert (answer.status, answer.out) == (1, "")
    assert "release 2 of ecommerce cannot be read" in answer.err


def test_a_lake_in_a_folder_with_a_strange_name(lake: Lake, tmp_path: Path):
    moved = tmp_path / "it's a [lake]"
    (tmp_path / "lake").rename(moved)
    document = ask(local_lake(moved), "select count(*) from silver.orders", "--json").document
    assert document["rows"] == [[4]]
