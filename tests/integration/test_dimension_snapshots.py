"""Dimension snapshots over several days: when they are taken, and when they may be shown."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from flows.dimensions import refresh_dimensions
from flows.run import RunFailedError
from tasks.contracts.errors import GateError
from tasks.dimensions import dimension_gates
from tasks.specs import load_spec
from tests.integration.bronze_builder import write_bronze
from tests.integration.published import release_document, rows_of
from tests.oracle.sample_rows import raw
from tests.oracle.schema import CONTRACTS

CUSTOMERS = next(d for d in load_spec("ecommerce").dimensions if d.name == "customers")


def bronze_of(folder: Path, customers: int) -> Path:
    """A shop with a row of each table, and so many customers."""
    tables = {name: [raw(name)] for name in CONTRACTS}
    tables["customers"] = [raw("customers", customer_id=f"C{n}") for n in range(1, customers + 1)]
    return write_bronze(folder, tables)


def pointer(lake: Path) -> dict:
    return json.loads((lake / "silver" / "ecommerce" / "dims" / "_latest.json").read_text())


def day(number: int) -> date:
    return date(2024, 1, number)


def judged(**changes: int | None) -> dict[str, str]:
    figures = {"rows": 100, "distinct_keys": 100, "null_keys": 0, "previous": 100, **changes}
    return {g.check: g.status for g in dimension_gates(CUSTOMERS, mode="warn", **figures)}


@pytest.mark.parametrize(
    ("changes", "breached"),
    [
        ({}, set()),
        ({"previous": None}, set()),
        ({"rows": 90, "distinct_keys": 90}, set()),
        ({"rows": 89, "distinct_keys": 89}, {"share_of_previous"}),
        ({"distinct_keys": 99}, {"pk_uniqueness"}),
        ({"null_keys": 1}, {"pk_not_null"}),
        ({"rows": 0, "distinct_keys": 0, "previous": None}, {"not_empty"}),
    ],
)
def test_the_quality_gate(changes: dict, breached: set[str]) -> None:
    assert {check for check, status in judged(**changes).items() if status != "pass"} == breached


@pytest.mark.slow
def test_a_snapshot_is_taken_when_it_is_due(prefect_api: None, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    few, more = bronze_of(tmp_path / "few", 20), bronze_of(tmp_path / "more", 21)

    def refresh(number: int, bronze: Path) -> dict[str, date]:
        return refresh_dimensions(
            "ecommerce", run_date=day(number), lake=str(lake), bronze=str(bronze)
        )

    assert refresh(14, few) == {"customers": day(14), "product_catalog": day(14)}
    first = pointer(lake)
    assert (first["customers"], first["product_catalog"]) == ("2024-01-14", "2024-01-14")
    assert set(first["run_ids"]) == {"customers", "product_catalog"}
    assert set(first) == {"customers", "product_catalog", "run_ids"}
    assert not (lake / "ecommerce" / "_latest.json").exists()

    assert refresh(14, few) == {"customers": day(14), "product_catalog": day(14)}
    assert refresh(15, few) == {"customers": day(14), "product_catalog": day(14)}
    assert pointer(lake) == first

    assert refresh(15, more) == {"customers": day(15), "product_catalog": day(14)}
    second = pointer(lake)
    assert second["run_ids"]["customers"] != first["run_ids"]["customers"]
    assert second["run_ids"]["product_catalog"] == first["run_ids"]["product_catalog"]

    assert refresh(17, more) == {"customers": day(17), "product_catalog": day(17)}
    assert refresh(13, more) == {"customers": day(13), "product_catalog": day(13)}
    assert pointer(lake)["customers"] == "2024-01-13"
    folders = sorted(p.name for p in (lake / "silver/ecommerce/dims/customers").iterdir())
    assert folders == [f"snapshot_dt=2024-01-{n}" for n in (13, 14, 15, 17)]
    for folder in folders:
        manifest = json.loads(
            (lake / "silver/ecommerce/dims/customers" / folder / "_MANIFEST.json").read_text()
        )
        assert manifest["table"]["rows"] == (20 if folder.endswith("14") else 21)


@pytest.mark.slow
def test_a_snapshot_that_shrank_leaves_the_old_one_current(
    run_flow: Callable, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    full, shrunk = bronze_of(tmp_path / "full", 20), bronze_of(tmp_path / "shrunk", 17)
    run_flow(lake, day(14), bronze=full)
    before = pointer(lake)

    with pytest.raises(RunFailedError) as caught:
        run_flow(lake, day(15), bronze=shrunk, gates="strict")
    assert type(caught.value.__cause__) is GateError
    assert "17 rows after 20" in str(caught.value.__cause__)
    assert caught.value.record.stages[-1].stage == "dimensions"
    assert pointer(lake) == before
    assert release_document(lake)["release"] == 1

    record = run_flow(lake, day(15), bronze=shrunk, gates="warn").record
    breaches = {(g.layer, g.table, g.check, g.status) for g in record.gates if g.layer == "dims"}
    assert ("dims", "customers", "share_of_previous", "warn") in breaches
    assert pointer(lake)["customers"] == "2024-01-14"
    assert pointer(lake)["run_ids"]["customers"] == before["run_ids"]["customers"]
    document = release_document(lake)
    assert document["release"] == 2
    assert document["tables"]["dims.customers"]["rows"] == 20
    assert document["tables"]["silver.customers"]["rows"] == 17
    columns, rows = rows_of(lake, "dims.customers")
    assert columns[-1] == "snapshot_dt"
    assert {row[-1] for row in rows} == {day(14)}
