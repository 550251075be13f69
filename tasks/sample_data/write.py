"""Putting a sample on a local disk, as Parquet with manifests or as plain CSV or JSON lines.

Belongs here: file formats, folders and manifests. Does not belong here: what the rows are.
"""

import datetime as dt
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from tasks.contracts.manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest, ManifestFile
from tasks.sample_data.ecommerce import TABLES, Partition, sample_days
from tasks.sample_data.plan import DEFAULT_FIRST_DAY, SamplePlan

FileFormat = Literal["parquet", "csv", "jsonl"]
FILE_FORMATS: tuple[FileFormat, ...] = ("parquet", "csv", "jsonl")


@dataclass(frozen=True)
class SampleSummary:
    """What was written: rows by table (0 for an empty one), files, bytes, and the days covered."""

    rows: dict[str, int]
    files: int
    bytes: int
    first_day: dt.date
    last_day: dt.date

    @property
    def total_rows(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def write_sample(
    out: Path,
    *,
    orders: int,
    days: int,
    seed: int = 0,
    dirt: float = 0.02,
    first_day: dt.date = DEFAULT_FIRST_DAY,
    file_format: FileFormat = "parquet",
    only_days: range | None = None,
) -> SampleSummary:
    """Write `<out>/<table>/<partition column>=<value>/part-0000.<format>` for the plan's days.

    Parquet partitions also get a `_MANIFEST.json`, last. With `only_days` just those are written
    (0 is the first; it may go beyond `days`, as a further delivery of the same shop, and then
    every other argument has to stay the same). A file that exists is replaced. Raises ValueError
    for impossible sizes, days or formats.
    """
    if file_format not in FILE_FORMATS:
        raise ValueError(f"file_format must be one of {', '.join(FILE_FORMATS)}: {file_format!r}")
    plan = SamplePlan(orders, days, seed, dirt, first_day)
    covered = range(plan.days) if only_days is None else only_days
    if not covered:
        raise ValueError("only_days holds no day")
    rows = dict.fromkeys(TABLES, 0)
    files = size = 0
    for part in sample_days(plan, covered):
        size += _write_partition(out, part, file_format)
        files += 1
        rows[part.table] += part.rows.height
    return SampleSummary(
        rows, files, size, plan.date_of(covered.start), plan.date_of(covered.stop - 1)
    )


def _write_partition(out: Path, part: Partition, file_format: FileFormat) -> int:
    """Write one partition's file, and its manifest; return the bytes of the file."""
    content = _encoded(part.rows, file_format)
    path = out / part.table / part.folder / f"part-0000.{file_format}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if file_format == "parquet":
        digest = hashlib.sha256(content).hexdigest()
        listed = ManifestFile(
            path=path.relative_to(out).as_posix(),
            rows=part.rows.height,
            checksum=digest,
            sha256=digest,
            bytes=len(content),
        )
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            table=part.table,
            batch_id=part.batch_id,
            partition=part.folder,
            files=(listed,),
            total_rows=part.rows.height,
            created_at=part.exported_at,
        )
        document = json.dumps(manifest.model_dump(exclude_none=True), indent=2)
        (path.parent / MANIFEST_NAME).write_text(document + "\n", encoding="utf-8")
    return len(content)


def _encoded(rows: pl.DataFrame, file_format: FileFormat) -> bytes:
    buffer = io.BytesIO()
    if file_format == "parquet":
        rows.write_parquet(buffer, compression="snappy", statistics=False)
    elif file_format == "csv":
        rows.write_csv(buffer)
    else:
        rows.write_ndjson(buffer)
    return buffer.getvalue()
