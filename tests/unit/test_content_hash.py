"""A table's hash: what it must notice, and what it must not."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.content_hash import content_hash

ROWS = pl.DataFrame(
    {
        "key": ["a", "b", "b", None, ""],
        "amount": [Decimal("1.10"), Decimal("2.00"), Decimal("2.00"), None, Decimal("0.00")],
        "tags": [["x", "y"], [], [], None, [None]],
        "run_id": ["r1"] * 5,
    },
    schema_overrides={"amount": pl.Decimal(18, 2)},
)


def hashed(folder: Path, *files: pl.DataFrame, columns: list[str] | None = None) -> str:
    urls = []
    for rows in files:
        urls.append(str(folder / f"{len(list(folder.iterdir()))}.parquet"))
        rows.write_parquet(urls[-1])
    return content_hash(urls, columns or files[0].columns)


def test_it_is_32_hexadecimal_digits(tmp_path: Path):
    assert re.fullmatch("[0-9a-f]{32}", hashed(tmp_path, ROWS))


def test_order_of_rows_columns_and_files_does_not_matter(tmp_path: Path):
    expected = hashed(tmp_path, ROWS)
    assert hashed(tmp_path, ROWS.reverse()) == expected
    assert hashed(tmp_path, ROWS.sample(fraction=1, shuffle=True, seed=3)) == expected
    assert hashed(tmp_path, ROWS[3:], ROWS[:1], ROWS[1:3]) == expected
    assert hashed(tmp_path, ROWS.select("tags", "run_id", "amount", "key")) == expected
    assert hashed(tmp_path, ROWS[:0], ROWS) == expected


def test_the_run_does_not_matter(tmp_path: Path):
    expected = hashed(tmp_path, ROWS)
    assert hashed(tmp_path, ROWS.with_columns(run_id=pl.lit("r2"))) == expected
    assert hashed(tmp_path, ROWS.drop("run_id")) == expected


def test_duplicates_count(tmp_path: Path):
    counts = [hashed(tmp_path, pl.concat([ROWS[:1]] * n)) for n in (1, 2, 3, 4)]
    assert len(set(counts)) == 4
    assert hashed(tmp_path, ROWS) != hashed(tmp_path, ROWS.unique())


@pytest.mark.parametrize(
    "changed",
    [
        ROWS[1:],
        ROWS.rename({"key": "name"}),
        ROWS.with_columns(key=pl.col("key").fill_null("")),
        ROWS.with_columns(key=pl.col("key").fill_null("-")),
        ROWS.with_columns(amount=pl.col("amount").fill_null(0)),
        ROWS.with_columns(tags=pl.col("tags").fill_null([])),
        ROWS.with_columns(key=pl.col("key").reverse()),
        ROWS.drop("tags"),
    ],
)
def test_any_other_change_matters(tmp_path: Path, changed: pl.DataFrame):
    assert hashed(tmp_path, changed) != hashed(tmp_path, ROWS)


def test_values_do_not_run_into_their_neighbours(tmp_path: Path):
    pairs = [("ab", "c"), ("a", "bc"), ("", "abc"), ("1:a", "-"), ("1", "a-"), (None, "abc")]
    hashes = {hashed(tmp_path, pl.DataFrame([p], schema=["a", "b"], orient="row")) for p in pairs}
    assert len(hashes) == len(pairs)


def test_no_rows(tmp_path: Path):
    assert content_hash([], ["key"]) == hashed(tmp_path, ROWS[:0].select("key"))
    assert content_hash([], ["key"]) != content_hash([], ["other"])


def test_names_that_need_quoting(tmp_path: Path):
    rows = pl.DataFrame({'a "b"': [1], "select": [2]})
    assert hashed(tmp_path, rows) == hashed(tmp_path, rows.select("select", 'a "b"'))


def test_a_lost_file_is_an_error(tmp_path: Path):
    with pytest.raises(duckdb.IOException):
        content_hash([str(tmp_path / "lost.parquet")], ["key"])


# Every example opens files, on machines that do other things meanwhile: no deadline.
@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 3)), max_size=8), st.randoms())
def test_equal_hashes_mean_equal_rows_in_some_order(tmp_path_factory, rows, random):
    folder = tmp_path_factory.mktemp("h")
    shuffled = random.sample(rows, len(rows))
    schema = {"a": pl.String, "b": pl.Int64}

    def of(some):
        return hashed(folder, pl.DataFrame(some, schema=schema, orient="row"))

    assert of(rows) == of(shuffled)
    if rows:
        assert of(rows) != of(rows[1:])
        assert of(rows) != of([*rows, rows[0]])
