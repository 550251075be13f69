"""Releases of made-up gold: every gold table of a pipeline with the columns that dbt declares.

Belongs here: rows of any content, written and published as runs do it. Does not belong here: what a
reader makes of them.

Rows only have to be varied: what Cube says of them is compared with what DuckDB says.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from blocks.lake import local_lake
from tasks.contracts.release import PublishedTable, Release
from tasks.published_files import describe_table
from tasks.releases import next_number, publish, read_current
from tasks.specs import load_spec

PROJECT = Path(__file__).parents[2]
ROWS = 300
PART = 200  # rows of a file, so that most tables have two

# Text by the name of its column; NULL among names and addresses of people.
TEXTS = {
    "order_status": ["completed", "pending", "cancelled", "failed", "unknown"],
    "order_region": ["north", "south", "unknown"],
    "customer_region": ["north", "south", "west"],
    "customer_segment": ["consumer", "corporate"],
    "customer_name": ["3f1c", "98ab", None],
    "customer_email": ["aa00@", "bb11@", None],
    "category": ["toys", "garden", "o'clock"],
    "order_channel": ["web", "app"],
}
# What other tables of the shop are joined by: each made of its orders.
OF_ORDERS = {
    "revenue": (
        "select order_dt, order_region as region, order_status as status, "
        "customer_segment as segment, "
        "count(*) as order_count, count(distinct customer_id) as customer_count, "
        "sum(order_total) as total_revenue, avg(order_total) as avg_order_value, "
        "sum(order_total) as cumulative_revenue, "
        "sum(case when order_region = 'north' then order_total end) - 7.01 as revenue_7d_ago, "
        "1.5 as wow_growth_pct from orders group by all"
    ),
    "customer_lifetime_value": (
        "select customer_id, any_value(customer_segment) as segment, "
        "any_value(customer_region) as region, count(*) filter (sale) as order_count, "
        "coalesce(sum(order_total) filter (sale), 0) as total_revenue, 1.5 as avg_order_value, "
        "min(order_dt) as first_order_dt, max(order_dt) as last_order_dt, "
        "count(*) as tenure_days from orders group by all"
    ),
    "daily_sales_summary": (
        "select order_dt, count(*) filter (sale) as order_count, "
        "count(distinct customer_id) as customer_count, sum(item_count) as units_sold, "
        "coalesce(sum(order_total) filter (sale), 0) as total_revenue, "
        "1.5 as avg_order_value, 2.5 as revenue_7d_avg from orders group by all"
    ),
}


def declared_columns(pipeline: str, table: str) -> dict[str, str]:
    """What dbt declares of a gold table: {column: DuckDB type}."""
    for file in sorted((PROJECT / "dbt/models" / pipeline / "gold").glob("*.yml")):
        for model in yaml.safe_load(file.read_text()).get("models", []):
            if model["name"] in (table, f"{pipeline}_{table}"):
                return {column["name"]: column["data_type"] for column in model["columns"]}
    raise LookupError(f"dbt declares no table {table} of {pipeline}")


def publish_gold(lake: Path, pipeline: str, seed: int) -> int:
    """Publish gold of another content for each `seed`; returns the number of the release."""
    opened, spec = local_lake(lake), load_spec(pipeline)
    base = read_current(opened, pipeline)
    number = next_number(base)
    run_id = f"20240101T0000{number:02}Z-{seed:06x}"
    connection = duckdb.connect()
    tables: dict[str, PublishedTable] = {}
    for gold in spec.gold:
        columns = declared_columns(pipeline, gold.name)
        rows = _rows_sql(pipeline, gold.name, columns, gold.key, seed)
        if gold.name == "customer_orders":
            connection.sql(f"create table published as {rows}")
            connection.sql(
                "create view orders as select *, "
                "order_status not in ('cancelled', 'failed') as sale from published"
            )
            rows = "from published"
        prefix = f"{pipeline}/runs/{run_id}/{gold.name}"
        _write(connection, _typed(rows, columns), lake / "gold" / prefix)
        tables[f"gold.{gold.name}"] = describe_table(opened.gold, "gold", prefix, key=gold.key)
    release = Release(
        pipeline=pipeline,
        release=number,
        previous=base.release,
        run_id=run_id,
        run_date=date(2024, 1, 31),
        created_at=datetime(2024, 2, 1, tzinfo=UTC),
        spec_fingerprint="",
        tables=tables,
    )
    publish(opened, release, base)
    return number


def _rows_sql(
    pipeline: str, table: str, columns: dict[str, str], key: tuple[str, ...], seed: int
) -> str:
    if pipeline == "retail" and table in OF_ORDERS:
        return OF_ORDERS[table]
    drawn = [f"{_value(name, kind, seed)} as {name}" for name, kind in columns.items()]
    return f"select distinct on ({', '.join(key)}) {', '.join(drawn)} from range({ROWS}) drawn(i)"


def _value(column: str, kind: str, seed: int) -> str:
    """An expression for a value of row `i`."""
    if column == "order_id":
        return "'o' || i"
    draw = f"hash(i, '{column}', {seed})"
    texts: list[Any] = TEXTS.get(column, ["a", "b", "c", "d"])
    if column.endswith("_id") and kind == "varchar":
        texts = [f"id-{number}" for number in range(60)]
    listed = ", ".join("null" if text is None else "$$" + text + "$$" for text in texts)
    simple = {
        "bigint": f"({draw} % 90)::bigint",
        "double": f"({draw} % 1000)::double / 8",
        "boolean": f"{draw} % 2 = 0",
        "date": f"date '2024-01-01' + ({draw} % 20)::int",
        "timestamp": f"timestamp '2024-01-01 23:30:00' + to_days(({draw} % 20)::int)",
        "varchar": f"([{listed}])[1 + ({draw} % {len(texts)})::int]",
    }
    if kind.startswith("decimal"):
        return f"(({draw} % 10000000)::bigint / 100)::{kind}"
    return simple.get(kind, "null")


def _typed(rows: str, columns: dict[str, str]) -> str:
    cast = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
    return f"select {cast}, row_number() over () as number_ from ({rows})"


def _write(connection: duckdb.DuckDBPyConnection, rows: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    connection.sql(f"create or replace temp table written as {rows}")
    for part, where in enumerate((f"number_ <= {PART}", f"number_ > {PART}")):
        connection.sql(
            f"copy (select * exclude (number_) from written where {where}) "
            f"to '{folder}/part-{part}.parquet'"
        )
