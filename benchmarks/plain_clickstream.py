"""What a clickstream run is measured against: one DuckDB script over the same CSV files.

It cleans, rejects, deduplicates and writes the events by day, and computes the four gold tables.
No bronze, no line numbers, no manifests, no gates, no releases: the least that one would do.
Call: `python benchmarks/plain_clickstream.py CSV_FOLDER OUT THREADS AS_OF`.
"""

import shutil
import sys
from pathlib import Path

import duckdb

KEY = "event_time, user_id, product_id, user_session, event_type"
NULLS = "('', 'none', 'null', 'n/a', 'nan')"


def text(column: str, *, lower: bool = False) -> str:
    """A trimmed text, NULL where it says so."""
    trimmed = f"trim({column}, E' \\t\\r\\n')"
    return (
        f"case when lower({trimmed}) not in {NULLS} "
        f"then {f'lower({trimmed})' if lower else trimmed} end as {column}"
    )


def main(source: Path, out: Path, threads: int, as_of: str) -> None:
    """Clean, deduplicate, aggregate."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "gold").mkdir(parents=True)
    duck = duckdb.connect(
        config={
            "threads": threads,
            "preserve_insertion_order": False,
            "temp_directory": str(out / "spill"),
        }
    )
    names = ["event_time", "event_type", "product_id", "category_id", "category_code", "brand"]
    names += ["price", "user_id", "user_session"]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    duck.execute(
        f"""
        create table typed as
        select
            try_cast(trim(event_time) as timestamp) as event_time,
            {text("event_type", lower=True)},
            try_cast(trim(product_id) as bigint) as product_id,
            try_cast(trim(category_id) as bigint) as category_id,
            {text("category_code")},
            {text("brand", lower=True)},
            try_cast(trim(price) as double) as price,
            try_cast(trim(user_id) as bigint) as user_id,
            {text("user_session")},
            filename as source_file
        from read_csv('{source}/*.csv', header = true, columns = {{{columns}}},
            auto_detect = false, delim = ',', quote = '', escape = '', new_line = '\\n',
            ignore_errors = true, strict_mode = false, filename = true)
        """
    )
    valid = """
        coalesce(event_time is not null
        and event_type in ('view', 'cart', 'remove_from_cart', 'purchase')
        and product_id > 0 and user_id > 0 and price between 0 and 100000
        and user_session is not null, false)"""
    duck.execute(f"copy (from typed where not {valid}) to '{out}/quarantine.parquet'")
    duck.execute(
        f"""
        copy (
            select
                sha256(concat_ws('|', cast(event_time as varchar), user_id, product_id,
                    user_session, event_type)) as event_id,
                event_time,
                cast(event_time as date) as event_date,
                hour(event_time) as event_hour,
                dayofweek(event_time) + 1 as event_day_of_week,
                event_type, product_id, category_id,
                coalesce(category_code, 'unknown') as category_code,
                coalesce(nullif(split_part(category_code, '.', 1), ''), 'unknown') as category_l1,
                nullif(split_part(category_code, '.', 2), '') as category_l2,
                nullif(split_part(category_code, '.', 3), '') as category_l3,
                coalesce(brand, 'unknown') as brand,
                cast(price as decimal(18, 2)) as price,
                user_id, user_session, source_file,
                strftime(event_time, '%Y-%m-%d') as day
            from typed
            where {valid}
            qualify row_number() over (partition by {KEY} order by source_file) = 1
        ) to '{out}/silver' (format parquet, partition_by (day))
        """
    )
    duck.execute("drop table typed")
    duck.execute(
        f"""
        create view events as
        from read_parquet('{out}/silver/*/*.parquet', hive_partitioning = false)
        where event_date <= date '{as_of}'
        """
    )
    for name, query in gold(as_of).items():
        duck.execute(f"copy ({query}) to '{out}/gold/{name}.parquet'")


def gold(as_of: str) -> dict[str, str]:
    """The four tables, each in the shortest SQL that gives its figures."""
    bought = "event_type = 'purchase'"
    count = {
        "views": "count(*) filter (event_type = 'view')",
        "carts": "count(*) filter (event_type = 'cart')",
        "removals": "count(*) filter (event_type = 'remove_from_cart')",
        "purchases": f"count(*) filter ({bought})",
        "revenue": f"coalesce(sum(price) filter ({bought}), 0)",
    }
    score = "1 + least(4, floor(5 * percent_rank() over (partition by purchases > 0 order by {})))"
    return {
        "customer_metrics": f"""
            with users as (
                select user_id, count(distinct user_session) as sessions, count(*) as events,
                    {count["views"]} as views, {count["carts"]} as carts,
                    {count["removals"]} as removals, {count["purchases"]} as purchases,
                    count(distinct product_id) filter (event_type = 'view') as products,
                    {count["revenue"]} as revenue, min(event_date) as first_day,
                    max(event_date) as last_day, count(distinct event_date) as days,
                    max(event_time) filter ({bought}) as last_purchase
                from events group by user_id
            )
            select *, revenue / nullif(purchases, 0) as avg_purchase,
                date '{as_of}' - last_day as days_since,
                case when purchases >= 10 then 'Champion' when purchases >= 5 then 'Loyal'
                    when purchases >= 2 then 'Potential Loyalist' when purchases = 1 then
                    'New Customer' when carts > 0 then 'Cart Abandoner' else 'Visitor'
                    end as segment,
                case when purchases > 0 then {score.format("last_purchase")}
                    + {score.format("purchases")} + {score.format("revenue")} end as rfm
            from users""",
        "product_performance": f"""
            with products as (
                select product_id, max_by((category_id, category_code, category_l1, brand),
                        (event_time, event_id)) as latest,
                    avg(price) as avg_price, count(*) as events, {count["views"]} as views,
                    {count["carts"]} as carts, {count["purchases"]} as purchases,
                    count(distinct user_id) as users, {count["revenue"]} as revenue
                from events group by product_id
            )
            select *, 100.0 * carts / nullif(views, 0) as view_to_cart,
                100.0 * purchases / nullif(carts, 0) as cart_to_purchase,
                100.0 * purchases / nullif(views, 0) as conversion,
                rank() over (order by revenue desc) as revenue_rank,
                percent_rank() over (partition by revenue > 0 order by revenue desc) as tier
            from products""",
        "daily_sales_summary": f"""
            with days as (
                select event_date, count(*) as events, {count["views"]} as views,
                    {count["carts"]} as carts, {count["purchases"]} as purchases,
                    count(distinct user_id) as users, count(distinct user_session) as sessions,
                    count(distinct user_id) filter ({bought}) as buyers,
                    {count["revenue"]} as revenue
                from events group by event_date
            )
            select *, avg(revenue) over (order by event_date range between interval 6 day
                    preceding and current row) as revenue_7d,
                revenue / nullif(lag(revenue) over (order by event_date), 0) - 1 as change
            from days""",
        "conversion_funnel": f"""
            with cells as (
                select event_date, category_l1, user_session, {count["views"]} > 0 as viewed,
                    {count["carts"]} > 0 as carted, {count["purchases"]} > 0 as bought,
                    {count["revenue"]} as revenue
                from events group by all
            )
            select event_date, category_l1, count(*) as sessions,
                count(*) filter (viewed) as with_view, count(*) filter (carted) as with_cart,
                count(*) filter (bought) as with_purchase,
                100.0 * count(*) filter (viewed and carted)
                    / nullif(count(*) filter (viewed), 0) as view_to_cart,
                100.0 * count(*) filter (carted and bought)
                    / nullif(count(*) filter (carted), 0) as cart_to_purchase,
                sum(revenue) as revenue
            from cells group by event_date, category_l1""",
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
