"""A person's rows in a table, and the same table with others' values in the place of theirs.

Belongs here: pure functions of Arrow tables and lines of text. Does not belong here: what is looked
for (`subjects.py`), or reading and writing files (`subject_search.py`, `erasing.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.subjects import Subject

RAW_LINE, FILE_COLUMN, ID_COLUMN = "raw_line", "_file", "event_id"
_MASK_LENGTH = 64


@dataclass(frozen=True)
class Erased:
    """A table without the person; `hits` tells of each row whether it was another one before."""

    table: pa.Table
    hits: pa.BooleanArray

    @property
    def rows(self) -> int:
        return int(pc.sum(self.hits).as_py() or 0)


def own_rows(table: pa.Table, subject: Subject) -> pa.BooleanArray:
    """Tell of each row whether its key is the person's, as it is or as a mask."""
    wanted = pa.array([subject.value, subject.masked(subject.value)])
    own = pa.array([False] * table.num_rows)
    for name in table.column_names:
        if name in subject.columns.key:
            own = pc.or_(own, pc.fill_null(pc.is_in(_as_text(_column(table, name)), wanted), False))
    return own


def personal_values(table: pa.Table, subject: Subject) -> dict[str, str]:
    """Return {text: kind} of the person's own values in `table`, as they stand and as silver has.

    Masks are none: the value itself stands elsewhere.
    """
    own = own_rows(table, subject)
    found: dict[str, str] = {}
    for name, kind in subject.columns.kinds.items():
        if name not in table.column_names or not _is_text(table[name].type):
            continue
        for text in pc.unique(_column(table, name).filter(own)).to_pylist():
            if text is not None and text.strip() and len(text) < _MASK_LENGTH:
                found |= dict.fromkeys((text.strip(), text.strip().lower()), kind)
    return found


def shared_values(table: pa.Table, subject: Subject) -> set[str]:
    """Return which of the person's values stand in rows of another key, too."""
    names = [name for name in table.column_names if name in subject.columns.key]
    if not names:
        return set()
    told = pa.array([False] * table.num_rows)
    for name in names:
        told = pc.or_(told, pc.is_valid(_as_text(_column(table, name))))
    others = pc.and_(told, pc.invert(own_rows(table, subject)))
    found: set[str] = set()
    for name in subject.columns.kinds:
        if name in table.column_names and _is_text(table[name].type):
            texts = pc.unique(pc.utf8_trim_whitespace(_text(_column(table, name).filter(others))))
            found |= {t for t in texts.to_pylist() if t is not None and t in subject.values}
            lowered = {t.lower() for t in texts.to_pylist() if t is not None}
            found |= lowered & set(subject.values)
    return found


def without_person(
    table: pa.Table, subject: Subject, renamed: Mapping[str, Mapping[str, str]] | None = None
) -> Erased:
    """Return `table` with what stands in for the person; all other rows are as they were.

    `renamed` are {column: {value: new value}} of what points at rewritten files and rows.
    """
    own = own_rows(table, subject)
    has_own = bool(pc.any(own).as_py())
    hits = pa.array([False] * table.num_rows)
    result = table
    for position, field in enumerate(table.schema):
        before = table.column(position).combine_chunks()
        after = before
        if field.name in subject.columns.key:
            after = _new_keys(before, subject)
        elif field.name in subject.columns.kinds and has_own:
            after = _new_values(before, own, subject, subject.columns.kinds[field.name])
        if field.name in (renamed or {}):
            after = _looked_up(after, (renamed or {})[field.name])
        elif _is_text(field.type):
            after = _mentions(after, subject, own, line=field.name == RAW_LINE)
        if after is before:
            continue
        changed = pc.fill_null(pc.not_equal(before, after), False)
        changed = pc.or_(changed, pc.xor(pc.is_null(before), pc.is_null(after)))
        hits = pc.or_(hits, changed)
        result = result.set_column(position, field, after)
    if has_own and subject.columns.line_key:
        result = _new_ids(result, own, subject.columns.line_key)
    return Erased(result, hits)


def text_without_person(text: str, subject: Subject) -> str:
    """Return a text of any kind (JSON lines, a report) with the person's values replaced."""
    text = subject.in_text(text, line=True)
    for mask, new in subject.masks.items():
        text = text.replace(mask, new)
    return text


