"""The dirt of the made-up shop: every way of being wrong that the rules name, and no other harm.

What is valid is judged by the reference implementation in `tests/oracle`, which shares no code
with the generator.
"""

import datetime as dt
from typing import Any

import polars as pl
import pytest

from tasks.sample_data.dirt_kinds import HARMLESS, WRONG
from tasks.sample_data.ecommerce import TABLES
from tests.oracle.schema import CONTRACTS
from tests.oracle.silver import refine_all
from tests.unit.refined_samples import (
    SOLD_BY_DAY,
    ancestors,
    every_reason,
    reasons,
    refined,
    sample,
)


class TestDirt:
    @pytest.mark.parametrize(("orders", "days", "seed"), [(200, 1, 1), (200, 7, 2), (200, 60, 3)])
    def test_every_rule_and_foreign_key_is_broken_however_small(
        self, orders: int, days: int, seed: int
    ) -> None:
        for table, result in refined(orders, days, seed).items():
            assert reasons(result) == every_reason(table), table

    def test_even_a_trace_of_dirt_breaks_every_rule(self) -> None:
        for table, result in refined(300, 10, dirt=0.000_001).items():
            assert reasons(result) == every_reason(table), table

    def test_kinds_are_named_as_the_reasons_they_lead_to(self) -> None:
        for table in TABLES:
            assert {kind.name for kind in WRONG[table]} <= every_reason(table)

    @pytest.mark.parametrize("seed", [1])
    def test_the_default_dirt_passes_the_default_gates(self, seed: int) -> None:
        for table, result in refined(5_000, 14, seed).items():
            bad = len(result.quarantined)
            unbroken = result.bronze - bad + result.orphans
            assert 0 < bad / result.bronze < 0.05, table
            assert 1 - result.orphans / unbroken >= 0.99, table
            assert result.superseded > 0, table
            assert result.bronze == len(result.rows) + bad + result.superseded

    @pytest.mark.parametrize("table", TABLES)
    def test_each_wrong_kind_breaks_its_rule_and_each_harmless_one_none(self, table: str) -> None:
        made = sample(1_200, 4, dirt=0.0)
        parents: dict[str, list[dict[str, Any]]] = {
            name: frame.to_dicts() if name in ancestors(table) else []
            for name, frame in made.tables.items()
        }
        random = made.plan.random(1_000)
        frame, last_day = made.tables[table], made.plan.last_day.isoformat()
        # Rows of the run date itself: a date two days ahead is a future one for each of them.
        rows = frame.filter(made.partitions[table] == last_day) if table in SOLD_BY_DAY else frame
        rows = rows.head(40)
        for kind in (*WRONG[table], *HARMLESS[table]):
            spoiled = kind.spoil(rows, random)
            assert spoiled.schema == rows.schema, kind.name
            result = refine_all({**parents, table: spoiled.to_dicts()}, made.plan.last_day)[table]
            if kind in HARMLESS[table]:
                assert result.quarantined == [], kind.name
                continue
            # A NULL amount cannot be negative: the rule then holds.
            assert len(result.quarantined) >= 0.75 * rows.height > 10, kind.name
            assert all(kind.name in row["quarantine_reasons"] for row in result.quarantined)

    def test_a_quarantined_order_makes_orphans_of_its_items(self) -> None:
        result = refined(300, 5)
        surviving = {row["order_id"] for row in result["orders"].rows}
        orphans = {
            row["order_id"]
            for row in result["order_items"].quarantined
            if row["quarantine_reasons"] == ["order_id_orphan"]
        }
        made = {row["order_id"] for row in refined(300, 5, dirt=0.0)["orders"].rows}
        assert orphans & made - surviving

    def test_newer_invalid_copies_do_not_displace_valid_rows(self) -> None:
        result = refined(2_000, 7)["orders"]
        surviving = {row["order_id"]: row["ingestion_ts"] for row in result.rows}
        newer = [
            row
            for row in result.quarantined
            if row["order_id"] in surviving
            and dt.datetime.fromisoformat(row["ingestion_ts"]).replace(tzinfo=None)
            > surviving[row["order_id"]]
        ]
        assert newer

    @pytest.mark.parametrize("table", TABLES)
    def test_redeliveries_exact_newer_changed_and_tied(self, table: str) -> None:
        frame = sample(2_000, 7).tables[table]
        values = list(CONTRACTS[table].columns)
        key = list(CONTRACTS[table].key)
        valid = frame.drop_nulls(key)
        assert frame.is_duplicated().any()
        newer = valid.group_by(values).agg(pl.col("ingestion_ts").n_unique())
        assert (newer["ingestion_ts"] > 1).any()
        tied = valid.group_by([*key, "ingestion_ts"]).agg(pl.col("event_id").n_unique())
        assert (tied["event_id"] > 1).any()

    @pytest.mark.parametrize("table", SOLD_BY_DAY)
    def test_late_rows_arrive_one_to_three_days_after_their_day(self, table: str) -> None:
        dated = {
            "orders": ("orders", "order_id", "order_date"),
            "order_items": ("orders", "order_id", "order_date"),
            "shopping_carts": ("shopping_carts", "cart_id", "created_at"),
            "cart_items": ("shopping_carts", "cart_id", "created_at"),
            "returns": ("returns", "return_id", "return_date"),
            "return_items": ("returns", "return_id", "return_date"),
        }
        made = sample(5_000, 14)
        parent, key, column = dated[table]
        days = sample(5_000, 14, dirt=0.0).tables[parent].select(key, _day=pl.col(column))
        frame = made.tables[table].with_columns(_arrived=made.partitions[table])
        # Delivered once only: a row that is delivered again the next day is not late.
        once = frame.filter(pl.len().over(list(CONTRACTS[table].key)) == 1).join(days, on=key)
        late = once.select(
            pl.col("_arrived").str.to_date() - pl.col("_day").str.slice(0, 10).str.to_date()
        ).to_series()
        late = late.dt.total_days()
        assert late.is_between(0, 3).all()
        assert late.is_between(1, 3).any()

    def test_a_late_order_is_awaited_by_items_that_came_on_time(self) -> None:
        made = sample(5_000, 14)
        item_days = made.tables["order_items"].with_columns(day=made.partitions["order_items"])
        order_days = made.tables["orders"].with_columns(day=made.partitions["orders"])
        first = item_days.group_by("order_id").agg(pl.col("day").min())
        parent = order_days.group_by("order_id").agg(pl.col("day").min())
        both = first.join(parent, on="order_id", suffix="_order")
        assert (both["day"] < both["day_order"]).any()

    def test_tokens_noise_and_offsets_occur(self) -> None:
        made = sample(5_000, 14)
        orders = made.tables["orders"]
        tokens = orders["payment_method"].str.strip_chars(" \t\r\n").str.to_lowercase()
        assert tokens.is_in(["", "none", "null", "n/a", "nan"]).any()
        assert orders["payment_method"].n_unique() > 12
        for suffix in ("Z", " utc", r"\+02:00", "-0600"):
            assert orders["order_date"].str.contains(f"{suffix}$").any(), suffix
        assert orders["shipping_cost"].is_nan().any()
        texts = orders["gross_total"].cast(pl.String)
        assert texts.str.contains(r"\.\d{10,}").any()
        assert orders["payment_processing_fee"].cast(pl.String).str.contains(r"\.\d\d5$").any()
        assert orders["order_id"].str.contains(r"^\s").any()
