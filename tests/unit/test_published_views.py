"""Views over bronze as a release holds them: text without paths, and rows with them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.errors import BronzeError, ReleaseError
from tasks.contracts.release import PublishedFile, PublishedTable
from tasks.published_views import (
    files_behind,
    key_of,
    published_bronze,
    published_view,
    rows_sql,
)

SHA = "0" * 64
COMPILED = """
    select a, b
    from "memory"."bronze"."raw_t" as received
    anti join "memory"."silver"."raw_t_excluded" as excluded using (_file, _row)
"""
COLUMNS = {"a": "VARCHAR", "b": "VARCHAR"}


def file_of(path: Path, root: str, key: str) -> PublishedFile:
    rows = pl.read_parquet(path).height
    return PublishedFile(root=root, path=key, rows=rows, bytes=path.stat().st_size, sha256=SHA)  # type: ignore[arg-type]


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, PublishedTable]:
    """Two bronze files, of which the second has further columns in another order."""
    bronze = []
    for number, rows in enumerate(
        (
            {"a": ["1", "2"], "b": ["x", None]},
            {"c": ["-", "-"], "b": ["y", "z"], "a": ["3", "4"]},
        )
    ):
        key = f"shop/raw_t/day=1/f'{number}.parquet"
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows).write_parquet(path)
        bronze.append(file_of(path, "bronze", key))
    excluded = pl.DataFrame({"_file": [bronze[0].path, bronze[1].path], "_row": [1, 0]})
    excluded.write_parquet(tmp_path / "excluded.parquet")
    listed = file_of(tmp_path / "excluded.parquet", "silver", "excluded.parquet")
    return {
        "bronze.raw_t": PublishedTable(rows=4, bytes=1, columns=COLUMNS, files=tuple(bronze)),
        "silver.raw_t_excluded": PublishedTable(
            rows=2, bytes=1, columns={"_file": "VARCHAR", "_row": "BIGINT"}, files=(listed,)
        ),
        "silver.t": published_view(COMPILED, COLUMNS, 2),
    }


def rows_of(tables: dict[str, PublishedTable], name: str, folder: Path) -> list[tuple[object, ...]]:
    sql = rows_sql(name, tables, lambda files: [str(folder / file.path) for file in files])
    return duckdb.sql(sql).order("all").fetchall()


def test_a_view_shows_the_rows_that_are_not_excluded(
    tables: dict[str, PublishedTable], tmp_path: Path
) -> None:
    assert rows_of(tables, "silver.t", tmp_path) == [("1", "x"), ("4", "z")]
    assert rows_of(tables, "bronze.raw_t", tmp_path)[1] == ("2", None)
    paths = [file.path for file in files_behind("silver.t", tables)]
    assert len(paths) == 3
    assert tables["silver.t"].files == ()


def test_its_text_names_no_place(tables: dict[str, PublishedTable], tmp_path: Path) -> None:
    view = tables["silver.t"].view
    assert view is not None
    assert view.reads == ("bronze.raw_t", "silver.raw_t_excluded")
    assert "from {bronze.raw_t} as received" in view.sql
    assert "memory" not in view.sql
    moved = tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert len(rows_of(tables, "silver.t", moved)) == 2


def test_without_files_there_are_no_rows(tables: dict[str, PublishedTable], tmp_path: Path) -> None:
    empty = {n: t.model_copy(update={"files": (), "rows": 0}) for n, t in tables.items()}
    assert rows_of(empty, "silver.t", tmp_path) == []
    assert rows_of(empty, "bronze.raw_t", tmp_path) == []


def test_what_a_view_reads_must_be_there(tables: dict[str, PublishedTable]) -> None:
    del tables["silver.raw_t_excluded"]
    with pytest.raises(ReleaseError, match=r"silver\.t is a view over silver\.raw_t_excluded"):
        rows_sql("silver.t", tables, lambda files: [file.path for file in files])
    with pytest.raises(ReleaseError, match="a view reads no table of its release"):
        published_view("select 1", {}, 1)


def test_bronze_is_listed_as_its_manifests_have_it() -> None:
    file = BronzeFile("url", 3, 40, (), f"shop/a|b.parquet|3|40|{SHA}", "/x/shop/a|b.parquet")
    assert key_of(file) == "shop/a|b.parquet"
    (listed,) = published_bronze(BronzeTable("t", (file,)), COLUMNS).files
    assert (listed.root, listed.path, listed.rows, listed.bytes) == ("bronze", key_of(file), 3, 40)
    foreign = BronzeFile("url", 3, 40, (), "a.parquet|3|40|-", "/x/a.parquet")
    with pytest.raises(BronzeError, match="its manifest gives no sha256"):
        published_bronze(BronzeTable("t", (foreign,)), COLUMNS)
