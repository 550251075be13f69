"""What the clickstream contract says of a line, line by line and with nothing of the generator.

Belongs here: a slow and plain judge of sample files. Does not belong here: tests, and gold.
"""

import csv
import datetime as dt
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

COLUMNS = [
    "event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price",
    "user_id", "user_session",
]  # fmt: skip
NULLS = {"", "none", "null", "n/a", "nan"}
TYPES = {"view", "cart", "remove_from_cart", "purchase"}
TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(\.\d+)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?", re.IGNORECASE
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d+")


@dataclass
class Judged:
    """The fate of the lines of a sample: reasons of each quarantined one, and the rest."""

    rows: int
    reasons: Counter[tuple[str, ...]]
    superseded: int
    times: list[dt.datetime]  # of silver

    @property
    def quarantined(self) -> int:
        return sum(self.reasons.values())


def judge(folder: Path) -> Judged:
    """Judge all lines of all (uncompressed) files."""
    judged = Judged(0, Counter(), 0, [])
    keys = set()
    for path in sorted(folder.glob("*.csv")):
        for line in lines_of(path):
            judged.rows += 1
            reasons, key = judge_line(line)
            if reasons:
                judged.reasons[reasons] += 1
            elif key in keys:
                judged.superseded += 1
            else:
                keys.add(key)
                judged.times.append(key[0])
    return judged


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file but for its header, which is checked, and blank ones."""
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    header, *lines = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    assert header.decode().split(",") == COLUMNS
    return [line for line in lines if line.strip()]


def judge_line(line: bytes) -> tuple[tuple[str, ...], tuple]:
    """Reasons for quarantine, and the key of the event."""
    try:
        fields = next(csv.reader([line.decode()], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return ("malformed_line",), ()
    if len(fields) != len(COLUMNS):
        return ("malformed_line",), ()
    text = {
        column: None if field.strip(" \t\r\n").casefold() in NULLS else field.strip(" \t\r\n")
        for column, field in zip(COLUMNS, fields, strict=True)
    }
    typed, bad = dict(text), []
    for column, cast in (
        ("event_time", instant),
        ("product_id", whole),
        ("category_id", whole),
        ("price", number),
        ("user_id", whole),
    ):
        if text[column] is not None:
            typed[column] = cast(text[column])
            if typed[column] is None:
                bad.append(f"invalid_{column}")
    if bad:
        return tuple(bad), ()
    rules = {
        "valid_event_time": typed["event_time"] is not None,
        "valid_event_type": (text["event_type"] or "").lower() in TYPES,
        "valid_product_id": (typed["product_id"] or 0) > 0,
        "valid_user_id": (typed["user_id"] or 0) > 0,
        "valid_price": typed["price"] is not None and 0 <= typed["price"] <= 100_000,
        "valid_user_session": text["user_session"] is not None,
    }
    broken = tuple(rule for rule, holds in rules.items() if not holds)
    key = ("event_time", "user_id", "product_id", "user_session")
    return broken, (*(typed[column] for column in key), (text["event_type"] or "").lower())


def instant(text: str) -> dt.datetime | None:
    found = TIME.fullmatch(text)
    if found is None:
        return None
    day, minutes, seconds, fraction, zone = found.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{day} {minutes}{seconds or ':00'}")
    except ValueError:
        return None
    moment += dt.timedelta(microseconds=int((fraction or ".0")[1:7].ljust(6, "0")))
    if zone and zone[0] in "+-":
        hours, rest = int(zone[1:3]), zone[3:].removeprefix(":")
        offset = dt.timedelta(hours=hours, minutes=int(rest or 0))
        moment += -offset if zone[0] == "+" else offset
    return moment


def whole(text: str) -> int | None:
    value = int(text) if WHOLE.fullmatch(text) else None
    return value if value is not None and -(2**63) <= value < 2**63 else None


def number(text: str) -> float | None:
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None
