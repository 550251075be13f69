"""The files that an erasure writes: as those before, without the person, under new names.

Belongs here: writing new files and describing them, and replacing texts about runs. Does not belong
here: which rows are the person's (`subject_rows.py`), or who lists the files (`erasing.py`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from blocks.lake import Lake
from tasks.bronze_manifests import place_file
from tasks.contracts.erasure import Layer, MovedFile, Place
from tasks.contracts.manifest import BATCH_FOLDER, CORRECTION_PREFIX, CORRECTS
from tasks.contracts.spec import Spec
from tasks.corrected_rows import row_id
from tasks.mirror import Mirror
from tasks.sql_text import read_parquet
from tasks.subject_rows import FILE_COLUMN, text_without_person, without_person
from tasks.subject_search import Found, LakeFiles, local_file, row_groups
from tasks.subjects import Subject

Renamed = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Prepared:
    """New files beside those that they will replace, and files that nobody lists."""

    moved: tuple[MovedFile, ...]
    doomed: tuple[Place, ...]


def prepare(
    mirror: Mirror,
    spec: Spec,
    listed: LakeFiles,
    subject: Subject,
    found: Sequence[Found],
    erasure: str,
) -> Prepared:
    """Write each file of `found` that is listed anew; reports and records are rewritten in place.

    Files of silver that name rewritten files of bronze are written anew, too.
    """
    told = [item for item in found if item.table is not None]
    doomed = tuple((item.layer, item.key) for item in found if item.table is None)
    bronze = [(i.layer, i.key) for i in told if i.layer == "bronze"]
    rows = _renamed_rows(mirror, spec, listed, subject, bronze)
    pointing = _corrections(listed, bronze) if rows else []
    moved = [
        _written_anew(mirror, place, subject, erasure, {CORRECTS: rows})
        for place in dict.fromkeys([*bronze, *pointing])
    ]
    files = {file.path: file.to for file in moved}
    located = _locating(spec, listed) if files else []
    others = [(i.layer, i.key) for i in told if i.layer != "bronze"]
    for place in dict.fromkeys([*others, *located]):
        renamed = {FILE_COLUMN: files} if place in located else {}
        moved.append(_written_anew(mirror, place, subject, erasure, renamed))
    _rewrite_texts(mirror.lake, spec, subject)
    if rows:
        _rewrite_corrections(mirror.lake, spec, rows)
    return Prepared(tuple(moved), doomed)


def new_name(key: str, erasure: str) -> str:
    """Return the key of the file that takes the place of `key`: beside it, and always the same."""
    folder, slash, name = key.rpartition("/")
    stem, dot, kind = name.rpartition(".")
    name_part, number = erasure[:8], erasure.rpartition("-")[2]
    return f"{folder}{slash}{stem}.e{name_part}{number}{dot}{kind}"


def _written_anew(
    mirror: Mirror, place: tuple[Layer, str], subject: Subject, erasure: str, renamed: Renamed
) -> MovedFile:
    layer, key = place
    source, store = local_file(mirror, layer, key), mirror.lake.store_of(layer)
    home = store.local_path(key)
    to = new_name(key, erasure)
    with TemporaryDirectory(
        prefix=".erasing-", dir=home.parent if home is not None else None
    ) as scratch:
        path = Path(scratch) / f"new{source.suffix}"
        if source.suffix == ".jsonl":
            rows = _write_lines(source, path, subject)
        else:
            rows = _write_parquet(source, path, subject, renamed)
        with path.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        size = path.stat().st_size
        place_file(store, path, to)
    return MovedFile(layer=layer, path=key, to=to, rows=rows, bytes=size, sha256=digest)


def _write_parquet(source: Path, path: Path, subject: Subject, renamed: Renamed) -> int:
    with pq.ParquetFile(source) as file:
        schema, metadata = file.schema_arrow, file.metadata
        codec = metadata.row_group(0).column(0).compression if metadata.num_row_groups else "SNAPPY"
    # Decimals as DuckDB writes them; names of columns alone, without Arrow's own schema.
    with pq.ParquetWriter(
        path,
        schema,
        compression=codec.lower() if codec != "UNCOMPRESSED" else "none",
        store_decimal_as_integer=True,
        store_schema=schema.metadata is not None,
    ) as writer:
        for part in row_groups(source):
            writer.write_table(without_person(part, subject, renamed).table)
    return int(metadata.num_rows)


def _write_lines(source: Path, path: Path, subject: Subject) -> int:
    count = 0
    with (
        source.open(encoding="utf-8", newline="") as lines,
        path.open("w", encoding="utf-8", newline="") as out,
    ):
        for line in lines:
            out.write(text_without_person(line, subject))
            count += 1
    return count


def _locating(spec: Spec, listed: LakeFiles) -> list[tuple[Layer, str]]:
    """Files of silver whose rows name files of bronze by their keys."""
    names = {f"silver.{t.excluded_name}" for t in spec.tables if t.silver_as == "view"}
    return [("silver", key) for (_, key), table in listed.tables.items() if table in names]


def _corrections(listed: LakeFiles, bronze: Sequence[Place]) -> list[tuple[Layer, str]]:
    """Further files of bronze whose rows name rows of others that they replace."""
    return [
        ("bronze", key)
        for key, held in listed.bronze.items()
        if (held.entry.batch_id or "").startswith(CORRECTION_PREFIX)
        and ("bronze", key) not in bronze
    ]


def _renamed_rows(
    mirror: Mirror, spec: Spec, listed: LakeFiles, subject: Subject, bronze: Sequence[Place]
) -> dict[str, str]:
    """Return {what a row of bronze is known by: what it is known by without the person}.

    Only of tables that have corrections: nobody else names rows.
    """
    corrected = {
        listed.tables["bronze", key]
        for key, held in listed.bronze.items()
        if (held.entry.batch_id or "").startswith(CORRECTION_PREFIX)
    }
    found: dict[str, str] = {}
    for table in spec.tables:
        if f"bronze.{table.bronze_name}" not in corrected or table.feed is not None:
            continue
        columns = list(spec.bronze_columns(table.name))
        for layer, key in bronze:
            if listed.tables[layer, key] == f"bronze.{table.bronze_name}":
                found |= _renamed_in(local_file(mirror, layer, key), columns, subject)
    return found


def _renamed_in(path: Path, columns: Sequence[str], subject: Subject) -> dict[str, str]:
    with duckdb.connect(config={"threads": 1}) as engine:
        names = engine.sql(f"select * from {read_parquet([str(path)])} limit 0").columns  # noqa: S608
        identified = row_id(name for name in columns if name in names)
        found: dict[str, str] = {}
        for part in row_groups(path):
            erased = without_person(part, subject)
            before, after = part.filter(erased.hits), erased.table.filter(erased.hits)
            ids = [
                [row[0] for row in engine.from_arrow(rows).project(identified).fetchall()]
                for rows in (before, after)
            ]
            found |= dict(zip(*ids, strict=True))
    return found


def _rewrite_corrections(lake: Lake, spec: Spec, rows: Mapping[str, str]) -> None:
    """Let the records of corrections name rows as they are now."""
    for table in spec.tables:
        for key in lake.bronze.list(f"{spec.pipeline}/{table.bronze_name}/{BATCH_FOLDER}/"):
            if not key.rpartition("/")[2].startswith(CORRECTION_PREFIX):
                continue
            before = text = lake.bronze.read(key).decode()
            for old, new in rows.items():
                text = text.replace(f'"{old}"', f'"{new}"')
            if text != before:
                lake.bronze.write(key, text.encode())


def _rewrite_texts(lake: Lake, spec: Spec, subject: Subject) -> None:
    """Take the person's values out of reports, records of runs and records of batches."""
    pipeline = spec.pipeline
    places = [
        (lake.control, lake.record_key(pipeline, "").rpartition("/")[0] + "/"),
        (lake.control, lake.reports_prefix(pipeline, "")),
        *(
            (lake.bronze, f"{pipeline}/{table.bronze_name}/{BATCH_FOLDER}/")
            for table in spec.tables
        ),
    ]
    for store, prefix in places:
        for key in store.list(prefix):
            content = store.read(key)
            new = _audit_rows(content, subject) if key.endswith(".parquet") else None
            if not key.endswith(".parquet"):
                text = content.decode("utf-8", errors="surrogateescape")
                new = text_without_person(text, subject).encode("utf-8", errors="surrogateescape")
            if new is not None and new != content:
                store.write(key, new)


def _audit_rows(content: bytes, subject: Subject) -> bytes | None:
    """Return the rows of an audit file without the person, if they are told of in it."""
    erased = without_person(pq.read_table(pa.BufferReader(content)), subject)
    if not erased.rows:
        return None
    written = io.BytesIO()
    pq.write_table(erased.table, written, compression="snappy")
    return written.getvalue()
