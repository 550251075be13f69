"""Whether a batch that has landed is worth a run."""

from __future__ import annotations

from datetime import date

from tasks.bronze_coverage import brings_rows
from tasks.landing import LandedBatch
from tasks.specs import load_spec

TODAY = date(2024, 1, 14)


def batch(table: str, *partitions: str, before: bool = False) -> LandedBatch:
    return LandedBatch(table, "batch_1", "a.csv", 1, partitions, before)


def test_rows_count_from_the_day_on_which_a_run_sees_them() -> None:
    spec, today, later = load_spec("ecommerce"), "ingest_dt=2024-01-14", "ingest_dt=2024-01-15"
    assert brings_rows(spec, [batch("orders", later, today)], TODAY)
    assert not brings_rows(spec, [batch("orders", later)], TODAY)
    assert not brings_rows(spec, [batch("orders", today, before=True), batch("orders")], TODAY)


def test_a_batch_is_known_by_its_tables_name_in_bronze() -> None:
    spec = load_spec("clickstream")
    (table,) = spec.tables
    landed = batch(table.bronze_name, f"{table.partition.column}=2030-01-01")
    assert brings_rows(spec, [landed], TODAY)
