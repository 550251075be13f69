"""A run on top of a release makes what a run from nothing makes, to the last bit.

Belongs here: each incremental transform over random shops that changed since the release. Does not
belong here: what the transforms compute (`transforms/`), or the planning (`test_changed_days.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.contracts.changes import TableChange
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Spec, Transform
from tasks.enrichment import run_transform
from tasks.input_rows import day_column, day_of, scan
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.specs import load_spec
from tests.unit.release_builder import base_of, published, run_of
from tests.unit.transforms import silver_rows

Row = dict[str, Any]
Rows = list[Row]

START = datetime(2024, 1, 1)  # noqa: DTZ001 - silver's timestamps have no zone
# Short windows, so that a few days hold days out of their reach.
PARAMETERS = {"short_window_days": 2, "long_window_days": 3}

# Steps of eight hours, so that moments coincide and windows end on them.
MOMENTS = [START + timedelta(hours=8 * n) for n in range(24)]
DAYS = [START.date() + timedelta(days=n) for n in range(9)]
CUSTOMERS = ["C1", "C2", "C3"]
PRODUCTS = [1, 2, 3]
AMOUNTS = [1, "2.35", "10.01"]
PERHAPS = [None, *AMOUNTS]

# The values that a column may have, equally often.
ROWS: dict[str, dict[str, Sequence[Any]]] = {
    "orders": {
        "order_date": MOMENTS,
        "customer_id": CUSTOMERS,
        "order_channel": ["web", None],
        "gross_total": AMOUNTS,
        "net_total": AMOUNTS,
        "total_discount_amount": PERHAPS,
        "shipping_address": ["1 Way, Town, CA 90001", "no zip", None],
        "shipping_speed": ["overnight", "ground", None],
        "shipping_cost": PERHAPS,
        "actual_shipping_cost": PERHAPS,
    },
    "order_items": {
        "order_dt": DAYS,
        "product_id": PRODUCTS,
        "quantity": [1, 2, 5],
        "unit_price": AMOUNTS,
        "discount_amount": PERHAPS,
        "cost_price": PERHAPS,
    },
    "shopping_carts": {
        "created_at": MOMENTS,
        "customer_id": CUSTOMERS,
        "cart_total": [5, 5, None, 0],
    },
    "cart_items": {
        "cart_id": [f"K{n}" for n in range(20)],
        "added_dt": DAYS,
        "product_id": PRODUCTS,
        "quantity": [1, 2],
        "unit_price": AMOUNTS,
    },
    "returns": {
        "order_id": [f"O{n}" for n in range(20)],
        "return_dt": DAYS,
        "refunded_amount": AMOUNTS,
    },
    "return_items": {
        "return_dt": DAYS,
        "product_id": PRODUCTS,
        "quantity_returned": [1, 2],
        "refunded_amount": AMOUNTS,
    },
}
KEYS = {"orders": ("order_id", "O{}"), "shopping_carts": ("cart_id", "K{}")}
# Seen by a run whatever its day; other rows of days to come wait in quarantine.
TIMELESS = ("cart_items",)

FAMILIES = {
    "attribution": ("attributed_purchases", "cart_attribution"),
    "products": ("product_performance", "sales_velocity"),
    "money": ("regional_financials", "shipping_economics"),
}


def specification() -> Spec:
    spec = load_spec("ecommerce")
    changed = [
        transform.model_copy(
            update={
                "parameters": transform.parameters
                | {k: v for k, v in PARAMETERS.items() if k in transform.parameters}
            }
        )
        for transform in spec.transforms
    ]
    return spec.model_copy(update={"transforms": tuple(changed)})


SPEC = specification()


def versions(random: Random, table: str) -> tuple[Rows, Rows]:
    """Rows of the release and of now: most rows stayed; some came, went or are others."""
    key, text = KEYS.get(table, ("", ""))
    share_of_changes = random.choice([0, 0.05, 0.05, 0.3])
    old, new = [], []
    for number in range(random.randint(0, 20)):
        named = {key: text.format(number)} if key else {}
        before, after = (
            {column: random.choice(values) for column, values in ROWS[table].items()} | named
            for _ in range(2)
        )
        if random.random() >= share_of_changes:
            after = before
        fate = random.random() if after is not before else 1
        old += [before] if fate > 0.3 else []
        new += [after] if not 0.3 < fate <= 0.6 else []
    return old, new


def catalog(snapshot: date, *, full: bool, change: str = "same") -> pl.LazyFrame:
    rows = [
        {
            "product_id": n,
            "product_name": f"P{n}",
            "category": "new" if change == "category" and n == 1 else f"c{n % 2}",
            "unit_price": 3,
            "cost_price": "1.05",
            "inventory_quantity": 7 if change == "stock" else 6,
            "snapshot_dt": snapshot,
        }
        for n in (1, 2, 3)
        if full or n > 1
    ]
    return silver_rows.product_catalog(rows)


def seen(table: str, drawn: Rows, run_date: date) -> pl.LazyFrame:
    """The rows of silver `table` that a run of `run_date` sees."""
    build: Callable[[Rows], pl.LazyFrame] = getattr(silver_rows, table)
    frame = build(drawn)
    day = day_column(SPEC, f"silver.{table}")
    return frame if table in TIMELESS else frame.filter(pl.col(day) <= run_date)


def days_that_differ(name: str, old: pl.LazyFrame, new: pl.LazyFrame) -> frozenset[date]:
    day = day_column(SPEC, name)
    counted = [frame.collect().rows_by_key(day, named=False, unique=False) for frame in (old, new)]
    days = counted[0].keys() | counted[1].keys()
    return frozenset(
        d
        for d in days
        if sorted(map(str, counted[0].get(d, []))) != sorted(map(str, counted[1].get(d, [])))
    )


def transforms(family: str) -> list[Transform]:
    return [t for t in SPEC.transforms if t.name in FAMILIES[family]]


def silver_inputs(family: str) -> list[str]:
    names = {name for t in transforms(family) for name in t.inputs.values()}
    return sorted(name.partition(".")[2] for name in names if name.startswith("silver."))


def inputs(run: RunContext, frames: Mapping[str, pl.LazyFrame]) -> dict[str, PublishedTable]:
    return {
        name: published(
            run, name, frame, day_column(SPEC, name) if name.startswith("silver.") else None
        )
        for name, frame in frames.items()
    }


def enriched(
    run: RunContext,
    family: str,
    tables: dict[str, PublishedTable],
    base: Base,
    changes: dict[str, TableChange],
) -> dict[str, TableChange]:
    found: dict[str, TableChange] = {}
    for transform in transforms(family):
        name = f"enriched.{transform.name}"
        tables[name], found[name] = run_transform(run, transform, tables, base, changes | found)
    return found


def content(run: RunContext, table: PublishedTable) -> list[tuple[Any, ...]]:
    return sorted(scan(run, table).collect().rows(), key=repr)


def check(
    family: str,
    silver: Mapping[str, tuple[Rows, Rows]],
    before: date,
    now: date,
    catalogs: tuple[pl.LazyFrame, pl.LazyFrame],
) -> dict[str, TableChange]:
    """Compare a run of `now` on top of a release of `before` with a run of `now` from nothing."""
    given_rows = {table: silver.get(table, ([], [])) for table in silver_inputs(family)}
    with tempfile.TemporaryDirectory() as folder:
        first, second, third = (
            run_of(SPEC, Path(folder), run_id, day)
            for run_id, day in (("first", before), ("second", now), ("third", now))
        )
        old = {f"silver.{t}": seen(t, rows[0], before) for t, rows in given_rows.items()}
        new = {f"silver.{t}": seen(t, rows[1], now) for t, rows in given_rows.items()}
        changes = {
            name: TableChange(whole=False, dates=days_that_differ(name, old[name], new[name]))
            for name in old
        }
        old["dims.product_catalog"], new["dims.product_catalog"] = catalogs
        released = inputs(first, old)
        enriched(first, family, released, Base(None), {})
        tables, expected = inputs(second, new), inputs(third, new)
        found = enriched(second, family, tables, base_of(first, released), changes)
        enriched(third, family, expected, Base(None), {})
        for transform in transforms(family):
            name, column = f"enriched.{transform.name}", transform.partition_column
            assert column is not None
            assert content(second, tables[name]) == content(third, expected[name])
            assert tables[name].rows == expected[name].rows
            assert tables[name].columns == expected[name].columns
            held = [day_of(file, column) for file in tables[name].files if file.rows]
            assert len(held) == len(set(held))
            carried = {day_of(f, column) for f in tables[name].files if "/first/" in f.path}
            if now != before or found[name].whole:
                assert carried == set()
            else:
                assert set(held) - found[name].dates == carried - {None}
    return {name.partition(".")[2]: change for name, change in found.items()}


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_a_run_on_top_of_a_release_makes_what_a_full_run_makes(family: str, seed: int) -> None:
    random = Random(seed)
    before = START.date() + timedelta(days=random.randint(2, 8))
    now = before + timedelta(days=random.choice([0, 0, 1, 2]))
    silver = {table: versions(random, table) for table in silver_inputs(family)}
    full, change = random.random() < 0.7, random.choice(["same", "same", "stock", "category"])
    catalogs = catalog(before, full=full), catalog(now, full=full, change=change)
    found = check(family, silver, before, now, catalogs)
    if change == "same":
        assert not any(difference.whole for difference in found.values())


def moment(day: int, hour: int) -> datetime:
    return START.replace(day=day, hour=hour)


ORDER = {"customer_id": "C1", "net_total": 5}
CART = {"cart_id": "K", "customer_id": "C1", "created_at": moment(4, 16), "cart_total": 5}
# The last moment of the cart's window.
BOUGHT = {**ORDER, "order_id": "O", "order_date": moment(6, 16)}
SOONER = {**ORDER, "order_id": "P", "order_date": moment(4, 16)}
ITEM = {"cart_id": "K", "product_id": 1, "quantity": 1, "unit_price": 2}
CASES: dict[str, tuple[str, dict[str, tuple[Rows, Rows]], dict[str, set[int]]]] = {
    "an order came before the one that a cart led to": (
        "attribution",
        {"orders": ([BOUGHT], [BOUGHT, SOONER]), "shopping_carts": ([CART], [CART])},
        {"attributed_purchases": {4, 5, 6}, "cart_attribution": {2, 3, 4, 5, 6}},
    ),
    "the order that a cart led to went": (
        "attribution",
        {"orders": ([BOUGHT], []), "shopping_carts": ([CART], [CART])},
        {"attributed_purchases": {6, 7, 8}, "cart_attribution": {4, 5, 6, 7, 8}},
    ),
    "the cart changed, its order did not": (
        "attribution",
        {"orders": ([BOUGHT], [BOUGHT]), "shopping_carts": ([CART], [{**CART, "cart_total": 7}])},
        {"attributed_purchases": {4, 5, 6}, "cart_attribution": {2, 3, 4, 5, 6}},
    ),
    "a cart was filled days later": (
        "attribution",
        {
            "orders": ([BOUGHT], [BOUGHT]),
            "shopping_carts": ([{**CART, "cart_total": None}],) * 2,
            "cart_items": ([], [{**ITEM, "added_dt": date(2024, 1, 11)}]),
        },
        {
            "attributed_purchases": {4, 5, 6, 11},
            "cart_attribution": {2, 3, 4, 5, 6, 9, 10, 11},
        },
    ),
    "a line was sold again of a product first sold long ago": (
        "products",
        {
            "order_items": (
                [
                    {"product_id": 1, "order_dt": date(2024, 1, day), "quantity": 1}
                    for day in (1, 9)
                ],
                [
                    {"product_id": 1, "order_dt": date(2024, 1, day), "quantity": day}
                    for day in (1, 9)
                ],
            )
        },
        {"product_performance": {9}, "sales_velocity": {9, 10, 11, 12}},
    ),
    "the first sale of a product went": (
        "products",
        {
            "order_items": (
                [
                    {"product_id": 1, "order_dt": date(2024, 1, day), "quantity": 1}
                    for day in (8, 11)
                ],
                [{"product_id": 1, "order_dt": date(2024, 1, 11), "quantity": 1}],
            )
        },
        {"product_performance": {8}, "sales_velocity": {8, 9, 10, 11, 12}},
    ),
    "the order of an older return changed its channel": (
        "money",
        {
            "orders": ([BOUGHT], [{**BOUGHT, "order_channel": "web"}]),
            "returns": ([{"order_id": "O", "return_dt": date(2024, 1, 11)}],) * 2,
        },
        {"regional_financials": {6, 11}, "shipping_economics": {6}},
    ),
    "nothing changed": (
        "money",
        {"orders": ([BOUGHT], [BOUGHT])},
        {"regional_financials": set(), "shipping_economics": set()},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_reaches_the_days_that_depend_on_it(case: str) -> None:
    family, silver, days = CASES[case]
    today = date(2024, 1, 12)
    # Another snapshot of the same catalog.
    catalogs = catalog(today, full=True), catalog(today + timedelta(days=1), full=True)
    found = check(family, silver, today, today, catalogs)
    assert {name: {day.day for day in change.dates} for name, change in found.items()} == days


def test_only_the_columns_that_a_table_reads_make_a_snapshot_another() -> None:
    today = date(2024, 1, 12)
    silver = {
        "shopping_carts": ([CART], [CART]),
        "cart_items": ([{**ITEM, "added_dt": date(2024, 1, 4)}],) * 2,
    }
    whole: dict[str, list[str]] = {}
    for change in ("same", "stock", "category"):
        catalogs = catalog(today, full=True), catalog(today, full=True, change=change)
        for family in ("attribution", "products"):
            found = check(family, silver, today, today, catalogs)
            whole[change] = whole.get(change, []) + [n for n, c in found.items() if c.whole]
    assert whole == {
        "same": [],
        "stock": ["product_performance"],
        "category": ["cart_attribution", "product_performance"],
    }
