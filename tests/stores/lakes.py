"""Lakes in buckets: an environment for them, and what strangers read of them.

Belongs here: what several tests of whole runs need. Does not belong here: tests.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

from blocks.lake import Lake
from blocks.lake_places import LAYERS
from tasks.mirror import passing_mirror
from tasks.releases import read_release
from tests.stores.conftest import KEY_ID, SECRET, Backend


def environment(backend: Backend, folder: Path, name: str) -> dict[str, str]:
    """Write the file of an environment whose layers each have a bucket; return its variables."""
    lake = {layer: backend.root(layer) for layer in LAYERS}
    lake |= {"kind": backend.kind, "endpoint": f"http://{backend.server}"}
    if backend.kind == "s3":
        lake |= {"access_key_id": {"env": "SHOP_KEY_ID"}, "region": "us-east-1"}
        lake |= {"secret_access_key": {"env": "SHOP_SECRET"}}
    folder.mkdir(parents=True, exist_ok=True)
    document = {"lake": lake, "retry_delay_seconds": 0}
    (folder / f"{name}.yml").write_text(yaml.safe_dump(document))
    return {"SHOP_KEY_ID": KEY_ID, "SHOP_SECRET": SECRET}


def fill_bronze(lake: Lake, bronze: Path, pipeline: str = "ecommerce") -> None:
    """Put a folder of bronze where the lake's own lies."""
    for file in sorted(bronze.rglob("*")):
        if file.is_file():
            key = f"{lake.bronze_prefix(pipeline)}{file.relative_to(bronze).as_posix()}"
            lake.bronze.upload(file, key)


def content_of(lake: Lake, pipeline: str = "ecommerce") -> dict[str, list[tuple]]:
    """Return every table's rows, sorted, without the run's name, as `published.content` does."""
    result = {}
    with passing_mirror(lake) as mirror:
        for name, table in read_release(lake, pipeline).tables.items():
            files = mirror.paths(table.files)
            found = duckdb.sql(f"select * from read_parquet({files}, hive_partitioning = false)")
            kept = [column for column in found.columns if column != "run_id"]
            result[name] = sorted(found.project(", ".join(kept)).fetchall(), key=repr)
    return result
