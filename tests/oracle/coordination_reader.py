"""Records of JSON files as the coordination contract reads them, plainly and all in memory.

Belongs here: files to records, the source mapping, canonical JSON, scalars, moments. Does not:
rules and rows of silver (`coordination_silver`).
"""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

from .values import NULL_TOKENS, TRIMMED, timestamp

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as all of the oracle
FEEDS = {
    "task_queues": ("tasks", None),
    "tasks": ("tasks", None),
    "metrics": ("metrics", "fleet"),
    "events": ("events", None),
}
NAMED = {
    "multiline/quality-metrics.jsonl": ("metrics", "quality"),
    "multiline/routing-decisions.jsonl": ("events", "routing_decision"),
    "events/routing-performance.jsonl": ("events", "routing_performance"),
}


@dataclass(frozen=True)
class Record:
    """A record of a file: `fields` of an object, or the `text` of what is malformed."""

    fields: dict[str, Any] | None
    text: str
    source_file: str
    source_row: int
    constant: str | None
    ingested_at: datetime

    @property
    def identity(self) -> str:
        """Canonical JSON of the record, or the malformed text."""
        return self.text if self.fields is None else canonical(self.fields)


def read_feeds(folder: Path, ingested_at: datetime) -> dict[str, list[Record]]:
    """The records of every file below `folder`, by feed."""
    found: dict[str, list[Record]] = {"tasks": [], "metrics": [], "events": []}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        feed, constant = NAMED.get(name) or FEEDS[name.split("/")[0]]
        content = path.read_bytes()
        if name.endswith(".gz"):
            content = gzip.decompress(content)
        for row, (fields, text) in enumerate(records(content, feed), start=1):
            found[feed].append(Record(fields, text, name, row, constant, ingested_at))
    return found


def records(content: bytes, feed: str) -> Iterator[tuple[dict[str, Any] | None, str]]:
    """The records of a file: (fields, "") of an object, (None, text) of what is malformed."""
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    decoder = json.JSONDecoder(parse_constant=_refused)
    at = 0
    while True:
        while at < len(text) and text[at] in TRIMMED:
            at += 1
        if at == len(text):
            return
        try:
            value, end = decoder.raw_decode(text, at)
            text[at:end].encode()  # a byte that is no UTF-8 is no JSON
        except ValueError:
            following = re.compile(r"^[{\[]", re.MULTILINE).search(text, at + 1)
            end = following.start() if following else len(text)
            yield None, _legible(text[at:end]).strip(TRIMMED)
            at = end
            continue
        at = end
        for element in _elements(value, feed):
            if isinstance(element, dict):
                yield element, ""
            else:
                yield None, canonical(element)


def _legible(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _refused(name: str) -> Any:
    raise ValueError(name)


def _elements(value: Any, feed: str) -> list[Any]:
    if isinstance(value, list):
        return value
    is_named = isinstance(value, dict) and ("id" in value or "task_id" in value)
    if isinstance(value, dict) and isinstance(value.get(feed), list) and not is_named:
        return list(value[feed])
    return [value]


def canonical(value: Any) -> str:
    """Keys sorted at every level, no blanks, non-ASCII as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def scalar(value: Any) -> str | None:
    """A scalar as text; NULL for null tokens, objects and arrays."""
    if isinstance(value, str):
        trimmed = value.strip(TRIMMED)
        return None if trimmed.casefold() in NULL_TOKENS else trimmed
    if value is None or isinstance(value, dict | list):
        return None
    return json.dumps(value)


def is_present(value: Any) -> bool:
    """Whether a field counts as there."""
    return isinstance(value, dict | list) or scalar(value) is not None


def moment(value: Any) -> datetime | None:
    """A moment in naive UTC: text, or epoch in seconds, milliseconds or microseconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _epoch(Decimal(repr(value))) if value >= 10**9 else None
    trimmed = scalar(value)
    if trimmed is None:
        return None
    if re.fullmatch(r"[0-9]{10,}", trimmed):
        return _epoch(Decimal(trimmed))
    return timestamp(trimmed)


def _epoch(number: Decimal) -> datetime | None:
    if not number.is_finite():
        return None
    factor = 10**6 if number < 10**11 else 10**3 if number < 10**14 else 1
    microseconds = int((number * factor).to_integral_value(ROUND_FLOOR))
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
