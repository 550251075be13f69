"""No row is lost, displaced, orphaned, multiplied or overwritten: small hand-made bronze.

Each publication is compared with the contract as a whole; what it is about is asserted by name.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from blocks.lake import local_lake
from tasks.landing import land
from tasks.source_files import find_sources
from tasks.specs import load_spec
from tests.e2e.test_ecommerce_contract import assert_equals_contract
from tests.integration.bronze_builder import write_bronze
from tests.integration.published import rows_of
from tests.oracle import differences
from tests.oracle import run as expected_tables
from tests.oracle.sample_rows import raw
from tests.oracle.schema import CONTRACTS
from tests.oracle.table import Row

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 14)
NEWER = "2024-01-14T02:00:00Z"
WHOLE = {"orders": "O", "shopping_carts": "K", "returns": "R"}


def published(lake: Path, name: str) -> list[Row]:
    columns, rows = rows_of(lake, name)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def by_key(lake: Path, table: str, key: str) -> Row:
    """The one silver row of a key."""
    (column, *_) = CONTRACTS[table].key
    (row,) = [row for row in published(lake, f"silver.{table}") if row[column] == key]
    return row


def quarantined(lake: Path, table: str, event: str) -> list[str]:
    """Why the one row of this event was rejected."""
    rows = published(lake, f"silver.{table}_quarantine")
    (reasons,) = [row["quarantine_reasons"] for row in rows if row["event_id"] == event]
    return reasons


def rows_with_a_null(table: str) -> list[Row]:
    """A row for each column that is NULL in it, with keys of their own and whole parents."""
    rows = []
    for number, column in enumerate(CONTRACTS[table].raw_columns, start=100):
        changes: Row = {"event_id": f"{table}-{column}"}
        for name, prefix in (("order_id", "O"), ("cart_id", "K"), ("return_id", "R")):
            if name in CONTRACTS[table].columns:
                changes[name] = f"{prefix}{number}"
        own = CONTRACTS[table].key[0]
        if table in WHOLE:
            # Not the key of the whole row: these are no copies of one another.
            changes[own] = f"{changes[own]}-null"
        elif own in ("customer_id", "product_id"):
            changes[own] = f"C{number}" if own == "customer_id" else number
        rows.append(raw(table, **{**changes, column: None}))
    return rows


def whole_rows(table: str, count: int) -> list[Row]:
    """Parents of whatever `rows_with_a_null` refers to."""
    return [
        raw(table, **{CONTRACTS[table].key[0]: f"{WHOLE[table]}{n}", "event_id": f"whole-{n}"})
        for n in range(100, 100 + count)
    ]


@pytest.fixture(scope="module")
def dirty(run_flow: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of rows with NULLs, newer copies that are invalid or orphaned, and orphans."""
    folder = tmp_path_factory.mktemp("dirty")
    tables: dict[str, list[Row]] = {name: [raw(name)] for name in CONTRACTS}
    for name in CONTRACTS:
        tables[name] += rows_with_a_null(name)
    for name in WHOLE:
        tables[name] += whole_rows(name, 30)
    older = {"ingestion_ts": "2024-01-12T02:00:00Z"}
    newer = {"ingestion_ts": NEWER}
    tables["customers"] += [
        raw("customers", customer_id="C2", first_name="Old", email="a@b.example", **older),
        raw("customers", customer_id="C2", email="nonsense", event_id="bad-email", **newer),
    ]
    tables["orders"] += [
        raw("orders", order_id="O2", net_total=7.0, **older),
        raw("orders", order_id="O2", net_total=99.0, event_id="net>gross", **newer),
        raw("orders", order_id="O3", net_total=8.0, **older),
        raw("orders", order_id="O3", customer_id="C404", event_id="newer-orphan", **newer),
        raw("orders", order_id="O4", net_total=None, event_id="null-1", **older),
        raw("orders", order_id="O5", net_total=5.0, event_id="first", **older),
        raw("orders", order_id="O5", net_total=6.0, event_id="second", **newer),
        raw("orders", order_id="O6", customer_id="GUEST-6"),
        raw("orders", order_id="O7", gross_total=float("nan"), event_id="nan"),
    ]
    tables["order_items"] += [
        raw("order_items", order_id="O2"),
        raw("order_items", order_id="O3"),
        raw("order_items", order_id="O4", event_id="child-of-quarantined"),
        raw("order_items", order_id="O2", product_id=404, event_id="no-product"),
        raw("order_items", order_id="O404", product_id=404, event_id="no-parents"),
    ]
    bronze = write_bronze(folder / "bronze", tables)
    outcome = run_flow(folder / "lake", DAY, bronze=bronze)
    assert outcome.record.status == "published"
    return folder


@pytest.fixture(scope="module")
def lake(dirty: Path) -> Path:
    return dirty / "lake"


def test_all_of_it_is_as_the_contract_says(dirty: Path) -> None:
    assert_equals_contract(dirty / "lake", dirty / "bronze", DAY)


