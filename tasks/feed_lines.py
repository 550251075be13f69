"""JSON records as lines of bronze, and back: as received, with where and when they came.

Belongs here: pure functions between records and lines, and the folders that lines lie in. Does not
belong here: reading source files (`json_records.py`), or writing lines (`feed_landing.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from tasks.contracts.json_feed import (
    CONSTANT,
    INGESTED_AT,
    LAYER,
    MALFORMED,
    RECEIVED,
    RESERVED,
    SOURCE_FILE,
    SOURCE_ROW,
)
from tasks.json_records import JsonRecord
from tasks.json_text import BLANKS, canonical, compact, parsed, without_surrogates

NULL_TOKENS = ("", "none", "null", "n/a", "nan")
UNKNOWN = "unknown"
_LONGEST_FOLDER = 100


@dataclass(frozen=True)
class LineOrigin:
    """Where records come from. `constant` stands in for a missing field `split_by`."""

    source_file: str
    landed_on: date
    split_by: str | None = None
    constant: str | None = None


def bronze_line(record: JsonRecord, number: int, origin: LineOrigin) -> str:
    """Return a record as a line of bronze, without its end; `number` counts from 1."""
    added: dict[str, Any] = {
        INGESTED_AT: f"{origin.landed_on.isoformat()}T00:00:00Z",
        LAYER: "bronze",
        SOURCE_FILE: origin.source_file,
        SOURCE_ROW: number,
    }
    if origin.constant is not None:
        added[CONSTANT] = origin.constant
    if record.fields is None:
        return compact({MALFORMED: without_surrogates(record.text), **added})
    own = {name: value for name, value in record.fields.items() if name in RESERVED}
    if own:
        others = {name: value for name, value in record.fields.items() if name not in RESERVED}
        return compact({**others, **added, RECEIVED: own})
    members = record.text[:-1].rstrip(BLANKS)
    separator = "," if record.fields else ""
    return f"{members}{separator}{json.dumps(added, ensure_ascii=False)[1:]}"


def received(line: str) -> dict[str, Any] | None:
    """Return the record that a line of bronze holds, or None where it is malformed."""
    members = parsed(line)
    if MALFORMED in members:
        return None
    found = {name: value for name, value in members.items() if name not in RESERVED}
    return {**found, **members.get(RECEIVED, {})}


def scalar(value: Any) -> str | None:
    """Return a scalar as text: strings trimmed, null tokens, objects and arrays None."""
    if isinstance(value, str):
        text = value.strip(BLANKS)
        return None if text.lower() in NULL_TOKENS else text
    if value is None or isinstance(value, dict | list):
        return None
    return canonical(value)


def folder_of(record: JsonRecord, origin: LineOrigin) -> str:
    """Return the folder of bronze, below the table's, in which a record lies."""
    day = f"{INGESTED_AT}={origin.landed_on.isoformat()}"
    if origin.split_by is None:
        return day
    fields: Mapping[str, Any] = record.fields or {}
    value = scalar(fields.get(origin.split_by)) or scalar(origin.constant) or UNKNOWN
    return f"{_folder_name(value.lower())}/{day}"


def _folder_name(value: str) -> str:
    """Spell a value as the name of a folder: no other folder's, not hidden, not too long."""
    name = quote(without_surrogates(value), safe="").replace(".", "%2E")
    if name.startswith("_"):
        name = f"%5F{name[1:]}"
    if len(name) > _LONGEST_FOLDER:
        name = f"{name[:80]}-{hashlib.sha256(value.encode()).hexdigest()[:16]}"
    return name
