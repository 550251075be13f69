"""Bronze that is broken stops a run in both gate modes, and the error names what is broken.

The inventory and its gates are judged here, on files that are really broken; `test_broken_runs.py`
holds what whole runs and the command line make of them.
"""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.lake import local_lake
from tasks.bronze_inventory import BronzeTable, take_inventory
from tasks.contracts.errors import BronzeError, ConfigurationError, SpecError
from tasks.gates import bronze_gates, enforce
from tasks.specs import SPEC_FOLDER, load_spec
from tests.integration.bronze_builder import arrow_schema, write_bronze, write_partition
from tests.oracle.sample_rows import raw

DAY = date(2024, 1, 14)
SPEC = load_spec("ecommerce")
PARTITION = "ingest_dt=2024-01-13"


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    """Two orders in one file, one customer, one product."""
    orders = [raw("orders"), raw("orders", order_id="O2")]
    tables = {"customers": [raw("customers")], "product_catalog": [raw("product_catalog")]}
    return write_bronze(tmp_path / "bronze", {**tables, "orders": orders})


def inspect(bronze: Path, table: str = "orders", run_date: date = DAY) -> BronzeTable:
    lake = local_lake(bronze.parent / "lake", bronze)
    return take_inventory(lake, SPEC, SPEC.table(table), run_date)


def stopped(bronze: Path, table: str = "orders") -> str:
    """The text of the error by which the bronze of `table` stops a run."""
    with pytest.raises(BronzeError) as caught:
        enforce(bronze_gates(SPEC, inspect(bronze, table)))
    assert caught.value.exit_status == 1
    return str(caught.value)


def file_in(bronze: Path, table: str = "orders") -> Path:
    return next((bronze / table).rglob("*.parquet"))


def manifest_in(bronze: Path) -> Path:
    return bronze / "orders" / PARTITION / "_MANIFEST.json"


