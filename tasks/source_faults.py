"""Where a text file is broken, found after the engine has refused it, and what to do about it.

Belongs here: the search for the first faulty line, in words for people. Does not belong here:
reading rows of files that are whole; that is the engine's, which is far faster.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.source_files import SourceFormat


def fault_of(path: Path, file_format: SourceFormat, error: Exception | str) -> str:
    """Describe the first fault of the text file `path` with its line; else what `error` says."""
    found = _encoding_fault(path)
    if found is None and file_format == "jsonl":
        found = _jsonl_fault(path)
    if found is None and file_format == "csv":
        found = _csv_fault(path) or _line_ending_fault(path)
    return found or f"cannot be read as {file_format} ({str(error).splitlines()[0]})"


def _encoding_fault(path: Path) -> str | None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return f"line {number} is no UTF-8 text (byte 0x{byte:02x}); save the file as UTF-8"
    return None


def _jsonl_fault(path: Path) -> str | None:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line, object_pairs_hook=_without_twins)
            except json.JSONDecodeError as error:
                problem = f"{error.msg} at character {error.pos + 1}"
                return f"line {number} is no JSON ({problem}); each line must be one object"
            except ValueError as error:
                return f"line {number}: {error}"
            except RecursionError:
                return f"line {number} is nested too deeply"
            if not isinstance(value, dict):
                return f"line {number} is {_kind(value)}; each line must be one JSON object"
    return None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twin = next((key for key in keys if keys.count(key) > 1), None)
    if twin is not None:
        raise ValueError(f"the key '{twin}' occurs twice in one object; keep one of them")
    return dict(pairs)


def _kind(value: object) -> str:
    return {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )


def _csv_fault(path: Path) -> str | None:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        begin, width = 1, 0
        rows: Iterator[list[str]] = iter(reader)
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                endless = "end of data" in str(error) or "field limit" in str(error)
                what = "is never closed" if endless else "stands inside a field"
                return f"line {begin}: a quote {what}; quote fields whole, double quotes in them"
            if row is None:
                return None
            width = width or len(row)
            if row and len(row) != width:
                return (
                    f"line {begin} has {len(row)} fields, the header has {width}; "
                    "quote fields that hold commas"
                )
            begin = reader.line_num + 1


def _line_ending_fault(path: Path) -> str | None:
    first: bytes | None = None
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            ending = b"\r\n" if line.endswith(b"\r\n") else b"\n"
            first = first or ending
            if ending != first and line.endswith(b"\n"):
                return (
                    f"line {number} does not end as the lines before it; use one kind of line end"
                )
    return None
