"""Landed lines against an independent reading of the contract, on dirty and on mangled files."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from blocks.stores.local import LocalStore
from tasks.landing import land
from tasks.sample_data.clickstream_files import write_clickstream
from tasks.source_files import find_sources
from tasks.specs import load_spec
from tests.oracle.clickstream_bronze import BRONZE_COLUMNS, read_events

SPEC = load_spec("clickstream")
DAY = date(2024, 1, 14)
MOMENT = datetime.fromisoformat("2024-01-14")

Rows = dict[tuple[str, int], tuple[Any, ...]]


def landed(source: Path, root: Path) -> Rows:
    store = LocalStore(root)
    land(
        store,
        "clickstream/",
        SPEC,
        find_sources(SPEC, source),
        landed_on=DAY,
        landed_at=datetime(2024, 1, 15, tzinfo=UTC),
    )
    files = [str(path) for path in root.rglob("*.parquet")]
    relation = duckdb.read_parquet(files, hive_partitioning=False, union_by_name=True)
    columns = ", ".join([*BRONZE_COLUMNS, "line_reasons"])
    found = relation.project(columns).fetchall()
    rows = {(row[-3], row[-2]): alike(row) for row in found}
    assert len(rows) == len(found)
    return rows


def expected(source: Path) -> Rows:
    return {
        (row["source_file"], row["source_line"]): alike(
            (*(row[column] for column in BRONZE_COLUMNS), list(row["reasons"]) or None)
        )
        for row in read_events(source, MOMENT)
    }


def alike(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """`row` whose stray bytes in the raw line are told in the same way."""
    raw = BRONZE_COLUMNS.index("raw_line")
    told = row[raw] and re.sub(r"(\\x[0-9a-f]{2}|\ufffd)+", "?", row[raw])
    return (*row[:raw], told, *row[raw + 1 :])


def test_a_dirty_sample_lands_as_the_contract_reads(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_clickstream(source, events=3000, days=3, seed=7, dirt=0.2, compression="gzip")
    rows = expected(source)
    assert len({str(row[-1]) for row in rows.values()}) > 4
    assert landed(source, tmp_path / "bronze") == rows


def test_mangled_files_land_as_the_contract_reads(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_clickstream(source, events=600, days=2, seed=8, dirt=0.1)
    generator = random.Random(5)
    for path in source.glob("*.csv"):
        header, _, body = path.read_bytes().partition(b"\n")
        path.write_bytes(header + b"\n" + mangled(body, generator))
    rows = expected(source)
    assert math.isclose(len(rows), 600, rel_tol=0.5)
    assert landed(source, tmp_path / "bronze") == rows


def mangled(body: bytes, generator: random.Random) -> bytes:
    """`body` with stray bytes at every other line, put in or written over."""
    signs = [b",", b'"', b'""', b"\n", b"\r\n", b"\r", b" ", b"\t", b"0", b"9", b"-", b".", b"e5"]
    signs += [b"\xc3\xa9", b"\xff", b"\x00", b"NULL", b"nan", b",,", b'","', b"Z", b"+02", b"\xa0"]
    content = bytearray(body)
    for _ in range(body.count(b"\n") // 2):
        place = generator.randrange(len(content))
        content[place : place + generator.randint(0, 3)] = generator.choice(signs)
    return bytes(content)
