"""Silver of the clickstream contract: standardise, validate, deduplicate, account, measure.

Belongs here: the rules, the order of those steps and the derived columns. Does not: reading lines
(`clickstream_bronze`), sums over events (`clickstream_gold`).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .clickstream_bronze import BRONZE_COLUMNS
from .table import Row, Table, table_of
from .values import lower_text, money, ratio, text

UNKNOWN = "unknown"
EVENT_TYPES = {"view", "cart", "remove_from_cart", "purchase"}
HIGHEST_PRICE = 100_000
KEY = ("event_time", "user_id", "product_id", "user_session", "event_type")

# A rule's truth: a NULL makes it not hold.
RULES: dict[str, Callable[[Row], bool]] = {
    "valid_event_time": lambda row: row["event_time"] is not None,
    "valid_event_type": lambda row: row["event_type"] in EVENT_TYPES,
    "valid_product_id": lambda row: row["product_id"] is not None and row["product_id"] > 0,
    "valid_user_id": lambda row: row["user_id"] is not None and row["user_id"] > 0,
    "valid_price": lambda row: row["price"] is not None and 0 <= row["price"] <= HIGHEST_PRICE,
    "valid_user_session": lambda row: row["user_session"] is not None,
}

SILVER_COLUMNS = [
    "event_id",
    "event_time",
    "event_date",
    "event_hour",
    "event_day_of_week",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "category_l1",
    "category_l2",
    "category_l3",
    "brand",
    "price",
    "user_id",
    "user_session",
    "source_file",
    "source_line",
    "processed_timestamp",
]
QUARANTINE_COLUMNS = [*BRONZE_COLUMNS, "quarantine_reasons"]  # run_id differs from run to run


@dataclass
class Events:
    """What became of the bronze events; `rows` are silver, `quarantined` are as received."""

    bronze: int = 0
    rows: list[Row] = field(default_factory=list)
    quarantined: list[Row] = field(default_factory=list)
    superseded: int = 0


def refine(bronze: Iterable[Row], processed_at: datetime) -> Events:
    """Validate every row, then keep the first of the valid ones of each key."""
    result = Events()
    firsts: dict[tuple[Any, ...], Row] = {}
    for raw in bronze:
        result.bronze += 1
        row = standardised(raw)
        reasons = raw["reasons"] or [name for name, holds in RULES.items() if not holds(row)]
        if reasons:
            result.quarantined.append({**raw, "quarantine_reasons": list(reasons)})
            continue
        key = tuple(row[column] for column in KEY)
        holder = firsts.setdefault(key, row)
        if holder is not row:
            result.superseded += 1
            if _place(row) < _place(holder):
                firsts[key] = row
    result.rows = [_derived(row, processed_at) for row in firsts.values()]
    return result


def standardised(raw: Row) -> Row:
    """The row with its strings trimmed, lower-cased where so marked, and null tokens as NULL."""
    return {
        **raw,
        "event_type": lower_text(raw["event_type"]),
        "brand": lower_text(raw["brand"]) or UNKNOWN,
        "category_code": text(raw["category_code"]) or UNKNOWN,
        "user_session": text(raw["user_session"]),
    }


def event_id(row: Row) -> str:
    """SHA-256 of the key's values as text."""
    values = [row[column] for column in KEY]
    # isoformat gives the six digits of a fraction only where it is not 0.
    texts = [v.isoformat(sep=" ") if isinstance(v, datetime) else str(v) for v in values]
    return hashlib.sha256("|".join(texts).encode()).hexdigest()


def levels(category_code: str) -> tuple[str, str | None, str | None]:
    """The first three parts between dots."""
    first, second, third = ([*category_code.split("."), "", ""])[:3]
    return first or UNKNOWN, second or None, third or None


def _place(row: Row) -> tuple[bytes, int]:
    return row["source_file"].encode(), row["source_line"]


def _derived(row: Row, processed_at: datetime) -> Row:
    moment: datetime = row["event_time"]
    first, second, third = levels(row["category_code"])
    return {
        **row,
        "event_id": event_id(row),
        "event_date": moment.date(),
        "event_hour": moment.hour,
        "event_day_of_week": moment.isoweekday() % 7 + 1,
        "category_l1": first,
        "category_l2": second,
        "category_l3": third,
        "price": money(row["price"]),
        "processed_timestamp": processed_at,
    }


def silver_tables(events: Events) -> dict[str, Table]:
    """`silver.events_cleaned`, and `silver.events_quarantine` without run_id."""
    place = ["source_file", "source_line"]
    return {
        "silver.events_cleaned": table_of(SILVER_COLUMNS, events.rows, ["event_id"]),
        "silver.events_quarantine": table_of(QUARANTINE_COLUMNS, events.quarantined, place),
    }


def accounting(events: Events) -> Table:
    """One row: table, bronze, rows, quarantined, superseded (counts)."""
    row = {
        "table": "events_cleaned",
        "bronze": events.bronze,
        "rows": len(events.rows),
        "quarantined": len(events.quarantined),
        "superseded": events.superseded,
    }
    return table_of(list(row), [row], ["table"])


def quality(events: Events) -> dict[str, float | None]:
    """The metrics of a run in percent: each broken rule, `duplicates`, and the overall `score`."""
    broken = Counter(name for row in events.quarantined for name in row["quarantine_reasons"])
    shares = {name: ratio(100 * count, events.bronze) for name, count in broken.items()}
    return {
        **shares,
        "duplicates": ratio(100 * events.superseded, events.bronze),
        "score": ratio(100 * len(events.rows), events.bronze - events.superseded),
    }