def _new_keys(column: pa.Array, subject: Subject) -> pa.Array:
    text = _as_text(column)
    new = pa.scalar(subject.new_key).cast(column.type)
    is_key = pc.fill_null(pc.equal(text, subject.value), False)
    after = pc.if_else(is_key, new, column) if pc.any(is_key).as_py() else column
    return _looked_up(after, subject.masks) if _is_text(column.type) else after


def _new_values(column: pa.Array, own: pa.BooleanArray, subject: Subject, kind: str) -> pa.Array:
    if not _is_text(column.type):  # a date of birth: nothing stands in for it
        return pc.if_else(own, pa.scalar(None, column.type), column)
    mask = pc.and_(own, pc.is_valid(column))
    texts = column.filter(mask).to_pylist()
    new = [subject.in_place_of(text, kind) if text.strip() else text for text in texts]
    return pc.replace_with_mask(column, mask, pa.array(new, column.type))


def _mentions(column: pa.Array, subject: Subject, own: pa.BooleanArray, *, line: bool) -> pa.Array:
    """Replace what tells of the person anywhere, and in their own rows all that is told of them."""
    column = _looked_up(column, subject.masks)
    needles = (*subject.needles, *(subject.line_needles if line else ()))
    found = _containing(column, needles)
    if found is not None:
        new = [subject.in_text(text, line=line) for text in column.filter(found).to_pylist()]
        column = pc.replace_with_mask(column, found, pa.array(new, column.type))
    mine = _containing(column, subject.own_needles)
    if mine is not None and pc.any(pc.and_(mine, own)).as_py():
        mine = pc.and_(mine, own)
        new = [subject.in_own_text(text) for text in column.filter(mine).to_pylist()]
        column = pc.replace_with_mask(column, mine, pa.array(new, column.type))
    return column


def _containing(column: pa.Array, needles: Iterable[str]) -> pa.BooleanArray | None:
    """Tell of each text whether it contains one of `needles`; None if none does."""
    found = None
    for needle in needles:
        has = pc.match_substring(column, needle, ignore_case=True)
        found = has if found is None else pc.or_(found, has)
    if found is None or not pc.any(found).as_py():
        return None
    return pc.fill_null(found, False)


def _looked_up(column: pa.Array, new: Mapping[str, str]) -> pa.Array:
    """Replace whole values."""
    if not new or not _is_text(column.type):
        return column
    found = pc.fill_null(pc.is_in(column, pa.array(list(new), column.type)), False)
    if not pc.any(found).as_py():
        return column
    values = [new[text] for text in column.filter(found).to_pylist()]
    return pc.replace_with_mask(column, found, pa.array(values, column.type))


def _new_ids(table: pa.Table, own: pa.BooleanArray, key: Sequence[str]) -> pa.Table:
    """Compute the ids of lines anew: they are hashes of the key, and could be guessed from it."""
    if ID_COLUMN not in table.column_names or not set(key) <= set(table.column_names):
        return table
    rows = table.select(list(key)).filter(own).to_pylist()
    ids = [line_id([row[name] for name in key]) for row in rows]
    position = table.column_names.index(ID_COLUMN)
    field = table.schema.field(position)
    column = table.column(position).combine_chunks()
    return table.set_column(
        position, field, pc.replace_with_mask(column, own, pa.array(ids, field.type))
    )


def line_id(values: Sequence[Any]) -> str:
    """Return the id of a line as silver's SQL computes it, of its key's values in their order."""
    texts = [_told(value) for value in values if value is not None]
    return hashlib.sha256("|".join(texts).encode()).hexdigest()


def _told(value: Any) -> str:
    if not isinstance(value, datetime):
        return str(value)
    return f"{value:%Y-%m-%d %H:%M:%S}" + (f".{value:%f}" if value.microsecond else "")


def _as_text(column: pa.Array) -> pa.Array:
    if not _is_text(column.type):
        if not pa.types.is_integer(column.type):
            return pa.nulls(len(column), pa.string())
        return column.cast(pa.string())
    return pc.utf8_trim_whitespace(_text(column))


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()


def _text(column: pa.Array) -> pa.Array:
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
