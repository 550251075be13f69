"""A tiny lake of one pipeline, published release by release, and looking at its Iceberg tables.

Belongs here: writing files and releases without a run, and reading what a catalog shows the way a
stranger does. Does not belong here: expectations.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from blocks.iceberg.opening import iceberg_tables
from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.release import PublishedTable, Release
from tasks.iceberg_sync import Synced, sync, table_location
from tasks.published_files import describe_table
from tasks.releases import list_releases, next_number, publish, read_current, roll_back

START = dt.datetime(2024, 1, 1, 3, tzinfo=dt.UTC)
TAG = "release-"


@dataclass
class Shop:
    """A pipeline in a lake, and the catalog that shows it."""

    settings: Settings
    pipeline: str
    tables: dict[str, PublishedTable] = field(default_factory=dict)
    bronze: dict[str, tuple[str, ...]] = field(default_factory=dict)
    runs: int = 0

    @property
    def lake(self) -> Lake:
        return self.settings.lake()

    def write(self, name: str, files: Mapping[str, pl.DataFrame], cut: str | None = None) -> None:
        """Write a table of the next release, {file's stem: rows}; it is a day where it is cut."""
        layer, _, table = name.partition(".")
        root = "gold" if layer == "gold" else "silver"
        store, prefix = self.lake.store_of(root), f"{self._run_prefix()}/{table}"
        folder = store.local_path(prefix)
        assert folder is not None
        folder.mkdir(parents=True, exist_ok=True)
        for stem, rows in files.items():
            rows.write_parquet(folder / (f"{stem}-0.parquet"))
        self.tables[name] = describe_table(store, root, prefix, partition_column=cut)

    def keep_with(self, name: str, files: Mapping[str, pl.DataFrame]) -> None:
        """Write files of a cut table, which take the place of those of the same days."""
        before = self.tables[name]
        self.write(name, files, before.partition_column)
        fresh = {str(f.partition): f for f in self.tables[name].files}
        kept = [f for f in before.files if str(f.partition) not in fresh]
        self.tables[name] = before.model_copy(update={"files": (*kept, *fresh.values())})

    def land(self, table: str, folder: str, rows: pl.DataFrame) -> None:
        """Put a file into bronze, as the next release has seen it."""
        key = f"{self.pipeline}/{table}/{folder}/batch_{self.runs}_{len(self.bronze)}.parquet"
        path = self.lake.bronze.local_path(key)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        identity = f"{key}|{rows.height}|{path.stat().st_size}|{content}"
        self.bronze[table] = (*self.bronze.get(table, ()), identity)

    def publish(self) -> Release:
        """Publish what was written and what was kept, as the next release."""
        base = read_current(self.lake, self.pipeline)
        release = Release(
            pipeline=self.pipeline,
            release=next_number(base),
            previous=base.release,
            run_id=self.run_id,
            run_date=START.date(),
            created_at=START + dt.timedelta(days=self.runs),
            spec_fingerprint="",
            bronze=self.bronze,
            tables=self.tables,
        )
        self.runs += 1
        return publish(self.lake, release, base)

    def roll_back(self, to: int) -> Release:
        """Publish an older release again."""
        self.runs += 1
        moment = START + dt.timedelta(days=self.runs)
        release = roll_back(self.lake, self.pipeline, to=to, created_at=moment)
        self.tables = dict(release.tables)
        return release

    def sync(self) -> Synced:
        return sync(self.lake, self.settings, self.pipeline)

    @property
    def run_id(self) -> str:
        return f"{START + dt.timedelta(days=self.runs):%Y%m%dT%H%M%SZ}-{self.runs:06d}"

    def _run_prefix(self) -> str:
        return self.lake.run_prefix(self.pipeline, self.run_id)

    def opened(self):
        """Open the catalog, as a context."""
        catalog = self.settings.catalog_of(self.lake)
        assert catalog is not None
        return iceberg_tables(catalog, self.lake, self.pipeline)

    def names(self) -> list[str]:
        with self.opened() as tables:
            return [".".join(name) for name in tables.names()]

    def shown(self) -> int | None:
        with self.opened() as tables:
            return tables.shown()

    def about(self, name: str) -> Any:
        """Return pyiceberg's table."""
        namespace, _, table = name.partition(".")
        with self.opened() as tables:
            loaded = tables.load(namespace, table, self.place(name))
            assert loaded is not None, name
            return loaded.table

    def place(self, name: str) -> str:
        """Where a table's metadata lies."""
        return table_location(self.lake, self.pipeline, *name.split("."))

    def rows(self, name: str, release: int | None = None) -> pa.Table:
        """Read a table as a stranger does, with pyiceberg's own files; by the tag of a release."""
        from pyiceberg.table import StaticTable

        table = StaticTable.from_metadata(self.about(name).metadata_location)
        scan = table.scan()
        return (scan.use_ref(f"{TAG}{release}") if release is not None else scan).to_arrow()

    def listed(self, name: str, release: int | None = None) -> set[str]:
        """The files of a table, in its own words, as paths."""
        scan = self.about(name).scan()
        scan = scan.use_ref(f"{TAG}{release}") if release is not None else scan
        return {task.file.file_path.removeprefix("file://") for task in scan.plan_files()}

    def files_of(self, release: int, name: str) -> set[str]:
        """The files with rows that a release lists of a table, as paths."""
        found = {r.release: r for r in list_releases(self.lake, self.pipeline)}[release]
        table = found.tables[name]
        return {self.lake.store_of(f.root).url(f.path) for f in table.files if f.rows}

    def is_shown(self, release: int) -> bool:
        """Tell whether every table of a release has its tag, and lists its files under it."""
        found = {r.release: r for r in list_releases(self.lake, self.pipeline)}[release]
        return all(self.listed(n, release) == self.files_of(release, n) for n in found.shown)


def parquet_files(lake: Path) -> set[str]:
    return {str(path) for path in lake.rglob("*.parquet")}
