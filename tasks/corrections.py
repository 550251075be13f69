"""What a person has corrected: rows of an edited file beside the rejected rows that they name.

Belongs here: reading such a file and comparing it, row by row. Does not belong here: what is
exported (`quarantine_export.py`), and landing the corrections (`correction_landing.py`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.contracts.errors import CorrectionError
from tasks.contracts.names import did_you_mean
from tasks.quarantine_export import (
    ROW_COLUMN,
    ExportedRow,
    ExportedTable,
    joined,
)
from tasks.quarantine_rows import REASONS_COLUMN

_MOST_PROBLEMS = 10
_AGAIN = "export the rows again and change values only"


@dataclass(frozen=True)
class EditedRow:
    """A row of the file. `place` says where in it, for errors."""

    place: str
    texts: dict[str, str | None]

    @property
    def row(self) -> str:
        return self.texts[ROW_COLUMN] or ""


@dataclass(frozen=True)
class CorrectedValues:
    """A rejected row and its values as they are to be; `changed` are the columns that differ."""

    place: str
    before: ExportedRow
    values: dict[str, str | None]
    changed: tuple[str, ...]


def read_edited(content: bytes, name: str, export: ExportedTable) -> list[EditedRow]:
    """Read an edited export, JSON or CSV, whichever it is.

    Raises CorrectionError when it is neither, has other columns, or has no row.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorrectionError(f"{name}: is no UTF-8 text; save the file as UTF-8") from error
    if not text.strip():
        raise CorrectionError(f"{name}: is empty; {_AGAIN}")
    rows = _json_rows(text, name) if text.lstrip().startswith(("{", "[")) else _csv_rows(text, name)
    for place, found in rows:
        _check_columns(place, list(found), export)
    if not rows:
        raise CorrectionError(f"{name}: has no row; nothing is corrected")
    seen: dict[str, str] = {}
    edited = [EditedRow(place, texts) for place, texts in rows]
    for row in edited:
        before = seen.setdefault(row.row, row.place)
        if before is not row.place:
            raise CorrectionError(f"{row.place}: corrects {row.row} as {before} does; leave one")
    return edited


def compare(
    edited: Sequence[EditedRow], rejected: Mapping[str, ExportedRow], export: ExportedTable
) -> list[CorrectedValues]:
    """Return the rows in which a value differs from the rejected one, in the order of the file.

    Raises CorrectionError that lists rows which are not `rejected`, and audit columns that were
    changed.
    """
    problems: list[str] = []
    corrected = []
    for row in edited:
        before = rejected.get(row.row)
        if before is None:
            problems.append(
                f"{row.place}: {row.row or 'no row'} is not in {export.quarantine}: it never was, "
                "or it was accepted or corrected since"
            )
            continue
        values, changed = {}, []
        for column, told in row.texts.items():
            if column == ROW_COLUMN:
                continue
            was = before.texts()[column]
            if (told or "") == (was or ""):  # CSV tells no empty text from NULL
                if column != REASONS_COLUMN:
                    values[column] = was
            elif column == REASONS_COLUMN or column in export.table.audit_columns:
                problems.append(
                    f"{row.place}: column '{column}' was changed from {was!r} to {told!r}; it says "
                    "where the row comes from, leave it as exported"
                )
            else:
                values[column] = told or None
                changed.append(column)
        if changed:
            corrected.append(CorrectedValues(row.place, before, values, tuple(changed)))
    raise_problems(problems)
    return corrected


def raise_problems(problems: Sequence[str]) -> None:
    """Raise CorrectionError with the first of the problems, if there are any."""
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        rest = [f"and {more} more"] if more > 0 else []
        raise CorrectionError("\n  ".join([*problems[:_MOST_PROBLEMS], *rest]))


def _check_columns(place: str, found: Sequence[str], export: ExportedTable) -> None:
    wanted = export.header
    for column in found:
        if column not in wanted:
            hint = did_you_mean(column, wanted)
            raise CorrectionError(
                f"{place}: column '{column}' is not one of {export.quarantine}{hint}"
            )
    absent = [column for column in wanted if column not in found]
    if absent:
        raise CorrectionError(f"{place}: column '{absent[0]}' is missing; {_AGAIN}")


def _csv_rows(text: str, name: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[str, dict[str, str | None]]] = []
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise CorrectionError(f"{name} line 1: a column occurs twice; {_AGAIN}")
        for fields in reader:
            place = f"{name} line {reader.line_num}"
            if not fields:
                continue
            if len(fields) != len(header):
                raise CorrectionError(
                    f"{place}: has {len(fields)} fields, the header {len(header)}; quote values "
                    "that contain commas"
                )
            rows.append((place, dict(zip(header, fields, strict=True))))
    except csv.Error as error:
        raise CorrectionError(f"{name} line {reader.line_num}: {error}; {_AGAIN}") from error
    if not rows:
        _no_row(name, header)
    return rows


def _no_row(name: str, header: Iterable[str]) -> None:
    if ROW_COLUMN not in header:
        raise CorrectionError(f"{name}: is no export of quarantined rows; {_AGAIN}")


def _json_rows(text: str, name: str) -> list[tuple[str, dict[str, str | None]]]:
    try:
        # Numbers as they are written: what they mean is the column's to say.
        document = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise CorrectionError(f"{name} line {error.lineno}: {error.msg}; {_AGAIN}") from error
    listed = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise CorrectionError(f"{name}: has no list of objects named 'rows'; {_AGAIN}")
    return [
        (f"{name} row {number}", {column: _text(value) for column, value in row.items()})
        for number, row in enumerate(listed, start=1)
    ]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return joined(value)
    return json.dumps(value)
