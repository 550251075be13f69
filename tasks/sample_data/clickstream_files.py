"""Putting a clickstream sample on a local disk: one CSV file a day.

Belongs here: files, their names and compression, and what is odd about a whole file. Does not
belong here: events (`clickstream_sessions.py`) and dirty lines (`clickstream_dirt.py`).
"""

import datetime as dt
import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from tasks.sample_data.clickstream_dirt import MAX_DELAY_DAYS, Delayed, dirt_of, soiled
from tasks.sample_data.clickstream_kinds import (
    FILE_KINDS,
    Fate,
    Kind,
    Place,
    dirt_kinds,
)
from tasks.sample_data.clickstream_lines import HEADER, day_chunks
from tasks.sample_data.clickstream_plan import ClickstreamPlan
from tasks.sample_data.clickstream_sessions import day_events
from tasks.sample_data.plan import DEFAULT_FIRST_DAY
from tasks.sample_data.write import SampleSummary

_SUFFIXES: dict[str, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}
COMPRESSIONS: tuple[str, ...] = tuple(_SUFFIXES)
_GZIP_LEVEL = 4
_BOM = b"\xef\xbb\xbf"
_PERIOD = 3  # of the files that are odd as a whole


@dataclass(frozen=True)
class ClickstreamSummary(SampleSummary):
    """What was written; `rows` are lines that are neither header nor blank.

    `dirt` counts each kind as it stands in the files. Where the first day is among them and all
    are processed, rows = silver + quarantined + superseded, by these very numbers.
    """

    dirt: dict[str, int]
    quarantined: int
    superseded: int


class _Written:
    """What stands in the files so far."""

    def __init__(self) -> None:
        self.rows = 0
        self.kinds: Counter[str] = Counter()
        self.fates: Counter[Fate] = Counter()

    def add(self, kind: Kind) -> None:
        """Count one piece of dirt; one that is no clean line's successor is one row more."""
        self.kinds[kind.name] += 1
        self.fates[kind.fate] += 1
        self.rows += int(kind.place is not Place.INSTEAD and kind.fate is not Fate.NO_ROW)


class _Writable(Protocol):
    def write(self, data: bytes | memoryview, /) -> object: ...


def write_clickstream(
    folder: Path,
    *,
    events: int,
    days: int,
    seed: int = 0,
    dirt: float = 0.01,
    first_day: dt.date = DEFAULT_FIRST_DAY,
    compression: str = "none",
    only_days: range | None = None,
) -> ClickstreamSummary:
    """Write `<folder>/events-<date>.csv` for the plan's days, `.csv.gz` or `.csv.zst` compressed.

    The days have `events` clean events in all. Duplicates add rows, and what is late on the last
    days arrives after them, in files that are not written. With `only_days` just those are (0 is
    the first; it may go beyond `days`, as a further delivery of the same shop, and then every
    other argument has to stay the same). A file that exists is replaced. Raises ValueError for
    impossible sizes, days or compressions.
    """
    if compression not in _SUFFIXES:
        raise ValueError(f"compression must be one of {', '.join(_SUFFIXES)}: {compression!r}")
    plan = ClickstreamPlan(events, days, seed, dirt, first_day)
    covered = range(days) if only_days is None else only_days
    if not covered or covered.start < 0 or covered.step != 1:
        raise ValueError(f"only_days must be consecutive days, 0 or later: {covered}")
    folder.mkdir(parents=True, exist_ok=True)

    delayed: list[Delayed] = []
    for day in range(max(0, covered.start - MAX_DELAY_DAYS), covered.start):
        for _ in _content(plan, day, delayed, _Written()):
            pass  # what of it arrives later is all that counts
    written = _Written()
    size = 0
    for day in covered:
        path = folder / f"events-{plan.date_of(day)}.csv{_SUFFIXES[compression]}"
        with _opened(path, compression) as file:
            for piece in _content(plan, day, delayed, written):
                file.write(piece)
        size += path.stat().st_size
        delayed = [late for late in delayed if late.arrives > day]
    return ClickstreamSummary(
        rows={"events_raw": written.rows},
        files=len(covered),
        bytes=size,
        first_day=plan.date_of(covered.start),
        last_day=plan.date_of(covered.stop - 1),
        dirt={name: written.kinds[name] for name in dirt_kinds()},
        quarantined=written.fates[Fate.QUARANTINE],
        superseded=written.fates[Fate.SUPERSEDED],
    )


def _content(
    plan: ClickstreamPlan, day: int, delayed: list[Delayed], written: _Written
) -> Iterator[bytes | memoryview]:
    """A day's file in pieces. What arrives later is added to `delayed`."""
    bom, crlf, cut_short = FILE_KINDS
    odd = plan.dirt > 0
    if odd and day % _PERIOD == 0:
        written.kinds.update((bom, crlf))
        yield _BOM + HEADER + b"\r\n"
    else:
        yield HEADER + b"\n"

    arriving = sorted((late for late in delayed if late.arrives == day), key=lambda late: late.line)
    for late in arriving:
        written.add(late.kind)
        yield late.line  # of days before, so that the file is still in the order of time

    events = day_events(plan, day)
    written.rows += len(events)
    known = len(delayed)
    pieces = soiled(day, day_chunks(plan, day, events), dirt_of(plan, day), delayed, written.add)
    last: bytes | memoryview = b""
    for piece in pieces:
        if len(piece):
            yield last
            last = piece
    if odd and day % _PERIOD == 1:
        written.kinds[cut_short] += 1
        last = last[:-1]
    yield last
    written.rows -= sum(late.kind.place is Place.LATE for late in delayed[known:])


@contextmanager
def _opened(path: Path, compression: str) -> Iterator[_Writable]:
    """A file to write, whose bytes depend on its content alone."""
    if compression == "gzip":
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as file,  # neither name nor time
        ):
            yield file
    elif compression == "zstd":
        with pa.CompressedOutputStream(str(path), "zstd") as file:
            yield file
    else:
        with path.open("wb") as file:
            yield file
