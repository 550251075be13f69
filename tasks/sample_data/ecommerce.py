"""The made-up raw input of the ecommerce pipeline, as its bronze columns and types.

Belongs here: the bronze columns, the audit columns, and the order in which a shop's days and tables
come. Does not belong here: writing files (`write.py`), what a shop sells (`shop_*.py`), and what
goes wrong (`dirt.py`).

A sample is a pure function of its `SamplePlan`. `sample_days` yields it partition by partition, a
day at a time, in memory that a few days' rows need; `generate` collects it. Day 0 also holds both
dimensions: the catalog, and the customers who signed up in the year before. A later day adds one
partition to each of the other tables and touches no earlier one, also beyond `plan.days`: that is
how a second delivery of the same shop is made.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.sample_data.dirt import FACTS, MAX_DELAY_DAYS, first_unit, soil
from tasks.sample_data.plan import DEFAULT_FIRST_DAY, SamplePlan
from tasks.sample_data.shop_carts import cart_items_frame, shopping_carts_frame
from tasks.sample_data.shop_dimensions import customers_frame, product_catalog_frame
from tasks.sample_data.shop_orders import order_items_frame, orders_frame
from tasks.sample_data.shop_returns import return_items_frame, returns_frame
from tasks.sample_data.text import numbered

AUDIT_COLUMNS = ("batch_id", "ingestion_ts", "event_id", "source_file")
PARTITION_COLUMNS: dict[str, str] = {
    "customers": "signup_date",
    "product_catalog": "category",
    **dict.fromkeys(FACTS, "ingest_dt"),
}
TABLES = tuple(PARTITION_COLUMNS)

_FRAMES: dict[str, Callable[[SamplePlan, int], pl.DataFrame]] = {
    "orders": orders_frame,
    "order_items": order_items_frame,
    "shopping_carts": shopping_carts_frame,
    "cart_items": cart_items_frame,
    "returns": returns_frame,
    "return_items": return_items_frame,
}
# Event numbers are scattered over 10**12 by a factor coprime with it, so that an event id says
# nothing about the order of arrival and ties are broken either way.
_EVENT_SPACE = 10**12
_EVENT_FACTOR = 7_654_321


@dataclass(frozen=True)
class Partition:
    """The rows of one partition folder: bronze columns in order, audit columns included.

    `value` is the folder's value of the table's partition column; `exported_on` is the day on
    which it was written, at 02:00 UTC.
    """

    table: str
    value: str
    exported_on: dt.date
    rows: pl.DataFrame

    @property
    def folder(self) -> str:
        """`<partition column>=<value>`."""
        return f"{PARTITION_COLUMNS[self.table]}={self.value}"

    @property
    def batch_id(self) -> str:
        """The batch of the export that wrote it."""
        return _batch_id(self.exported_on)

    @property
    def exported_at(self) -> str:
        """When it was written, as ISO 8601."""
        return _exported_at(self.exported_on)


@dataclass(frozen=True)
class Sample:
    """A whole sample in memory: per table its rows, and each row's partition value (aligned)."""

    plan: SamplePlan
    tables: dict[str, pl.DataFrame]
    partitions: dict[str, pl.Series]


def generate(
    *,
    orders: int,
    days: int,
    seed: int = 0,
    dirt: float = 0.02,
    first_day: dt.date = DEFAULT_FIRST_DAY,
    only_days: range | None = None,
) -> Sample:
    """The sample as one frame a table; use `sample_days` for what does not fit in memory.

    Raises ValueError for impossible sizes or days.
    """
    plan = SamplePlan(orders, days, seed, dirt, first_day)
    parts: dict[str, list[Partition]] = {table: [] for table in TABLES}
    for part in sample_days(plan, only_days):
        parts[part.table].append(part)
    return Sample(
        plan,
        {
            table: pl.concat([empty_rows(table), *(part.rows for part in parts[table])])
            for table in TABLES
        },
        {
            table: pl.Series(
                PARTITION_COLUMNS[table],
                [part.value for part in parts[table] for _ in range(part.rows.height)],
                dtype=pl.String,
            )
            for table in TABLES
        },
    )


