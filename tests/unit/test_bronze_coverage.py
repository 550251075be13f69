"""Whether a batch that has landed is worth a run."""

from __future__ import annotations

from datetime import date

import pytest

from tasks.bronze_coverage import brings_rows
from tasks.landing import LandedBatch
from tasks.specs import known_pipelines, load_spec


@pytest.mark.parametrize("pipeline", known_pipelines())
def test_rows_count_where_the_run_looks(pipeline: str) -> None:
    spec = load_spec(pipeline)
    table = next(each for each in spec.tables if each.partition.kind == "date")

    def batch(*days: str, before: bool = False) -> LandedBatch:
        partitions = tuple(f"{table.partition.column}={day}" for day in days)
        return LandedBatch(table.bronze_name, "batch_1", "a.csv", 1, partitions, before)

    today = date(2024, 1, 14)
    assert brings_rows(spec, [batch("2024-01-15", "2024-01-14")], today)
    assert not brings_rows(spec, [batch("2024-01-15")], today)
    assert not brings_rows(spec, [batch("2024-01-14", before=True), batch()], today)
