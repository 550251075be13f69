"""Reading bronze as a run of a given day sees it.

Belongs here: partition folders, manifests, visibility by run date. Does not: typing of values.
"""

import json
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from .schema import CONTRACTS
from .table import Row

MANIFEST = "_MANIFEST.json"
DATE_PARTITIONS = ("ingest_dt", "signup_date")


def read_table(bronze: Path, table: str, run_date: date) -> list[Row]:
    """The raw rows of one table: one dict a row, exactly the contract's bronze columns.

    Only files that a manifest lists are read; a folder without a manifest holds nothing yet. A
    column that a file lacks is NULL.
    """
    contract = CONTRACTS[table]
    columns = contract.raw_columns
    rows: list[Row] = []
    for folder in sorted((bronze / table).glob(f"{contract.partition}=*")):
        manifest = folder / MANIFEST
        if not manifest.is_file() or not is_visible(folder.name, run_date):
            continue
        for entry in json.loads(manifest.read_text())["files"]:
            with pq.ParquetFile(_locate(bronze, folder, entry["path"])) as file:
                for raw in file.read().to_pylist():
                    rows.append({name: raw.get(name) for name in columns})
    return rows


def is_visible(partition: str, run_date: date) -> bool:
    """Whether `name=value` had arrived by the run date; a value that is no date always has."""
    name, _, value = partition.partition("=")
    if name not in DATE_PARTITIONS:
        return True
    try:
        return date.fromisoformat(value) <= run_date
    except ValueError:
        return True


def _locate(bronze: Path, folder: Path, listed: str) -> Path:
    """A listed path is relative to bronze; some writers give it relative to the folder."""
    from_root = bronze / listed
    return from_root if from_root.is_file() else folder / Path(listed).name
