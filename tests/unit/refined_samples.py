"""Samples of the made-up shop, made once a session, and what the reference makes of them."""

import datetime as dt
from functools import cache
from typing import Any

import polars as pl

from tasks.sample_data.ecommerce import Sample, generate
from tests.oracle.schema import CONTRACTS
from tests.oracle.silver import Refined, refine_all

SOLD_BY_DAY = ("orders", "order_items", "shopping_carts", "cart_items", "returns", "return_items")


@cache
def sample(orders: int, days: int, seed: int = 7, dirt: float = 0.02) -> Sample:
    return generate(orders=orders, days=days, seed=seed, dirt=dirt)


@cache
def refined(orders: int, days: int, seed: int = 7, dirt: float = 0.02) -> dict[str, Refined]:
    made = sample(orders, days, seed, dirt)
    rows = {table: frame.to_dicts() for table, frame in made.tables.items()}
    return refine_all(rows, made.plan.last_day)


def reasons(result: Refined) -> set[str]:
    return {reason for row in result.quarantined for reason in row["quarantine_reasons"]}


def ancestors(table: str) -> set[str]:
    parents = {fk.parent for fk in CONTRACTS[table].foreign_keys}
    return parents.union(*(ancestors(parent) for parent in parents))


def every_reason(table: str) -> set[str]:
    contract = CONTRACTS[table]
    return set(contract.rules) | {f"{fk.column}_orphan" for fk in contract.foreign_keys}


def arrived(made: Sample, run_date: dt.date) -> dict[str, list[dict[str, Any]]]:
    return {
        table: frame.filter(
            pl.lit(table == "product_catalog") | (made.partitions[table] <= run_date.isoformat())
        ).to_dicts()
        for table, frame in made.tables.items()
    }
