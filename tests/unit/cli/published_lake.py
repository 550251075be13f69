"""A small published lake to read from, and the application that reads it.

Belongs here: a lake of two releases, made of hand-written rows, and calling commands on it. Does
not belong here: expectations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import typer
from typer.testing import CliRunner

from blocks.lake import Lake, local_lake
from cli.reading import register
from tasks.audit import write_record
from tasks.contracts.errors import MedallionError
from tasks.contracts.release import PublishedTable, Release
from tasks.contracts.run_record import RunRecord, TableRecord
from tasks.published_files import describe_table
from tasks.releases import publish, read_current

FIRST_RUN, SECOND_RUN = "20240114T031500Z-aaaaaa", "20240115T031500Z-bbbbbb"
MONEY = pl.Decimal(18, 2)


@dataclass(frozen=True)
class Answer:
    """What a command did: its exit status, and both of its outputs."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> object:
        """Standard output as one JSON document."""
        return json.loads(self.out)


def call(lake: Lake, *arguments: str) -> Answer:
    """Run a command on `lake` as `medallion` would."""
    app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)
    register(app)
    result = CliRunner().invoke(app, [*arguments, "--lake", str(lake.control.url(""))])
    if isinstance(result.exception, MedallionError):
        error = result.exception
        return Answer(error.exit_status, result.stdout, f"{result.stderr}error: {error}\n")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def orders(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    """Silver orders: key, net total, clv bucket."""
    return pl.DataFrame(
        {
            "order_id": [row[0] for row in rows],
            "net_total": [Decimal(row[1]) for row in rows],
            "clv_bucket": [row[2] for row in rows],
            "order_dt": [date(2024, 1, 13)] * len(rows),
        },
        schema={
            "order_id": pl.String,
            "net_total": MONEY,
            "clv_bucket": pl.String,
            "order_dt": pl.Date,
        },
    )


def rejected(run_id: str, *rows: tuple[str, float | None, Sequence[str]]) -> pl.DataFrame:
    """Quarantined orders: key, net total as received, reasons."""
    return pl.DataFrame(
        {
            "order_id": [row[0] for row in rows],
            "net_total": [row[1] for row in rows],
            "source_file": ["orders/part-0000.parquet"] * len(rows),
            "quarantine_reasons": [list(row[2]) for row in rows],
            "run_id": [run_id] * len(rows),
        },
        schema={
            "order_id": pl.String,
            "net_total": pl.Float64,
            "source_file": pl.String,
            "quarantine_reasons": pl.List(pl.String),
            "run_id": pl.String,
        },
    )


def write_table(
    lake: Lake, root: str, run_id: str, name: str, *files: pl.DataFrame, key: tuple[str, ...] = ()
) -> PublishedTable:
    """Write a table of a run, a Parquet file a frame."""
    store = lake.store_of(root)
    prefix = f"{lake.run_prefix('ecommerce', run_id)}/{name}/"
    for number, rows in enumerate(files):
        path = Path(store.url(f"{prefix}part-{number}.parquet"))
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path)
    return describe_table(store, root, prefix, key=key)


def publish_run(
    lake: Lake, run_id: str, run_date: date, tables: dict[str, PublishedTable]
) -> Release:
    """Publish `tables` as the next release."""
    base = read_current(lake, "ecommerce")
    release = Release(
        pipeline="ecommerce",
        release=(base.release or 0) + 1,
        previous=base.release,
        run_id=run_id,
        run_date=run_date,
        created_at=datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC),
        spec_fingerprint="0" * 16,
        tables=tables,
    )
    return publish(lake, release, base)


def record_run(
    lake: Lake, run_id: str, run_date: date, release: int | None, error: str | None = None
) -> None:
    """Leave the record and the reports of a run."""
    write_record(
        lake,
        RunRecord(
            pipeline="ecommerce",
            run_id=run_id,
            run_date=run_date,
            environment="local",
            gate_mode="warn",
            status="failed" if release is None else "published",
            release=release,
            started_at=datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC),
            seconds=2.5,
            error=error,
            tables=(
                TableRecord(
                    table="silver.orders",
                    layer="silver",
                    rows_in=5,
                    rows_out=3,
                    quarantined=2,
                    superseded=0,
                ),
            ),
        ),
    )


def two_releases(root: Path) -> Lake:
    """Release 1 and 2 of ecommerce; the second takes gold over from the first."""
    lake = local_lake(root)
    first = {
        "silver.orders": write_table(
            lake,
            "silver",
            FIRST_RUN,
            "orders",
            orders(("o1", "10.10", "gold"), ("o2", "20.20", None)),
            orders(("o3", "0.05", "")),
            key=("order_id",),
        ),
        "silver.orders_quarantine": write_table(
            lake,
            "silver",
            FIRST_RUN,
            "orders_quarantine",
            rejected(
                FIRST_RUN,
                ("x1", None, ["missing_net_total", "customer_id_orphan"]),
                ("x2", -1.5, ["customer_id_orphan"]),
            ),
        ),
        "silver.returns_quarantine": write_table(
            lake, "silver", FIRST_RUN, "returns_quarantine", rejected(FIRST_RUN)
        ),
        "gold.fct_revenue": write_table(
            lake,
            "gold",
            FIRST_RUN,
            "fct_revenue",
            pl.DataFrame({"dt": [date(2024, 1, 13)], "orders_count": [3]}),
            key=("dt",),
        ),
    }
    publish_run(lake, FIRST_RUN, date(2024, 1, 13), first)
    record_run(lake, FIRST_RUN, date(2024, 1, 13), 1)
    second = dict(first)
    second["silver.orders"] = write_table(
        lake,
        "silver",
        SECOND_RUN,
        "orders",
        orders(("o1", "10.10", "gold"), ("o2", "20.20", None), ("o3", "0.05", ""), ("o4", "1", "")),
        key=("order_id",),
    )
    publish_run(lake, SECOND_RUN, date(2024, 1, 14), second)
    record_run(lake, SECOND_RUN, date(2024, 1, 14), 2)
    lake.silver.write(
        f"{lake.dimension_prefix('ecommerce')}/_latest.json",
        b'{"customers": "2024-01-14", "run_ids": {"customers": "20240115T031500Z-bbbbbb"}}',
    )
    return lake
