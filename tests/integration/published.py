"""Reading what a run has published, the way a stranger would: pointer, release, listed files."""

import json
from pathlib import Path

import duckdb


def release_document(lake: Path, number: int | None = None, pipeline: str = "ecommerce") -> dict:
    """Return the current release's document, or that of `number`."""
    if number is None:
        number = json.loads((lake / pipeline / "_latest.json").read_text())["release"]
    return json.loads((lake / pipeline / "_releases" / f"{number}.json").read_text())


def files_of(lake: Path, table: dict) -> list[str]:
    """Return the listed files of a table."""
    return [str(lake / file["root"] / file["path"]) for file in table["files"]]


def rows_of(
    lake: Path, name: str, *, drop: tuple[str, ...] = (), pipeline: str = "ecommerce"
) -> tuple[list[str], list[tuple]]:
    """Return columns and rows of a published table of the current release."""
    files = files_of(lake, release_document(lake, pipeline=pipeline)["tables"][name])
    found = duckdb.sql(f"select * from read_parquet({files}, hive_partitioning = false)")
    kept = [column for column in found.columns if column not in drop]
    selected = found.project(", ".join(kept))
    return selected.columns, selected.fetchall()


def content(
    lake: Path,
    number: int | None = None,
    pipeline: str = "ecommerce",
    *,
    drop: tuple[str, ...] = ("run_id",),
) -> dict[str, list[tuple]]:
    """Return every table's rows, sorted, without the run's name: what `same content` means."""
    tables = release_document(lake, number, pipeline)["tables"]
    result = {}
    for name, table in tables.items():
        files = files_of(lake, table)
        found = duckdb.sql(f"select * from read_parquet({files}, hive_partitioning = false)")
        kept = [column for column in found.columns if column not in drop]
        result[name] = sorted(found.project(", ".join(kept)).fetchall(), key=repr)
    return result
