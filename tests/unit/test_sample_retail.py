"""The made-up shop of retail: the same for the same seed, clean or as dirty as asked for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tasks.sample_data.retail import COLUMNS, write_retail
from tests.oracle.retail import own_files, retail_outputs

DAY = date(2024, 1, 31)


def accounting(folder: Path) -> dict[str, dict[str, int]]:
    tables = retail_outputs([own_files(folder)], DAY, b"key")
    return {row.pop("table"): row for row in tables["accounting"].dicts()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        summary = write_retail(tmp_path / name, orders=30, days=3, seed=seed)
        assert (summary.first_day, summary.last_day) == (date(2024, 1, 1), date(2024, 1, 3))
    first, same, other = (
        {table: (tmp_path / name / f"{table}.csv").read_bytes() for table in COLUMNS}
        for name in "abc"
    )
    assert first == same
    assert all(first[table] != other[table] for table in COLUMNS)


def test_without_dirt_every_row_becomes_silver(tmp_path: Path) -> None:
    summary = write_retail(tmp_path, orders=200, days=9, dirt=0)
    found = accounting(tmp_path)
    assert [row["rows"] for row in found.values()] == list(summary.rows.values())
    assert found["stg_orders"]["rows"] == 200


def test_with_dirt_some_rows_are_rejected_and_some_superseded(tmp_path: Path) -> None:
    write_retail(tmp_path, orders=600, days=9, dirt=0.3)
    for row in accounting(tmp_path).values():
        assert row["bronze"] > row["rows"]
        assert row["quarantined"] > 0
        assert row["superseded"] > 0


@pytest.mark.parametrize("wrong", [{"orders": 0}, {"days": 0}, {"dirt": 1.5}])
def test_impossible_sizes_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    given = {"orders": 1, "days": 1} | wrong
    with pytest.raises(ValueError, match="orders and days are at least 1"):
        write_retail(tmp_path, **given)  # type: ignore[arg-type]
