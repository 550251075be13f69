"""What a run is measured against: DuckDB alone deduplicates eight tables and rewrites them.

No types, no rules, no foreign keys, no quarantine, no gates, no marts: the least that one would do.
Call: `python benchmarks/plain_duckdb.py BRONZE OUT THREADS`.
"""

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


def main(bronze: Path, out: Path, threads: int) -> None:
    """Keep the newest copy of each key of each table."""
    out.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
    for table, key in KEYS.items():
        files = sorted(str(path) for path in (bronze / table).glob("*/*.parquet"))
        connection.execute(
            f"""
            copy (
                select * from read_parquet({files}, hive_partitioning = false)
                qualify row_number() over (
                    partition by {key} order by ingestion_ts desc, event_id desc
                ) = 1
            ) to '{out / table}.parquet' (format parquet)
            """
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
