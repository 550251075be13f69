"""A stand-in for BigQuery, and loads of a lake into it.

Belongs here: servers and what opens them. Does not belong here: what is tried on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blocks.lake import local_lake
from blocks.warehouse_settings import BigQuerySettings, DuckDbSettings, WarehouseSettings
from blocks.warehouses.opening import open_warehouse
from tasks.mirror import Mirror
from tasks.specs import load_spec
from tasks.warehouse_gold import reconciled_tables
from tasks.warehouse_load import WarehouseLoad, begin_load, end_load, load_table
from tests.warehouse.stand_in import PROJECT, BigQueryStandIn

Load = Callable[..., WarehouseLoad]


@pytest.fixture
def bigquery() -> Iterator[tuple[BigQueryStandIn, BigQuerySettings]]:
    server = BigQueryStandIn()
    with server.serving() as address:
        yield server, BigQuerySettings(project=PROJECT, endpoint=f"http://{address}")


@pytest.fixture(params=["bigquery", "duckdb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> WarehouseSettings:
    """Each kind of warehouse."""
    if request.param == "bigquery":
        _, found = request.getfixturevalue("bigquery")
        return found
    return DuckDbSettings(database=str(tmp_path / "warehouse.duckdb"))


def opened(lake: Path, settings: WarehouseSettings, work: Path) -> WarehouseLoad:
    """A load of what is current in the ecommerce lake at `lake`."""
    found, spec = local_lake(lake), load_spec("ecommerce")
    return WarehouseLoad(
        open_warehouse(settings, "ecommerce"),
        found,
        Mirror(found),
        spec,
        run_id="test",
        work=work,
        reconciled=reconciled_tables(spec),
    )


def load_all(load: WarehouseLoad) -> list[str]:
    """Load as the flow does, one table after the other; return `table$partition` of each part."""
    parts = []
    while begin_load(load):
        for name, planned in load.tables.items():
            load_table(load, name)
            parts += [f"{name}${part.partition}" for part in planned.parts]
        end_load(load)
    return parts
