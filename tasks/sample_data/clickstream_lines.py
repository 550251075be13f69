"""The events of a day as the bytes of CSV lines.

Belongs here: text of clean events, vectorised. Does not belong here: what happens in an event
(`clickstream_sessions.py`), dirt and files.
"""

import datetime as dt
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.sample_data.clickstream_catalog import catalog_of
from tasks.sample_data.clickstream_plan import SECONDS_PER_DAY, ClickstreamPlan
from tasks.sample_data.clickstream_sessions import EVENT_TYPES, DayEvents
from tasks.sample_data.plan import Ints

COLUMNS = (
    "event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price",
    "user_id", "user_session",
)  # fmt: skip
HEADER = ",".join(COLUMNS).encode()
_CHUNK_EVENTS = 200_000
_HEX = np.frombuffer(b"".join(b"%02x" % number for number in range(256)), dtype=np.uint8)


def day_chunks(
    plan: ClickstreamPlan, day: int, events: DayEvents
) -> Iterator[tuple[memoryview, Ints]]:
    """The lines of a day, some at a time: all their bytes, and where each begins (and the end).

    Each line ends with LF, and no field is quoted.
    """
    times = _times(plan.date_of(day))
    products = _products(plan, day)
    kinds = pl.Series([f"{kind}," for kind in EVENT_TYPES])
    sessions = _sessions(events)
    for low in range(0, len(events), _CHUNK_EVENTS):
        part = slice(low, low + _CHUNK_EVENTS)
        lines = pl.select(
            pl.concat_str(
                times.gather(events.second[part]),
                kinds.gather(events.kind[part]),
                products.gather(events.product[part]),
                sessions.gather(events.session[part]),
            )
        ).to_series()
        yield _contiguous(lines)


def _contiguous(lines: pl.Series) -> tuple[memoryview, Ints]:
    text = lines.rechunk().to_arrow()
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    _, offsets, data = text.cast(pa.large_string()).buffers()
    return memoryview(data), np.frombuffer(offsets, dtype=np.int64, count=len(lines) + 1)


def _times(date: dt.date) -> pl.Series:
    second = pl.Series(np.arange(SECONDS_PER_DAY)) * 1_000_000
    return second.cast(pl.Datetime("us")).dt.strftime(f"{date.isoformat()} %H:%M:%S UTC,")


def _products(plan: ClickstreamPlan, day: int) -> pl.Series:
    catalog = catalog_of(plan)
    cents = pl.Series(catalog.cents_on(day))
    return pl.select(
        pl.concat_str(
            pl.Series(catalog.fields()),
            (cents // 100).cast(pl.String),
            pl.lit("."),
            (cents % 100).cast(pl.String).str.zfill(2),
            pl.lit(","),
        )
    ).to_series()


def _sessions(events: DayEvents) -> pl.Series:
    """`user_id,user_session` and the end of the line, for each session."""
    identity = events.session_bytes.copy()
    identity[:, 6] = identity[:, 6] & 0x0F | 0x40  # a UUID of version 4, as far as it shows
    identity[:, 8] = identity[:, 8] & 0x3F | 0x80
    count = len(identity)
    digits = _HEX.reshape(256, 2)[identity].reshape(count, 32)
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    for low, high, shift in ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4)):
        text[:, low + shift : high + shift] = digits[:, low:high]
    ends = np.arange(count + 1, dtype=np.int64) * 36
    uuids = pa.LargeStringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(text))
    users = pl.Series(events.user_id).cast(pl.String)
    return pl.select(pl.concat_str(users, pl.lit(","), pl.Series(uuids), pl.lit("\n"))).to_series()
