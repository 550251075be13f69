"""What a run is measured against: DuckDB alone deduplicates eight tables and rewrites them.

No types, no rules, no foreign keys, no quarantine, no gates, no marts: the least that one would do.
Call: `python benchmarks/plain_duckdb.py BRONZE OUT THREADS [by-day]`. `by-day`: the tables are cut
into files as silver is, by a day that is at hand without a join, that of ingestion.
"""

import shutil
import sys
from pathlib import Path

import duckdb

KEYS = {
    "customers": "customer_id",
    "product_catalog": "product_id",
    "orders": "order_id",
    "order_items": "order_id, product_id",
    "shopping_carts": "cart_id",
    "cart_items": "cart_item_id, cart_id, product_id",
    "returns": "return_id",
    "return_items": "return_item_id, return_id, product_id",
}
UNCUT = ("customers", "product_catalog")


def main(bronze: Path, out: Path, threads: int, *, by_day: bool) -> None:
    """Keep the newest copy of each key of each table."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
    for table, key in KEYS.items():
        files = sorted(str(path) for path in (bronze / table).glob("*/*.parquet"))
        columns, target, cut = "*", f"{out / table}.parquet", ""
        if by_day and table not in UNCUT:
            columns, cut = "*, left(ingestion_ts, 10) as _day", ", partition_by (_day)"
            target = str(out / table)
        connection.execute(
            f"""
            copy (
                select {columns} from read_parquet({files}, hive_partitioning = false)
                qualify row_number() over (
                    partition by {key} order by ingestion_ts desc, event_id desc
                ) = 1
            ) to '{target}' (format parquet{cut})
            """
        )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        Path(arguments[0]), Path(arguments[1]), int(arguments[2]), by_day="by-day" in arguments[3:]
    )
