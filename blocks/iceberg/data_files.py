"""Parquet files as Iceberg lists them: what their footers tell of columns and values.

Belongs here: reading footers, and turning them into entries of a manifest. Does not belong here:
which files a table lists.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import DateType, IcebergType, IntegerType, LongType

from blocks.iceberg.lake_files import LakeFiles
from tasks.contracts.iceberg import FileFacts, ListedFile

_READERS = 8
_EPOCH = dt.date(1970, 1, 1)
# A list's items have a name of their own with some writers; Iceberg knows one.
_ITEM = re.compile(r"\.(?:list|bag|array)\.(?:item|array|array_element|element)\b")


class FooterError(Exception):
    """A file cannot be listed: it is not there, or not what its release says."""


@dataclass(frozen=True)
class Footer:
    """A file with its footer, and what planning needs to know of it."""

    file: ListedFile
    metadata: pq.FileMetaData
    facts: FileFacts


def read_footers(
    files: LakeFiles, listed: Sequence[ListedFile], constant: str | None = None
) -> dict[str, Footer]:
    """Return {location: footer}, with the value of the column `constant` where it has only one.

    Raises FooterError, and StorageError of an object store.
    """
    if all(files.local_path(file.location) is not None for file in listed[:1]):
        found = [_footer(files, file, constant) for file in listed]
    else:
        with ThreadPoolExecutor(_READERS) as pool:
            found = list(pool.map(lambda file: _footer(files, file, constant), listed))
    return {footer.file.location: footer for footer in found}


def data_files(
    footers: Sequence[Footer], schema: Schema, spec: PartitionSpec, properties: Mapping[str, str]
) -> list[DataFile]:
    """Return the manifest entries of files for a table with `schema`, `spec` and `properties`."""
    plan = compute_statistics_plan(schema, dict(properties))
    ids = parquet_path_to_id_mapping(schema)
    return [_data_file(footer, schema, spec, plan, ids) for footer in footers]


def _footer(files: LakeFiles, file: ListedFile, constant: str | None) -> Footer:
    try:
        local = files.local_path(file.location)
        if local is not None:
            metadata = pq.read_metadata(local)
        else:
            with files.new_input(file.location).open() as opened:
                metadata = pq.read_metadata(opened)
    except (FileNotFoundError, pa.ArrowException) as error:
        raise FooterError(f"{file.location}: {str(error).splitlines()[0][:200]}") from None
    if metadata.num_rows != file.rows:
        raise FooterError(f"{file.location}: has {metadata.num_rows} rows, not {file.rows}")
    schema = metadata.schema.to_arrow_schema()
    columns = {field.name: field.type for field in schema}
    return Footer(file, metadata, FileFacts(file.rows, columns, _constant(metadata, constant)))


def _constant(metadata: pq.FileMetaData, column: str | None) -> str | None:
    """Return the one text that all rows have in `column`, if the footer proves that they do."""
    found = set()
    for group in range(metadata.num_row_groups if column is not None else 0):
        chunks = metadata.row_group(group)
        for place in range(chunks.num_columns):
            chunk = chunks.column(place)
            if chunk.path_in_schema != column:
                continue
            about = chunk.statistics
            if about is None or not about.has_min_max or about.null_count or about.min != about.max:
                return None
            found.add(about.min)
    value = found.pop() if len(found) == 1 else None
    return value if isinstance(value, str) else None


def _data_file(
    footer: Footer,
    schema: Schema,
    spec: PartitionSpec,
    plan: dict[int, Any],
    ids: dict[str, int],
) -> DataFile:
    columns = footer.metadata.schema
    paths = {columns.column(place).path for place in range(len(columns))}
    known = ids
    if not paths <= ids.keys():
        by_item = {_ITEM.sub(".*", path): number for path, number in ids.items()}
        known = ids | {path: by_item[_ITEM.sub(".*", path)] for path in paths - ids.keys()}
    statistics = data_file_statistics_from_parquet_metadata(footer.metadata, plan, known)
    values = [
        partition_value(footer.file.value, schema.find_type(part.source_id), str(part.transform))
        for part in spec.fields
    ]
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=footer.file.location,
        file_format=FileFormat.PARQUET,
        partition=Record(*values),
        file_size_in_bytes=footer.file.bytes,
        sort_order_id=None,
        spec_id=spec.spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )


def partition_value(text: str | None, kind: IcebergType, transform: str) -> Any:
    """Return a partition's value as manifests hold it: days and months count from 1970.

    `text` is `2024-01-14`, `2024-01`, or the value itself.
    """
    if text is None:
        return None
    if transform == "month":
        year, month = text.split("-")[:2]
        return (int(year) - _EPOCH.year) * 12 + int(month) - 1
    if transform == "day" or isinstance(kind, DateType):
        return (dt.date.fromisoformat(text) - _EPOCH).days
    return int(text) if isinstance(kind, IntegerType | LongType) else text