def sample_days(plan: SamplePlan, only_days: range | None = None) -> Iterator[Partition]:
    """Yield the partitions of the plan's days, or of `only_days` (0 is the first; may go beyond).

    Raises ValueError if `only_days` skips days or begins before day 0.
    """
    days = range(plan.days) if only_days is None else only_days
    if days.step != 1 or days.start < 0:
        raise ValueError(f"only_days must be consecutive days from 0 on, got {only_days!r}")
    if not days:
        return
    if days.start == 0:
        yield from _catalog(plan)
        yield from _customers(plan, first_unit("customers"), 0)
    waiting: dict[tuple[int, str], list[pl.DataFrame]] = {}
    # Late rows and second deliveries of the days before arrive on the first days asked for.
    for day in range(max(0, days.start - MAX_DELAY_DAYS), days.stop):
        wanted = day >= days.start
        if wanted:
            yield from _customers(plan, day, day + 1)
        for table in FACTS:
            clean = _FRAMES[table](plan, day).with_columns(
                _arrive=pl.lit(day, pl.Int64), _asof=pl.lit(day, pl.Int64)
            )
            rows = soil(plan, table, day, clean)
            for delay in range(1, MAX_DELAY_DAYS + 1):
                late = rows.filter(pl.col("_arrive") == day + delay)
                if late.height:
                    waiting.setdefault((day + delay, table), []).append(late)
            arrived = waiting.pop((day, table), [])
            if wanted:
                today = rows.filter(pl.col("_arrive") == day) if plan.dirt else rows
                yield from _fact_partition(plan, table, day, pl.concat([today, *arrived]))


def empty_rows(table: str) -> pl.DataFrame:
    """No rows of `table`, with its bronze columns and types."""
    plan = SamplePlan(orders=1, days=1, dirt=0.0)
    if table == "product_catalog":
        clean = product_catalog_frame(plan)
    elif table == "customers":
        clean = customers_frame(plan, 0, 1)
    else:
        clean = _FRAMES[table](plan, 0)
    kept = clean.clear().select(pl.exclude("^_.*$"))
    return kept.with_columns(pl.lit(None, pl.String).alias(name) for name in AUDIT_COLUMNS)


def _fact_partition(
    plan: SamplePlan, table: str, day: int, rows: pl.DataFrame
) -> Iterator[Partition]:
    if rows.height == 0:
        return
    value = plan.date_of(day).isoformat()
    days = np.arange(day - MAX_DELAY_DAYS, day + MAX_DELAY_DAYS + 1)
    # A row that was exported before, and lies here a second time, still names its first file.
    files = [_source_file(table, plan.date_of(int(asof)).isoformat()) for asof in days]
    source = pl.Series(files).gather(rows["_asof"] - int(days[0]))
    yield Partition(table, value, plan.date_of(day + 1), _audited(plan, table, rows, source))


def _customers(plan: SamplePlan, first: int, past_last: int) -> Iterator[Partition]:
    """A partition for each day with sign-ups; its second deliveries lie in it as well."""
    clean = customers_frame(plan, first, past_last)
    if clean.height == 0:
        return
    clean = clean.with_columns(_arrive=pl.col("_day"), _asof=pl.col("_day"))
    soiled = soil(plan, "customers", first, clean)
    for (day,), rows in soiled.partition_by("_arrive", as_dict=True, maintain_order=True).items():
        value = plan.date_of(int(day)).isoformat()
        source = pl.repeat(_source_file("customers", value), rows.height, eager=True)
        audited = _audited(plan, "customers", rows, source)
        yield Partition("customers", value, plan.date_of(int(day) + 1), audited)


def _catalog(plan: SamplePlan) -> Iterator[Partition]:
    """A partition a category, all exported before the first day and once more at its start."""
    clean = product_catalog_frame(plan).with_columns(
        _arrive=pl.lit(0, pl.Int64), _asof=pl.lit(-2, pl.Int64)
    )
    soiled = soil(plan, "product_catalog", 0, clean)
    groups = soiled.partition_by("_category", as_dict=True, maintain_order=True)
    for (category,), rows in groups.items():
        source = pl.repeat(_source_file("product_catalog", category), rows.height, eager=True)
        audited = _audited(plan, "product_catalog", rows, source)
        yield Partition("product_catalog", str(category), plan.first_day, audited)


def _audited(plan: SamplePlan, table: str, rows: pl.DataFrame, source: pl.Series) -> pl.DataFrame:
    """`rows` with the audit columns instead of the hidden ones."""
    asof = rows["_asof"].to_numpy()
    first, last = int(asof.min()), int(asof.max())
    exports = [plan.date_of(day + 1) for day in range(first, last + 1)]
    place = asof - first
    event = rows["_event"].to_numpy() * _EVENT_FACTOR % _EVENT_SPACE
    return rows.select(pl.exclude("^_.*$")).with_columns(
        pl.Series("batch_id", [_batch_id(day) for day in exports]).gather(place),
        pl.Series("ingestion_ts", [_exported_at(day) for day in exports]).gather(place),
        numbered(f"evt_{table}_", event, 12).alias("event_id"),
        source.alias("source_file"),
    )


def _source_file(table: str, value: object) -> str:
    return f"shop-export/{table}/{PARTITION_COLUMNS[table]}={value}/part-0000.parquet"


def _batch_id(exported_on: dt.date) -> str:
    return f"export_{exported_on:%Y%m%d}"


def _exported_at(exported_on: dt.date) -> str:
    return f"{exported_on.isoformat()}T02:00:00+00:00"
