"""Random silver events of a small shop, and what later releases make of them.

Belongs here: rows as silver holds them, of so few users, sessions, products and moments that they
meet often. Does not belong here: what gold makes of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

Row = dict[str, Any]

SCHEMA: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "event_time": pl.Datetime("us"),
    "event_date": pl.Date(),
    "event_hour": pl.Int64(),
    "event_day_of_week": pl.Int64(),
    "event_type": pl.String(),
    "product_id": pl.Int64(),
    "category_id": pl.Int64(),
    "category_code": pl.String(),
    "category_l1": pl.String(),
    "category_l2": pl.String(),
    "category_l3": pl.String(),
    "brand": pl.String(),
    "price": pl.Decimal(18, 2),
    "user_id": pl.Int64(),
    "user_session": pl.String(),
    "source_file": pl.String(),
    "source_line": pl.Int64(),
    "processed_timestamp": pl.Datetime("us"),
}
FIRST_DAY = date(2019, 10, 3)
TYPES = ["view"] * 6 + ["cart"] * 2 + ["remove_from_cart"] + ["purchase"] * 3
CODES = ["unknown", "toys.kids", "toys", "pet.food.dry", "home"]
PRICES = ["0.00", "0.01", "19.99", "5.00", "33.33", "100000.00"]
KEY = ("event_time", "user_id", "product_id", "user_session", "event_type")


class Shop:
    """Silver by event, from one release to the next."""

    def __init__(self, seed: int, *, users: int = 14, products: int = 7) -> None:
        self.random = random.Random(seed)
        self.users, self.products = users, products
        self.events: dict[str, Row] = {}

    def rows(self) -> list[Row]:
        return list(self.events.values())

    def add(self, count: int, days: Iterable[int]) -> set[date]:
        """Add new events on some of the days, counted from the first; return their dates."""
        chosen = list(days)
        added = [self._event(self.random.choice(chosen)) for _ in range(count)]
        fresh = [row for row in added if row["event_id"] not in self.events]
        self.events |= {row["event_id"]: row for row in fresh}
        return {row["event_date"] for row in fresh}

    def alter(self, count: int, days: Iterable[int]) -> set[date]:
        """Give events of the days another category, brand and price; return their dates."""
        dates = {FIRST_DAY + timedelta(days=day) for day in days}
        among = [row for row in self.rows() if row["event_date"] in dates]
        altered = self.random.sample(among, min(count, len(among)))
        for row in altered:
            self.events[row["event_id"]] = row | self._description()
        return {row["event_date"] for row in altered}

    def _event(self, day: int) -> Row:
        choose = self.random.choice
        on = FIRST_DAY + timedelta(days=day)
        at = datetime.combine(on, time(choose([0, 9, 9, 23]), choose([0, 59])))
        user = self.random.randint(1, self.users)
        row: Row = {
            "event_time": at + timedelta(microseconds=choose([0, 0, 1])),
            "user_id": user,
            "product_id": self.random.randint(1, self.products),
            # Sessions cross midnight, and a few are shared by several users.
            "user_session": choose([f"{user}-a", f"{user}-b", f"{user}-{day // 3}", "shared"]),
            "event_type": choose(TYPES),
        }
        # Ids order events of one moment otherwise than any of their columns does.
        noise = random.Random("|".join(str(row[column]) for column in KEY))
        return row | {
            "event_id": f"{noise.getrandbits(64):016x}",
            "event_date": on,
            **self._description(),
        }

    def _description(self) -> Row:
        code = self.random.choice(CODES)
        return {
            "category_id": self.random.choice([None, 1, 2]),
            "category_code": code,
            "category_l1": code.partition(".")[0],
            "brand": self.random.choice(["unknown", "acme", "zen"]),
            "price": Decimal(self.random.choice(PRICES)),
        }


def write_days(rows: Iterable[Row], folder: Path) -> dict[date, list[Path]]:
    """Write a file a day, two where the day has many events; return them by day."""
    folder.mkdir()
    days: dict[date, list[Row]] = {}
    for row in rows:
        days.setdefault(row["event_date"], []).append(row)
    files: dict[date, list[Path]] = {}
    for day, events in days.items():
        halves = [events] if len(events) < 20 else [events[::2], events[1::2]]
        for number, half in enumerate(halves):
            path = folder / f"{day}-{number}.parquet"
            write(half, path)
            files.setdefault(day, []).append(path)
    return files


def write(rows: Iterable[Row], path: Path) -> None:
    """Write events with silver's columns and types."""
    kept = [{column: row.get(column) for column in SCHEMA} for row in rows]
    pl.DataFrame(kept, schema=SCHEMA, orient="row").write_parquet(path)
