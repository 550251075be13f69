"""Changes of a table, staged in a transaction of pyiceberg.

Belongs here: columns, partitions, tags and forgotten snapshots. Does not belong here: the files
(`replacing.py`), and which change is due (`tasks/iceberg_plan.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyiceberg.io.pyarrow import _ConvertToIcebergWithoutIDs, visit_pyarrow
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Transaction
from pyiceberg.table.update import SetCurrentSchemaUpdate
from pyiceberg.table.update.snapshot import ExpireSnapshots, ManageSnapshots
from pyiceberg.transforms import DayTransform, IdentityTransform, MonthTransform, Transform
from pyiceberg.types import IcebergType, NestedField

from tasks.contracts.iceberg import Cut, SchemaChange

TAG = "release-"
TRANSFORMS: dict[str, Transform[Any, Any]] = {
    "identity": IdentityTransform(),
    "day": DayTransform(),
    "month": MonthTransform(),
}


def _iceberg_type(kind: pa.DataType) -> IcebergType:
    return fields_of({"column": kind})[0].field_type


def fields_of(columns: Mapping[str, pa.DataType]) -> list[NestedField]:
    """Return the fields of columns, without ids."""
    found = visit_pyarrow(
        pa.schema([pa.field(name, kind) for name, kind in columns.items()]),
        _ConvertToIcebergWithoutIDs(),
    )
    assert isinstance(found, Schema)
    return list(found.fields)


def spec_of(schema: Schema, cut: Cut | None) -> PartitionSpec:
    """Return how a table with `schema` is partitioned."""
    if cut is None:
        return PartitionSpec()
    return PartitionSpec(
        PartitionField(
            source_id=schema.find_field(cut.column).field_id,
            field_id=PARTITION_FIELD_ID_START,
            transform=TRANSFORMS[cut.by],
            name=_field_name(cut),
        )
    )


def _field_name(cut: Cut) -> str:
    return cut.column if cut.by == "identity" else f"{cut.column}_{cut.by}"


def recut(transaction: Transaction, cut: Cut | None) -> None:
    """Partition what comes from now on by `cut`."""
    with transaction.update_spec() as update:
        for field in transaction.table_metadata.spec().fields:
            update.remove_field(field.name)
        if cut is not None:
            update.add_field(cut.column, TRANSFORMS[cut.by], _field_name(cut))


def change_columns(transaction: Transaction, change: SchemaChange) -> None:
    """Add, widen and drop columns, or go back to an earlier schema."""
    if change.back_to is not None:
        back_to(transaction, change.back_to)
        return
    if change.is_none:
        return
    with transaction.update_schema(allow_incompatible_changes=True) as update:
        for name in change.dropped:
            update.delete_column((name,))
        for name, kind in change.widened.items():
            update.update_column((name,), _iceberg_type(kind))
        for name, kind in change.added.items():
            update.add_column((name,), _iceberg_type(kind))


def back_to(transaction: Transaction, schema_id: int) -> None:
    """Make an earlier schema the current one."""
    if transaction.table_metadata.current_schema_id != schema_id:
        transaction._apply((SetCurrentSchemaUpdate(schema_id=schema_id),))


def tag(transaction: Transaction, release: int, snapshot: int) -> None:
    """Let the tag of `release` name a snapshot."""
    ManageSnapshots(transaction).create_tag(snapshot, f"{TAG}{release}").commit()


def forget(transaction: Transaction, tags: Sequence[int], snapshots: Sequence[int]) -> None:
    """Remove tags, and then those of `snapshots` that nothing names."""
    if tags:
        managing = ManageSnapshots(transaction)
        for number in tags:
            managing.remove_tag(f"{TAG}{number}")
        managing.commit()
    protected = {ref.snapshot_id for ref in transaction.table_metadata.refs.values()}
    going = [number for number in snapshots if number not in protected]
    if going:
        ExpireSnapshots(transaction).by_ids(going).commit()
