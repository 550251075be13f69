"""Gold of a release of a lake, made once more in the stand-in for BigQuery, and compared.

Belongs here: what tests of whole runs ask of the warehouse at their end. Does not belong here: the
runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.lake import local_lake
from blocks.warehouse_settings import BigQuerySettings
from tasks.contracts.release import WarehouseGold
from tasks.releases import publish, read_current, read_release
from tests.warehouse.stand_in import PROJECT, BigQueryStandIn


@dataclass(frozen=True)
class MovedGold:
    """A release whose gold is in the warehouse; `native` are the rows that the lake had of it."""

    server: BigQueryStandIn
    pipeline: str
    native: dict[str, list[tuple[Any, ...]]]

    def dataset(self, layer: str) -> str:
        return f"medallion_{self.pipeline}_{layer}"

    def disagreeing(self) -> list[str]:
        """The tables of gold whose rows are not those of the lake."""
        found = {
            name: self.server.rows(f"from {self.dataset('gold')}.{name.partition('.')[2]}")
            for name in self.native
        }
        return [
            name
            for name, rows in self.native.items()
            if comparable(rows) != comparable(found[name])
        ]


@contextmanager
def gold_moved_to_bigquery(pipeline: str, lake: Path) -> Iterator[MovedGold]:
    """Publish the lake's release once more without its gold, and let `sync` make it elsewhere."""
    from flows.sync import sync_warehouse

    opened = local_lake(lake)
    before = read_release(opened, pipeline)
    gold = {name: table for name, table in before.shown.items() if name.startswith("gold.")}
    native = {
        name: duckdb.read_parquet([str(opened.gold.path(f.path)) for f in table.files]).fetchall()
        for name, table in gold.items()
    }
    server = BigQueryStandIn()
    with server.serving() as address, pytest.MonkeyPatch.context() as patch:
        settings = BigQuerySettings(project=PROJECT, endpoint=f"http://{address}")
        said = {
            "load_warehouse": True,
            "gold_engine": "warehouse",
            "retries": 0,
            "sync_catalog": False,
            "warehouse": settings.model_dump(exclude_none=True),
        }
        patch.setattr("blocks.settings.read_environment", lambda *_: said)
        current = read_current(opened, pipeline)
        assert current.release is not None
        release = before.model_copy(
            update={
                "release": current.release + 1,
                "previous": current.release,
                "tables": {n: t for n, t in before.tables.items() if not n.startswith("gold.")},
                "warehouse_gold": WarehouseGold(
                    project=PROJECT,
                    dataset=settings.dataset(pipeline, "gold"),
                    tables=tuple(gold),
                ),
            }
        )
        publish(opened, release, current)
        summary = sync_warehouse(pipeline, lake=str(lake), environment="cloud")
        assert summary.gold == summary.release == release.release
        yield MovedGold(server, pipeline, native)


def comparable(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in one order; doubles to twelve digits, moments without their zone."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(each) for each in value]
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        if isinstance(value, float):
            return float(f"{value:.12g}")
        if isinstance(value, Decimal):
            return value.normalize()
        return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) else value

    return sorted((tuple(map(plain, row)) for row in rows), key=repr)