def change_manifest(bronze: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads(manifest_in(bronze).read_text())
    change(manifest)
    manifest_in(bronze).write_text(json.dumps(manifest))


def rewrite(bronze: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write the orders anew as `change` makes them, with a manifest that fits."""
    rows = pq.ParquetFile(file_in(bronze)).read()
    write_partition(bronze, "orders", PARTITION, {"part-0000.parquet": change(rows)})


def test_whole_bronze_passes(bronze: Path) -> None:
    found = inspect(bronze)
    assert (found.rows, found.problems, found.drift) == (2, (), ())
    gates = bronze_gates(SPEC, found)
    assert {gate.status for gate in gates} == {"pass"}
    enforce(gates)


@pytest.mark.parametrize("sha256", [True, False], ids=["with sha256", "without sha256"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[:-20], id="truncated"),
        pytest.param(lambda content: content[: len(content) // 2], id="half"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"not parquet at all" * 9, id="another format"),
        pytest.param(lambda content: content[:-4] + b"XXXX", id="no magic at the end"),
        pytest.param(lambda content: content[:-60] + b"\xff" * 50 + content[-10:], id="footer"),
    ],
)
def test_a_file_that_is_no_parquet_is_named(
    bronze: Path, spoil: Callable[[bytes], bytes], sha256: bool
) -> None:
    rows = pq.ParquetFile(file_in(bronze)).read()
    write_partition(bronze, "orders", PARTITION, {"part-0000.parquet": rows}, sha256=sha256)
    file = file_in(bronze)
    file.write_bytes(spoil(file.read_bytes()))
    text = stopped(bronze)
    assert str(file) in text
    assert "orders" in text


def test_a_bit_that_flipped_in_the_data_is_found_by_its_sha256(bronze: Path) -> None:
    file = file_in(bronze)
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    assert pq.read_metadata(file).num_rows == 2
    text = stopped(bronze)
    assert str(file) in text


def test_a_file_of_other_content_is_found_by_its_sha256(bronze: Path) -> None:
    rows = pq.ParquetFile(file_in(bronze)).read()
    pq.write_table(rows.slice(0, 1), file_in(bronze))
    pq.write_table(pa.concat_tables([rows.slice(1, 1), rows.slice(0, 1)]), file_in(bronze))
    assert str(file_in(bronze)) in stopped(bronze)


def test_a_count_of_rows_that_is_wrong_names_file_and_both_counts(bronze: Path) -> None:
    change_manifest(bronze, lambda m: (m["files"][0].update(rows=3), m.update(total_rows=3)))
    text = stopped(bronze)
    assert str(file_in(bronze)) in text
    assert "2 rows" in text
    assert "says 3" in text


def test_a_total_that_is_not_the_sum_names_the_manifest(bronze: Path) -> None:
    change_manifest(bronze, lambda m: m.update(total_rows=5))
    text = stopped(bronze)
    assert str(manifest_in(bronze)) in text
    assert "total_rows 5" in text


def test_a_listed_file_that_is_missing_is_named(bronze: Path) -> None:
    file_in(bronze).unlink()
    text = stopped(bronze)
    assert f"orders/{PARTITION}/part-0000.parquet" in text
    assert "does not exist" in text


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda text: text[:-10], "JSON"),
        (lambda _: "", "JSON"),
        (lambda _: "[]", "the document"),
        (lambda text: text.replace('"files"', '"flies"'), "files"),
        (lambda text: text.replace('"rows": 2', '"rows": "many"'), "files.0.rows"),
        (lambda text: text.replace('"rows": 2', '"rows": -2'), "files.0.rows"),
        (lambda text: text.replace('"total_rows"', '"rows_total"'), "total_rows"),
        (lambda text: text.replace('"table": "orders"', '"table": "returns"'), "returns"),
        (lambda text: text.replace('"sha256": "', '"sha256": "x'), "sha256"),
    ],
)
def test_a_malformed_manifest_is_named_with_its_field(
    bronze: Path, spoil: Callable[[str], str], named: str
) -> None:
    manifest_in(bronze).write_text(spoil(manifest_in(bronze).read_text()))
    text = stopped(bronze)
    assert str(manifest_in(bronze)) in text
    assert named in text


def test_a_manifest_that_is_no_text_is_named(bronze: Path) -> None:
    manifest_in(bronze).write_bytes(b"\xff\xfe\x00{")
    assert str(manifest_in(bronze)) in stopped(bronze)


def test_a_file_that_is_listed_twice_is_not_counted_as_two(bronze: Path) -> None:
    change_manifest(bronze, lambda m: (m["files"].append(m["files"][0]), m.update(total_rows=4)))
    assert "part-0000.parquet" in stopped(bronze)


def test_a_missing_column_is_named(bronze: Path) -> None:
    rewrite(bronze, lambda rows: rows.drop_columns("net_total"))
    text = stopped(bronze)
    assert "net_total" in text
    assert str(file_in(bronze)) in text


def test_a_renamed_column_is_named_with_what_it_was_meant_to_be(bronze: Path) -> None:
    names = ["net_totals" if c == "net_total" else c for c in arrow_schema("orders").names]
    rewrite(bronze, lambda rows: rows.rename_columns(names))
    text = stopped(bronze)
    assert "'net_total'" in text
    assert "did you mean 'net_totals'" in text


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("net_total", pa.string()),
        ("order_id", pa.int64()),
        ("total_items", pa.float64()),
        ("is_expedited", pa.int64()),
        ("order_date", pa.timestamp("us")),
    ],
)
def test_a_column_of_another_type_is_named(bronze: Path, column: str, kind: pa.DataType) -> None:
    def retyped(rows: pa.Table) -> pa.Table:
        position = rows.schema.get_field_index(column)
        return rows.set_column(position, pa.field(column, kind), pa.nulls(rows.num_rows, kind))

    rewrite(bronze, retyped)
    text = stopped(bronze)
    assert f"'{column}'" in text
    assert str(file_in(bronze)) in text


def test_an_additional_column_is_reported_and_stops_nothing(bronze: Path) -> None:
    rewrite(bronze, lambda rows: rows.append_column("gift_note", pa.array(["a", None])))
    found = inspect(bronze)
    enforce(bronze_gates(SPEC, found))
    assert found.problems == ()
    assert len(found.drift) == 1
    assert "gift_note" in found.drift[0]


def test_columns_in_another_order_are_no_drift(bronze: Path) -> None:
    rewrite(bronze, lambda rows: rows.select(list(reversed(rows.column_names))))
    found = inspect(bronze)
    assert (found.problems, found.drift) == ((), ())


@pytest.mark.parametrize("table", ["order_items", "shopping_carts", "cart_items"])
def test_a_required_table_that_is_absent_is_named(bronze: Path, table: str) -> None:
    text = stopped(bronze, table)
    assert table in text
    assert str(bronze / table) in text


@pytest.mark.parametrize("table", ["returns", "return_items"])
def test_a_table_that_may_be_absent_is_empty_then(bronze: Path, table: str) -> None:
    found = inspect(bronze, table)
    enforce(bronze_gates(SPEC, found))
    assert (found.rows, found.problems) == (0, ())


def test_a_required_table_without_rows_is_named(bronze: Path) -> None:
    rewrite(bronze, lambda rows: rows.slice(0, 0))
    text = stopped(bronze)
    assert "orders" in text
    assert "0 rows" in text


def test_a_required_table_whose_rows_all_come_later_is_named(bronze: Path) -> None:
    found = inspect(bronze, run_date=date(2024, 1, 12))
    with pytest.raises(BronzeError, match="orders: bronze has 0 rows"):
        enforce(bronze_gates(SPEC, found))


def test_a_partition_of_a_later_day_may_be_broken_still(bronze: Path) -> None:
    later = bronze / "orders" / "ingest_dt=2024-01-15"
    later.mkdir()
    (later / "_MANIFEST.json").write_text("{")
    found = inspect(bronze)
    assert (found.rows, found.problems) == (2, ())


def test_every_fault_of_a_table_is_named_at_once(bronze: Path) -> None:
    rows = pq.ParquetFile(file_in(bronze)).read()
    for day in ("11", "12"):
        files = {"part-0000.parquet": rows}
        folder = write_partition(bronze, "orders", f"ingest_dt=2024-01-{day}", files)
        (folder / "part-0000.parquet").write_bytes(b"gone")
    text = stopped(bronze)
    assert "ingest_dt=2024-01-11" in text
    assert "ingest_dt=2024-01-12" in text


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"pipeline: [", "line 1"),
        (b"\xff\xfe", "UTF-8"),
        (b"- a list", "mapping"),
        (b"pipeline: shop\n", "tables"),
        (b"pipeline: shop\npipeline: shop\n", "twice"),
    ],
)
def test_a_specification_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes, named: str
) -> None:
    (tmp_path / "shop.yml").write_bytes(content)
    with pytest.raises(SpecError, match=r"shop\.yml") as caught:
        load_spec("shop", tmp_path)
    assert named in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_specification_that_is_not_there_is_a_wrong_call() -> None:
    assert SPEC_FOLDER.is_dir()
    with pytest.raises(ConfigurationError, match="did you mean 'ecommerce'"):
        load_spec("ecomerce")
