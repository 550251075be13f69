"""Which columns are taken for those that tell who a person is, and what a gate says of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.lake import local_lake
from tasks.audit import read_record, run_ids
from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.errors import BronzeError
from tasks.contracts.spec import Spec
from tasks.gates import enforce
from tasks.masking import masked
from tasks.mirror import Mirror
from tasks.pii_detection import detected
from tasks.pii_gates import (
    CHECK,
    FILES,
    ROWS,
    _sampled,
    bronze_pii_gate,
    declared_columns,
    gold_pii_gate,
)
from tasks.published_files import describe_table
from tasks.sample_data.retail import write_retail
from tasks.specs import load_spec
from tests.unit.spec_documents import SHOP

TOLD = ["some text", "other", None, ""]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("email", "email"),
        ("contact_e_mail", "email"),
        ("email_address", "email"),
        ("phone_number", "phone"),
        ("mobile", "phone"),
        ("billing_address", "address"),
        ("address_line_1", "address"),
        ("street", "address"),
        ("first_name", "name"),
        ("surname", "name"),
        ("customer_name", "name"),
    ],
)
def test_a_telling_name_is_enough(column: str, kind: str) -> None:
    assert detected("anything", {column: TOLD}) == {column: kind}


@pytest.mark.parametrize(
    "column",
    [
        "product_name",
        "ip_address",
        "mac_address",
        "email_verified_by",
        "phonetic",
        "streetwear",
        "brand",
        "metric_name",
        "file_name",
        "status",
        "mailing",
    ],
)
def test_other_names_tell_nothing(column: str) -> None:
    assert detected("anything", {column: TOLD}) == {}


def test_a_plain_name_depends_on_what_the_table_is_of() -> None:
    assert detected("raw_customers", {"name": TOLD}) == {"name": "name"}
    assert detected("raw_products", {"name": TOLD}) == {}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("email", ["a.b@example.org", "c@d.example", "write to e@f.example."]),
        ("phone", ["+49 30 1234567", "964-800-5242", "(555) 010-9999 x12", "001 555 123 4567"]),
        ("address", ["12 Old Mill Road", "824 Jacobs Avenue, Jamesview", "Hauptstraße 5"]),
        ("name", ["Anna Miller", "John O. Smith", "Maria Lopez-Vega"]),
    ],
)
def test_values_tell_whatever_the_column_is_called(kind: str, values: list[str]) -> None:
    assert detected("notes", {"c7": values}) == {"c7": kind}
    assert detected("notes", {"c7": values[:2]}) == {}, "two may look alike by chance"


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-14", "2024-01-15", "2024-01-16"],
        ["2024-01-01T05:42:41.514689", "2024-01-02T02:00:00+00:00", "2024-01-01 00:03:17"],
        ["0123456789012", "4006381333931", "4006381333932"],
        ["CART-60414275", "ORD-12345678", "evt_6e92ad267c76d463"],
        ["Classic Jacket", "Rose Gold", "Elegant Rug"],
        ["New York", "Los Angeles", "San Jose"],
        ["192.168.10.12", "10.0.0.1", "10.0.0.2"],
        ["k8s@10.0.0.1 is down", "write to a@b", "@home"],
        ["12 large boxes", "3 small ones", "40 of them"],
    ],
)
def test_values_of_other_kinds_are_no_false_alarm(values: list[str]) -> None:
    assert detected("notes", {"c7": values}) == {}


def test_masks_and_empty_columns_are_no_clear_values() -> None:
    masks = [masked(text, b"key") for text in ("a", "b", "c")]
    assert detected("customers", {"email": masks, "phone": [None, "", "  "]}) == {}


def _table(tmp_path: Path, **columns: list[str]) -> BronzeTable:
    path = tmp_path / "part.parquet"
    pq.write_table(pa.table(columns), path)
    file = BronzeFile("u", 1, 1, (), "key|1|1|-", str(path))
    return BronzeTable("orders", (file,))


def _shop(**pii: str) -> Spec:
    document = {**SHOP, "pii": [{"table": "orders", **pii}]}
    return Spec.model_validate(document)


def test_what_is_not_declared_is_reported_and_stops_a_strict_run(tmp_path: Path) -> None:
    table = _table(tmp_path, order_id=["O-1"], contact_email=["a@b.example"])
    spec = _shop(column="customer_id", kind="identifier")
    warned = bronze_pii_gate(spec, table, "warn")
    assert (warned.status, warned.observed) == ("warn", 1)
    assert "contact_email (email)" in warned.message
    with pytest.raises(BronzeError, match="declare it under pii"):
        enforce([bronze_pii_gate(spec, table, "strict")])
    known = _shop(column="contact_email", kind="email")
    assert bronze_pii_gate(known, table, "strict").status == "pass"


def test_gold_shows_nobody_in_clear(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    clear = {"customer_email": ["a@b.example"], "customer_id": ["C-1"], "city": ["Ely"]}
    masks = {"customer_email": [masked("a@b.example", b"key")], "customer_id": ["C-1"]}
    judged = []
    for number, columns in enumerate((clear, masks)):
        path = tmp_path / "gold" / "retail" / str(number) / "part-0.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), path)
        table = describe_table(lake.gold, "gold", f"retail/{number}")
        judged.append(gold_pii_gate(load_spec("retail"), "orders", Mirror(lake), table, "strict"))
    assert [gate.status for gate in judged] == ["fail", "pass"]
    assert "customer_email (email)" in judged[0].message


def test_a_sample_is_bounded_and_stands_broken_files(tmp_path: Path) -> None:
    paths = []
    for number in range(9):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"note": [str(number)] * (ROWS * 3)}), path)
        paths.append(str(path))
    (tmp_path / "4.parquet").write_bytes(b"torn")
    found = _sampled(paths)["note"]
    assert len(found) <= FILES * ROWS
    assert {"0", "8"} <= set(found), "the first file and the last one are looked at"


def test_lines_of_json_are_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": {"email": "x@y.example"}, "list": [{"n": 1}, "t"]}\n' * 3)
    assert detected("records", _sampled([str(path)])) == {"email": "email"}


def test_a_made_up_shop_has_no_personal_column_that_is_not_declared(tmp_path: Path) -> None:
    write_retail(tmp_path, orders=60, days=4, seed=3, dirt=0.2)
    found = {}
    for path in tmp_path.glob("*.csv"):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        found[path.stem] = detected(path.stem, {c: [row[c] for row in rows] for c in rows[0]})
    assert {table: set(columns) for table, columns in found.items() if columns} == {
        "raw_customers": {"name", "email"}
    }
    assert {"name", "email"} <= declared_columns(load_spec("retail"), "stg_customers")


def test_shipped_pipelines_found_nothing_undeclared(small_lake: Path) -> None:
    lake = local_lake(small_lake)
    record = read_record(lake, "ecommerce", run_ids(lake, "ecommerce")[0])
    found = [gate for gate in record.gates if gate.check == CHECK]
    assert {gate.layer for gate in found} == {"bronze", "silver"}
    found += [gate for gate in record.gates if gate.check == "clear_pii"]
    assert {gate.layer for gate in found} == {"bronze", "silver", "gold"}
    assert [gate.message for gate in found if gate.status != "pass"] == []
