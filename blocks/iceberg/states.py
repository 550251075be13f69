"""What pyiceberg says of a table, as planning takes it.

Belongs here: states of tables, in one direction. Does not belong here: changing a table
(`changes.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType

from blocks.iceberg.changes import TAG, TRANSFORMS
from tasks.contracts.iceberg import CONTENT_PROPERTY, Cut, SchemaState, TableState


def state_of(table: Table) -> TableState:
    """Return the state of a table."""
    metadata = table.metadata
    mapping = metadata.name_mapping()
    told = {name: field.field_id or 0 for field in mapping or () for name in field.names}
    schemas = [_schema_state(schema) for schema in metadata.schemas if _is_told(schema, told)]
    contents, schema_of = {}, {}
    for snapshot in metadata.snapshots:
        content = snapshot.summary[CONTENT_PROPERTY] if snapshot.summary is not None else None
        if content is not None:
            contents[snapshot.snapshot_id] = str(content)
            schema_of[snapshot.snapshot_id] = snapshot.schema_id or 0
    tags = {
        number: ref.snapshot_id
        for name, ref in metadata.refs.items()
        if ref.snapshot_ref_type == SnapshotRefType.TAG and (number := release_of(name)) is not None
    }
    current = table.current_snapshot()
    return TableState(
        location=metadata.location,
        schema=_schema_state(metadata.schema()),
        schemas=tuple(schemas),
        cut=_cut(metadata.schema(), metadata.spec()),
        current=current.snapshot_id if current is not None else None,
        tags=tags,
        contents=contents,
        schema_of=schema_of,
        names=frozenset(told),
    )


def release_of(tag: str) -> int | None:
    """Return the release that a tag names, if it is one of ours."""
    number = tag.removeprefix(TAG)
    return int(number) if tag.startswith(TAG) and number.isdigit() else None


def _schema_state(schema: Schema) -> SchemaState:
    columns = schema_to_pyarrow(schema, include_field_ids=False)
    return SchemaState(schema.schema_id, {field.name: _small(field.type) for field in columns})


def _small(kind: pa.DataType) -> pa.DataType:
    """The type as planning names it: pyiceberg says large where Iceberg knows no size."""
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(pa.field("element", _small(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _small(f.type)) for f in kind])
    return kind


def _is_told(schema: Schema, told: Mapping[str, int]) -> bool:
    return all(told.get(field.name) == field.field_id for field in schema.fields)


def _cut(schema: Schema, spec: PartitionSpec) -> Cut | None:
    kinds = {str(transform): by for by, transform in TRANSFORMS.items()}
    for field in spec.fields:
        column = schema.find_column_name(field.source_id)
        if column is not None and str(field.transform) in kinds:
            by = kinds[str(field.transform)]
            return Cut(column, by)  # type: ignore[arg-type]
    return None
