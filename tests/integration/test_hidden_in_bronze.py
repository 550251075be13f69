"""Columns that landing masks or drops: bronze never has them, and rows still join."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from blocks.settings import Settings
from tasks.bronze_inventory import BronzeTable, take_inventory
from tasks.contracts.errors import CorrectionError
from tasks.contracts.pii import Pii
from tasks.contracts.pii_checks import pii_problems
from tasks.contracts.release import PublishedTable, Release
from tasks.contracts.run_record import GateResult
from tasks.correction_landing import Rejected, replay
from tasks.landing import NO_LIMITS, land
from tasks.masking import masked
from tasks.pii_gates import bronze_policy_gates
from tasks.published_views import rows_sql
from tasks.run_context import RunContext
from tasks.source_files import find_sources
from tasks.specs import load_spec
from tasks.staging import build_staged, describe_staged

POLICIES = (
    Pii(table="stg_customers", column="customer_id", kind="identifier", bronze="mask"),
    Pii(table="stg_orders", column="customer_id", kind="identifier", bronze="mask"),
    Pii(table="stg_customers", column="name", kind="name", bronze="mask"),
    Pii(table="stg_customers", column="email", kind="email", bronze="drop"),
)
SPEC = load_spec("retail").model_copy(update={"pii": POLICIES})
KEY = SecretStr("open sesame")
NOW = datetime(2024, 1, 18, tzinfo=UTC)
FILES = {
    "raw_customers.csv": "customer_id,name,email,segment,region,created_at\n"
    "C-1, Ana Lima ,ana@x.org,,SP,2024-01-02\nC-2,null,bo@x.org,vip,,2024-01-02\n",
    "raw_orders.csv": "order_id,customer_id,status,region,total_amount,created_at\n"
    "o1, C-1,completed,SP,5,2024-01-02\no2,C-9,completed,SP,5,2024-01-02\n",
    "raw_products.csv": "product_id,name,category,price\np,x,toys,1\n",
    "raw_order_items.csv": "order_item_id,order_id,product_id,quantity,unit_price\ni,o1,p,1,5\n",
}


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    settings = Settings(lake_root=tmp_path / "lake", threads=2)
    return RunContext(SPEC, "r", date(2024, 1, 18), NOW, settings, settings.lake(), mask_key=KEY)


def inventory_of(run: RunContext, tmp_path: Path, key: SecretStr | None) -> dict[str, BronzeTable]:
    spec = SPEC if key is not None else SPEC.model_copy(update={"pii": ()})
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
        sources = find_sources(spec, tmp_path / name)
        land(
            run.lake.bronze, "retail/", spec, sources, landed_on=NOW.date(), landed_at=NOW, key=key
        )
    return {t.name: take_inventory(run.lake, SPEC, t, run.run_date) for t in SPEC.tables}


def gates(run: RunContext, found: BronzeTable) -> dict[str, GateResult]:
    judged = bronze_policy_gates(run.spec, found, run.masked_by, "warn")
    return {gate.check: gate for gate in judged}


def mask(text: str) -> str:
    return str(masked(text, KEY.get_secret_value().encode()))


def test_a_view_over_masked_bronze_needs_no_key(run: RunContext, tmp_path: Path) -> None:
    assert list(pii_problems(SPEC)) == []
    inventory = inventory_of(run, tmp_path, KEY)
    for found in inventory.values():
        assert {gate.status for gate in gates(run, found).values()} <= {"pass"}
    (file,) = inventory["stg_customers"].files
    raw = pq.read_table(file.path).to_pylist()
    assert [row["name"] for row in raw] == [mask("Ana Lima"), None]
    assert [row["email"] for row in raw] == [None, None]
    assert file.hidden == ("customer_id=mask", "email=drop", "name=mask")
    made = build_staged(run, inventory, [table.name for table in SPEC.tables], {})
    shown: dict[str, list[tuple[object, ...]]] = {}
    for table in SPEC.tables:
        tables = describe_staged(run, table, inventory[table.name], made)
        sql = rows_sql(f"silver.{table.name}", tables, run.paths)
        assert KEY.get_secret_value() not in tables[f"silver.{table.name}"].model_dump_json()
        shown[table.name] = sorted(duckdb.sql(sql).fetchall())
    assert sorted(row[:3] for row in shown["stg_customers"]) == sorted(
        [(mask("C-1"), mask("Ana Lima"), None), (mask("C-2"), None, None)]
    )
    assert [row[:2] for row in shown["stg_orders"]] == [("o1", mask("C-1"))]  # o2 has no customer
    assert made.counts["stg_orders"].quarantined == 1


def test_clear_files_and_masks_by_another_key_are_told(run: RunContext, tmp_path: Path) -> None:
    clear = inventory_of(run, tmp_path, None)["stg_customers"]
    told = gates(run, clear)["bronze_policy"]
    assert told.status == "fail", "a view over clear values would publish them"
    assert "customer_id: mask, email: drop, name: mask" in told.message
    assert "land them anew" in told.message
    files = tuple(replace(f, hidden=("name=mask",), masked_by="other") for f in clear.files)
    assert gates(run, replace(clear, files=files))["landed_masks"].status == "fail"


def test_rows_cannot_be_corrected_without_what_quarantine_hides(
    run: RunContext, tmp_path: Path
) -> None:
    kinds = dict.fromkeys([*SPEC.bronze_columns("stg_customers"), "run_id"], "VARCHAR")
    table = PublishedTable(
        columns={**kinds, "quarantine_reasons": "VARCHAR[]"}, rows=0, bytes=0, files=()
    )
    quarantine = "silver.raw_customers_quarantine"
    release = Release(
        pipeline="retail",
        release=1,
        previous=None,
        run_id="r",
        run_date=run.run_date,
        created_at=NOW,
        spec_fingerprint="s",
        tables={quarantine: table},
    )
    rejected = Rejected(run.lake, SPEC, release, "stg_customers", quarantine)
    with pytest.raises(CorrectionError, match="does not show customer_id, email, name"):
        replay(rejected, tmp_path / "x.csv", corrected_by="me", landed_at=NOW, limits=NO_LIMITS)
