"""Quarantined rows as a file that a person corrects: every value a text, as it was received.

Belongs here: which columns such a file has, and queries for its rows. Does not belong here: writing
the file (`cli/quarantining.py`), or what becomes of it (`corrections.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import duckdb

from tasks.contracts.errors import CorrectionError
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec, Table
from tasks.corrected_rows import row_id
from tasks.landing_sql import identifier
from tasks.quarantine_rows import REASONS_COLUMN
from tasks.release_views import select, view_name

ROW_COLUMN = "quarantine_row"
_BETWEEN_REASONS = "; "


@dataclass(frozen=True)
class ExportedTable:
    """A quarantine whose rows are exported: `columns` are those of bronze, audit columns last."""

    table: Table
    quarantine: str
    types: dict[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.types)

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of the file."""
        return (ROW_COLUMN, REASONS_COLUMN, *self.types)


@dataclass(frozen=True)
class ExportedRow:
    """A rejected row: what it is known by, why it was rejected, and its values as texts."""

    row: str
    reasons: tuple[str, ...]
    values: dict[str, str | None]

    def texts(self) -> dict[str, str | None]:
        """Return the row as it stands in the file."""
        return {ROW_COLUMN: self.row, REASONS_COLUMN: joined(self.reasons), **self.values}


def joined(reasons: Sequence[str]) -> str:
    """Return several reasons as one text."""
    return _BETWEEN_REASONS.join(reasons)


def exported_table(spec: Spec, release: Release, table: str, quarantine: str) -> ExportedTable:
    """Describe `quarantine` of silver `table` (`silver.orders`) as it is exported.

    Raises CorrectionError when the release does not hold what the specification calls for.
    """
    name = table.removeprefix("silver.")
    entry = next((t for t in spec.tables if t.name == name), None)
    if entry is None:
        raise CorrectionError(f"{table}: is not in the specification of {spec.pipeline} any more")
    if entry.landing == "records":
        raise CorrectionError(
            f"{table}: is made of whole records, in which no row stands in the place of another; "
            "land a file with what is corrected"
        )
    held = release.tables[quarantine].columns
    absent = [column for column in spec.bronze_columns(name) if column not in held]
    if absent:
        raise CorrectionError(
            f"{quarantine}: release {release.release} has no column '{absent[0]}', which is "
            "specified; run the pipeline first"
        )
    return ExportedTable(entry, quarantine, {c: held[c] for c in spec.bronze_columns(name)})


def exported_rows(
    connection: duckdb.DuckDBPyConnection,
    export: ExportedTable,
    *,
    reason: str | None = None,
    rows: Collection[str] | None = None,
) -> Iterator[ExportedRow]:
    """Yield the rows, each once, in the same order every time; rows that are equal are one.

    With `reason` those that broke it, with `rows` those that are known by one of these.
    """
    condition, parameters = "true", dict[str, object]()
    if reason is not None:
        condition, parameters = f"list_contains({REASONS_COLUMN}, $reason)", {"reason": reason}
    if rows is not None:
        condition, parameters = f"{ROW_COLUMN} in (select unnest($rows))", {"rows": list(rows)}
    texts = ", ".join(f"cast({identifier(c)} as varchar) as {identifier(c)}" for c in export.types)
    order = ", ".join(identifier(c) for c in (*export.table.audit_columns, ROW_COLUMN))
    found = select(
        connection,
        f"select distinct {ROW_COLUMN}, {REASONS_COLUMN}, {texts} from ("  # noqa: S608 - quoted
        f"select *, {row_id(export.types)} as {ROW_COLUMN} from {view_name(export.quarantine)}"
        f") as rejected where {condition} order by {order}",
        parameters,
    )
    for known_by, reasons, *values in found.rows:
        yield ExportedRow(known_by, tuple(reasons), dict(zip(export.types, values, strict=True)))
