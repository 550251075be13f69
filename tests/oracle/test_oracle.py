"""The oracle's own tests: values, validation, orphans, duplicates, reading of bronze.

Belongs here: silver and what is below it. Enriched and gold are in `test_oracle_enriched`.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from . import run, run_rows, values
from .bronze_reader import is_visible, read_table
from .sample_rows import RUN_DATE, raw, shop
from .schema import CONTRACTS
from .table import Row, Table

at = datetime.fromisoformat


def silver(bronze: dict[str, list[Row]], run_date: date = RUN_DATE) -> dict[str, Table]:
    return run_rows(bronze, run_date)


def only(table: Table) -> Row:
    (row,) = table.dicts()
    return row


def reasons(tables: dict[str, Table], name: str) -> list[list[str]]:
    return [row["quarantine_reasons"] for row in tables[f"silver.{name}_quarantine"].dicts()]


def counts(tables: dict[str, Table], name: str) -> tuple[int, ...]:
    return next(row[1:5] for row in tables["accounting"].rows if row[0] == name)


@pytest.mark.parametrize(
    ("raw_text", "expected"),
    [
        ("2024-01-05", at("2024-01-05T00:00:00")),
        ("2024-01-05 10:20", at("2024-01-05T10:20:00")),
        ("2024-01-05T10:20:30", at("2024-01-05T10:20:30")),
        ("2024-01-05t10:20:30z", at("2024-01-05T10:20:30")),
        ("2024-01-05T10:20:30 utc", at("2024-01-05T10:20:30")),
        ("2024-01-05T10:20UTC", at("2024-01-05T10:20:00")),
        ("2024-01-05T22:20:30-0600", at("2024-01-06T04:20:30")),
        ("2024-01-05T22:20:30 -06", at("2024-01-06T04:20:30")),
        ("2024-01-05T00:20:30+05:30", at("2024-01-04T18:50:30")),
        ("2024-01-05T10:20:30.5", at("2024-01-05T10:20:30.500000")),
        ("2024-01-05T10:20:30.1234569", at("2024-01-05T10:20:30.123456")),
        (" \t2024-02-29\r\n", at("2024-02-29T00:00:00")),
    ],
)
def test_timestamps_of_the_grammar_become_utc(raw_text: str, expected: datetime) -> None:
    assert values.timestamp(raw_text) == expected


@pytest.mark.parametrize(
    "raw_text",
    [
        "2023-02-29",
        "2024-13-01",
        "2024-1-05",
        "20240105",
        "2024-01-05Z",
        "2024-01-05T10",
        "2024-01-05T24:00",
        "2024-01-05T10:20:60",
        "2024-01-05T10:20:30.",
        "2024-01-05T10:20.5",
        "2024-01-05  10:20",
        "2024-01-05T10:20  Z",
        "2024-01-05T10:20+5",
        "2024-01-05T10:20+05:",
        "2024-01-05T10:20+24:00",
        "2024-01-05T10:20+01:60",
        "2024-01-05T10:20 CET",
        "2024-01-05T10:20:30,5",
        "2024/01/05",
        "٢024-01-05",
        "n/a",
        "",
        None,
        20240105,
    ],
)
def test_anything_else_is_no_timestamp(raw_text: Any) -> None:
    assert values.timestamp(raw_text) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1.005, "1.01"),
        (-1.005, "-1.01"),
        (2.675, "2.68"),
        (0.1 + 0.2, "0.30"),
        (1e-7, "0.00"),
        (3, "3.00"),
        (9999999999999998.0, "9999999999999998.00"),
    ],
)
def test_money_rounds_the_shortest_text_half_away_from_zero(number: float, expected: str) -> None:
    assert str(values.money(number)) == expected


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), float("-inf"), 1e16, -1e300, None, True, "3"]
)
def test_what_is_no_money_is_null(number: Any) -> None:
    assert values.money(number) is None


@pytest.mark.parametrize("token", ["", "  ", "None", "NULL", " n/A ", "NaN\n", None, 7])
def test_null_tokens_are_null(token: Any) -> None:
    assert values.text(token) is None


def test_strings_are_trimmed_of_four_characters_only() -> None:
    assert values.text(" \t\r\nA b\n") == "A b"
    assert values.text("\u00a0x\u00a0") == "\u00a0x\u00a0"
    assert values.lower_text("  Social Media ") == "social media"
    assert values.text("nullable") == "nullable"


def test_numbers_that_do_not_fit_are_null() -> None:
    assert values.integer(3.0) == 3
    assert [values.integer(v) for v in (3.5, float("nan"), 2**63, True)] == [None] * 4
    assert values.double(float("inf")) is None


def test_columns_are_typed_by_their_names() -> None:
    row = only(
        silver(shop(orders=[raw("orders", email=" A@B.co ", shipping_cost=1.005)]))["silver.orders"]
    )
    assert row["email"] == "a@b.co"
    assert row["shipping_cost"] == Decimal("1.01")
    assert row["order_date"] == at("2024-01-10T12:00:00")
    assert row["ingestion_ts"] == at("2024-01-13T02:00:00")
    assert list(row)[-3:] == ["source_file", "order_dt", "ingestion_dt"]


def test_the_catalog_has_one_date_and_return_items_that_of_their_return() -> None:
    tables = silver(
        shop(
            orders=[raw("orders")],
            returns=[raw("returns")],
            return_items=[raw("return_items")],
        )
    )
    assert tables["silver.product_catalog"].columns[-2:] == ["source_file", "ingestion_dt"]
    assert only(tables["silver.return_items"])["return_dt"] == date(2024, 1, 12)


@pytest.mark.parametrize(
    ("table", "changes", "expected"),
    [
        ("customers", {"email": "a@b"}, ["invalid_email"]),
        ("customers", {"email": "a@b..co"}, ["invalid_email"]),
        ("customers", {"email": "x a@b.co"}, ["invalid_email"]),
        (
            "customers",
            {"customer_id": " null", "signup_date": "soon"},
            ["missing_customer_id", "missing_signup_date"],
        ),
        ("product_catalog", {"product_id": 0}, ["invalid_product_id"]),
        ("product_catalog", {"unit_price": None}, ["missing_unit_price"]),
        (
            "product_catalog",
            {"unit_price": -1.0, "inventory_quantity": -1},
            ["negative_unit_price", "negative_inventory", "unit_price_below_cost"],
        ),
        ("orders", {"order_date": "2024-01-15"}, ["invalid_order_date"]),
        ("orders", {"net_total": 12.01}, ["net_exceeds_gross"]),
        ("orders", {"gross_total": float("nan")}, ["missing_gross_total"]),
        ("orders", {"total_discount_amount": -0.01}, ["negative_discount"]),
        ("order_items", {"quantity": 0}, ["invalid_quantity"]),
        ("order_items", {"discount_amount": -1.0}, ["negative_discount"]),
        ("shopping_carts", {"updated_at": "2024-01-10T09:59"}, ["updated_before_created"]),
        ("cart_items", {"cart_item_id": None}, ["invalid_cart_item_id"]),
        ("returns", {"refunded_amount": -1.0}, ["negative_refunded_amount"]),
        ("return_items", {"quantity_returned": None}, ["invalid_quantity_returned"]),
    ],
)
def test_rules(table: str, changes: Row, expected: list[str]) -> None:
    assert reasons(silver(shop(**{table: [raw(table, **changes)]})), table) == [expected]


def test_boundaries_that_hold() -> None:
    tables = silver(
        shop(
            customers=[raw("customers", email="A.B@c.d.Co"), raw("customers", customer_id="C2")],
            orders=[
                raw("orders", order_date="2024-01-14T23:59:59", net_total=12.0),
                raw("orders", order_id="O2", total_discount_amount=-0.004),
            ],
        )
    )
    assert counts(tables, "customers") == (2, 2, 0, 0)
    assert counts(tables, "orders") == (2, 2, 0, 0)


def test_quarantine_keeps_raw_values_and_every_copy() -> None:
    bad = raw("orders", order_id="  O1 ", net_total=float("-inf"))
    tables = silver(shop(orders=[bad, dict(bad)]))
    kept = tables["silver.orders_quarantine"].dicts()
    assert [row["order_id"] for row in kept] == ["  O1 ", "  O1 "]
    assert [row["quarantine_reasons"] for row in kept] == [["missing_net_total"]] * 2
    assert tables["silver.orders_quarantine"].columns == [
        *CONTRACTS["orders"].raw_columns,
        "quarantine_reasons",
    ]


def test_a_future_order_waits_until_its_day_has_come() -> None:
    bronze = shop(orders=[raw("orders", order_date="2024-01-15T00:00:00Z")])
    assert counts(silver(bronze), "orders") == (1, 0, 1, 0)
    assert counts(silver(bronze, date(2024, 1, 15)), "orders") == (1, 1, 0, 0)


def test_orphans_cascade_through_parents_that_do_not_survive() -> None:
    tables = silver(
        shop(
            orders=[raw("orders", customer_id="C9")],
            order_items=[raw("order_items", product_id=9)],
            returns=[raw("returns", customer_id="C9")],
            return_items=[raw("return_items", product_id=9)],
        )
    )
    assert reasons(tables, "orders") == [["customer_id_orphan"]]
    assert reasons(tables, "order_items") == [["order_id_orphan", "product_id_orphan"]]
    assert reasons(tables, "returns") == [["order_id_orphan", "customer_id_orphan"]]
    assert reasons(tables, "return_items") == [
        ["return_id_orphan", "order_id_orphan", "product_id_orphan"]
    ]


def test_a_quarantined_parent_is_no_parent_and_guests_need_none() -> None:
    tables = silver(
        shop(
            customers=[raw("customers", signup_date=None)],
            orders=[
                raw("orders"),
                raw("orders", order_id="O2", customer_id=" GUEST-5"),
                raw("orders", order_id="O3", customer_id="guest-5"),
            ],
        )
    )
    assert reasons(tables, "orders") == [["customer_id_orphan"]] * 2
    assert only(tables["silver.orders"])["customer_id"] == "GUEST-5"


def test_a_row_that_breaks_a_rule_is_not_an_orphan_too() -> None:
    tables = silver(shop(orders=[raw("orders", customer_id="C9", net_total=None)]))
    assert reasons(tables, "orders") == [["missing_net_total"]]
    assert tables["accounting"].dicts()[2]["orphans"] == 0


@pytest.mark.parametrize("newer", [{"net_total": -1.0}, {"customer_id": "C9"}])
def test_a_newer_bad_copy_does_not_displace_an_older_valid_one(newer: Row) -> None:
    late = raw("orders", ingestion_ts="2024-01-14T02:00:00Z", **newer)
    for copies in ([raw("orders"), late], [late, raw("orders")]):
        tables = silver(shop(orders=copies))
        assert only(tables["silver.orders"])["net_total"] == Decimal("10.00")
        assert counts(tables, "orders") == (2, 1, 1, 0)


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        ({"ingestion_ts": "2024-01-13T02:00:00Z"}, {"ingestion_ts": "2024-01-12T23:00-0600"}),
        ({"ingestion_ts": None, "event_id": "z"}, {"event_id": "a"}),
        ({"event_id": "Z"}, {"event_id": "a"}),
        ({"event_id": "\uffff"}, {"event_id": "\U00010000"}),
        ({"total_items": 9, "net_total": 1.0}, {"total_items": 10, "net_total": 0.5}),
        ({"agent_id": None}, {"agent_id": "A"}),
        ({"is_reactivated": False}, {"is_reactivated": True}),
        ({"batch_id": "b"}, {"batch_id": "c"}),
    ],
)
def test_the_winner_among_valid_copies(loser: Row, winner: Row) -> None:
    first, second = raw("orders", **loser), raw("orders", **winner)
    results = [silver(shop(orders=pair)) for pair in ([first, second], [second, first])]
    assert results[0]["silver.orders"].rows == results[1]["silver.orders"].rows
    alone = silver(shop(orders=[second]))
    assert results[0]["silver.orders"].rows == alone["silver.orders"].rows
    assert counts(results[0], "orders") == (2, 1, 0, 1)


def test_a_cart_item_without_added_at_takes_the_day_of_its_cart() -> None:
    tables = silver(
        shop(
            shopping_carts=[raw("shopping_carts")],
            cart_items=[
                raw("cart_items"),
                raw("cart_items", cart_item_id=2, added_at="2024-01-11T01:00+02:00"),
                raw("cart_items", cart_item_id=3, added_at="2024-01-20"),
            ],
        )
    )
    dates = {r["cart_item_id"]: r["added_dt"] for r in tables["silver.cart_items"].dicts()}
    assert dates == {1: date(2024, 1, 10), 2: date(2024, 1, 10), 3: date(2024, 1, 20)}


def _land(bronze: Path, table: str, partition: str, rows: list[Row], manifest: bool = True) -> None:
    folder = bronze / table / partition
    folder.mkdir(parents=True)
    listed = f"{table}/{partition}/part-0000.parquet"
    pq.write_table(pa.Table.from_pylist(rows), bronze / listed)
    pq.write_table(pa.Table.from_pylist(rows), folder / "leftover.parquet")
    if manifest:
        text = json.dumps({"files": [{"path": listed, "rows": len(rows)}]})
        (folder / "_MANIFEST.json").write_text(text)


def test_only_visible_partitions_and_listed_files_are_read(tmp_path: Path) -> None:
    _land(tmp_path, "orders", "ingest_dt=2024-01-14", [raw("orders")])
    _land(tmp_path, "orders", "ingest_dt=2024-01-15", [raw("orders", order_id="O2")])
    _land(tmp_path, "orders", "ingest_dt=2024-01-13", [raw("orders", order_id="O3")], False)
    _land(tmp_path, "customers", "signup_date=2023-05-01", [raw("customers")])
    _land(tmp_path, "product_catalog", "category=Home", [raw("product_catalog")])
    assert [row["order_id"] for row in read_table(tmp_path, "orders", RUN_DATE)] == ["O1"]
    tables = run(tmp_path, RUN_DATE)
    assert counts(tables, "orders") == (1, 1, 0, 0)
    assert counts(tables, "returns") == (0, 0, 0, 0)


def test_visibility_of_partitions() -> None:
    assert is_visible("ingest_dt=2024-01-14", RUN_DATE)
    assert not is_visible("ingest_dt=2024-01-15", RUN_DATE)
    assert is_visible("category=Toys", RUN_DATE)
    assert is_visible("category=2024-02-01", RUN_DATE)
    assert is_visible("signup_date=__HIVE_DEFAULT_PARTITION__", RUN_DATE)
