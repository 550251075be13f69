"""Which Arrow types Iceberg tables can have, and how a column's type may grow.

Belongs here: pure decisions about types and schemas. Does not belong here: field ids, which the
catalog gives (`blocks/iceberg/`).

Left out is what no reader can be relied on to read back: times of day, durations, unsigned
integers, nanoseconds, zones other than UTC, columns of nulls only, and what is no plain column.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from tasks.contracts.iceberg import SchemaChange, TableState

_PLAIN = (
    pa.types.is_boolean,
    pa.types.is_int32,
    pa.types.is_int64,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_date32,
)
_SAID_AS = (
    (pa.int32(), (pa.types.is_int8, pa.types.is_int16)),
    (pa.string(), (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)),
    (pa.binary(), (pa.types.is_binary, pa.types.is_large_binary)),
)
_UTC = ("UTC", "+00:00", "Etc/UTC", "Z")


class UnfitTypeError(Exception):
    """A column's type is none that an Iceberg table can have."""


def table_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column of `kind` has in an Iceberg table; raises UnfitTypeError."""
    found: pa.DataType | None = None
    if any(fits(kind) for fits in _PLAIN):
        found = kind
    for plain, fitting in _SAID_AS:
        if any(fits(kind) for fits in fitting):
            found = plain
    if pa.types.is_decimal(kind):
        found = pa.decimal128(kind.precision, kind.scale)
    elif pa.types.is_timestamp(kind) and kind.unit != "ns" and (not kind.tz or kind.tz in _UTC):
        found = pa.timestamp("us", tz="UTC" if kind.tz else None)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        found = pa.list_(pa.field("element", table_type(kind.value_type)))
    elif pa.types.is_struct(kind):
        found = pa.struct([pa.field(f.name, table_type(f.type)) for f in kind])
    if found is None:
        raise UnfitTypeError(f"Iceberg tables hold no {str(kind).upper()}")
    return found


def table_columns(columns: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the columns of a table that lists files with `columns`; raises UnfitTypeError."""
    found = {}
    for name, kind in columns.items():
        try:
            found[name] = table_type(kind)
        except UnfitTypeError as error:
            raise UnfitTypeError(f"column {name}: {error}") from None
    return found


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the type that reads both, as Iceberg promotes types, or None."""
    if one.equals(other):
        return one
    for narrow, wide in ((one, other), (other, one)):
        if pa.types.is_int32(narrow) and pa.types.is_int64(wide):
            return wide
        if pa.types.is_float32(narrow) and pa.types.is_float64(wide):
            return wide
        if (
            pa.types.is_decimal(narrow)
            and pa.types.is_decimal(wide)
            and narrow.scale == wide.scale
            and narrow.precision < wide.precision
        ):
            return wide
    return None


def united(
    one: Mapping[str, pa.DataType], other: Mapping[str, pa.DataType]
) -> dict[str, pa.DataType] | None:
    """Return the columns of both with types that read both, or None where they contradict."""
    columns = dict(one)
    for name, kind in other.items():
        found = wider(columns[name], kind) if name in columns else kind
        if found is None:
            return None
        columns[name] = found
    return columns


def schema_change(
    wanted: Mapping[str, pa.DataType], state: TableState
) -> tuple[SchemaChange, bool]:
    """Return how a table comes to the columns `wanted`, and whether it forgets its history by it.

    It does where a name gets another field: files tell their columns by name, so that snapshots
    of before would be read with nulls in it.
    """
    current = state.schema
    if _same(wanted, current.columns):
        return SchemaChange(), False
    for schema in sorted(state.schemas, key=lambda each: -each.id):
        if _same(wanted, schema.columns):
            return SchemaChange(back_to=schema.id), False
    added, widened, dropped = {}, {}, [name for name in current.columns if name not in wanted]
    for name, kind in wanted.items():
        now = current.columns.get(name)
        if now is None:
            added[name] = kind
            continue
        grown = wider(now, kind)
        if grown is None:
            dropped.append(name)
            added[name] = kind
        elif not grown.equals(now):
            widened[name] = grown
    return SchemaChange(added, widened, tuple(dropped)), bool(added.keys() & state.names)


def _same(one: Mapping[str, pa.DataType], other: Mapping[str, pa.DataType]) -> bool:
    return one.keys() == other.keys() and all(
        (found := wider(kind, other[name])) is not None and found.equals(other[name])
        for name, kind in one.items()
    )