@pytest.mark.parametrize("table", CONTRACTS)
def test_a_null_loses_no_row(dirty: Path, table: str) -> None:
    """Each row is in silver or in quarantine, for every column that may be NULL."""
    lake = dirty / "lake"
    events = {row["event_id"] for row in published(lake, f"silver.{table}")}
    rejected = {row["event_id"] for row in published(lake, f"silver.{table}_quarantine")}
    wanted = {row["event_id"] for row in rows_with_a_null(table)}
    assert wanted <= events | rejected
    assert not events & rejected - {None}


def test_a_newer_invalid_copy_does_not_displace_an_older_valid_one(lake: Path) -> None:
    assert by_key(lake, "customers", "C2")["first_name"] == "Old"
    assert quarantined(lake, "customers", "bad-email") == ["invalid_email"]
    assert str(by_key(lake, "orders", "O2")["net_total"]) == "7.00"
    assert quarantined(lake, "orders", "net>gross") == ["net_exceeds_gross"]


def test_a_newer_orphan_does_not_displace_an_older_copy_with_a_parent(lake: Path) -> None:
    row = by_key(lake, "orders", "O3")
    assert (row["customer_id"], str(row["net_total"])) == ("C1", "8.00")
    assert quarantined(lake, "orders", "newer-orphan") == ["customer_id_orphan"]


def test_the_newer_of_two_valid_copies_stands(lake: Path) -> None:
    assert by_key(lake, "orders", "O5")["event_id"] == "second"
    events = [row["event_id"] for row in published(lake, "silver.orders_quarantine")]
    assert "first" not in events


def test_no_orphan_is_in_silver(lake: Path) -> None:
    for table, contract in CONTRACTS.items():
        rows = published(lake, f"silver.{table}")
        for key in contract.foreign_keys:
            parent = CONTRACTS[key.parent].key[0]
            known = {row[parent] for row in published(lake, f"silver.{key.parent}")}
            values = {row[key.column] for row in rows}
            guests = {v for v in values if key.guests_exempt and v.startswith("GUEST-")}
            assert values - guests <= known, (table, key.column)


def test_children_of_a_quarantined_parent_wait_with_it(lake: Path) -> None:
    assert quarantined(lake, "orders", "null-1") == ["missing_net_total"]
    assert quarantined(lake, "orders", "nan") == ["missing_gross_total"]
    assert quarantined(lake, "order_items", "child-of-quarantined") == ["order_id_orphan"]
    assert quarantined(lake, "order_items", "no-product") == ["product_id_orphan"]
    both = ["order_id_orphan", "product_id_orphan"]
    assert quarantined(lake, "order_items", "no-parents") == both


SPEC = load_spec("ecommerce")
OLD_DAY = date(2024, 1, 10)


def deliver(lake: Path, folder: Path, tables: dict[str, list[Row]], day: date) -> None:
    store = local_lake(lake).bronze
    sources = find_sources(SPEC, write_bronze(folder, tables))
    landed_at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    land(store, "ecommerce/", SPEC, sources, landed_on=day, landed_at=landed_at)


def of_old_day(lake: Path) -> set[str]:
    return {r["order_id"] for r in published(lake, "silver.orders") if r["order_dt"] == OLD_DAY}


def test_late_rows_join_their_day_and_snapshots_multiply_nothing(
    run_flow: Callable, tmp_path: Path
) -> None:
    lake, bronze = tmp_path / "lake", tmp_path / "lake" / "bronze" / "ecommerce"
    first = {name: [raw(name)] for name in CONTRACTS if not name.startswith("return")}
    first["orders"] += [
        raw("orders", order_id=f"O{n}", event_id=f"e{n}", ingestion_ts="2024-01-11T02:00:00Z")
        for n in range(2, 6)
    ]
    deliver(lake, tmp_path / "first", first, DAY)
    run_flow(lake, DAY)
    assert_equals_contract(lake, bronze, DAY)
    old = {f"O{n}" for n in range(1, 6)}
    assert of_old_day(lake) == old

    late = [
        # One comes in the partition of its own day, one in a later, one corrects a known order.
        raw("orders", order_id="O6", event_id="l6", ingestion_ts="2024-01-11T09:00:00Z"),
        raw("orders", order_id="O7", event_id="l7", ingestion_ts="2024-01-15T02:00:00Z"),
        raw("orders", order_id="O2", net_total=1.0, ingestion_ts="2024-01-15T02:00:00Z"),
    ]
    items = [raw("order_items", order_id="O6"), raw("order_items", order_id="O7", quantity=3)]
    deliver(lake, tmp_path / "late", {"orders": late, "order_items": items}, date(2024, 1, 15))
    run_flow(lake, date(2024, 1, 15))
    assert of_old_day(lake) == old | {"O6", "O7"}
    assert str(by_key(lake, "orders", "O2")["net_total"]) == "1.00"

    last = date(2024, 1, 17)
    run_flow(lake, last)
    assert of_old_day(lake) == old | {"O6", "O7"}
    snapshots = {p.name for p in (lake / "silver/ecommerce/dims/product_catalog").iterdir()}
    assert snapshots == {"snapshot_dt=2024-01-14", "snapshot_dt=2024-01-17"}
    for name, table in expected_tables(bronze, last).items():
        if name.startswith(("enriched.", "gold.", "silver.")):
            columns, rows = rows_of(lake, name, drop=("run_id",))
            assert differences(table, columns, rows) == [], name
