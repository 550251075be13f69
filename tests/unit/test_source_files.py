"""Which files are found below a source, and which table and partition each is given."""

from pathlib import Path

import pytest

from tasks.contracts.errors import IngestError
from tasks.source_files import find_sources
from tasks.specs import load_spec

SPEC = load_spec("ecommerce")


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    ("name", "table", "partition"),
    [
        ("orders.csv", "orders", None),
        ("orders-2024-01-14.jsonl", "orders", None),
        ("orders_2024-01-14.parquet", "orders", None),
        ("order_items.csv", "order_items", None),
        ("order_items_2024.ndjson", "order_items", None),
        ("orders/part-0.csv.gz", "orders", None),
        ("orders/ingest_dt=2024-01-01/part-0000.parquet", "orders", "2024-01-01"),
        ("product_catalog/category=Home%20%26%20Garden/x.csv.zst", "product_catalog", None),
        ("export/2024/returns/a/b/c.JSONL", "returns", None),
        ("orders/ingest_dt=__HIVE_DEFAULT_PARTITION__/a.csv", "orders", None),
        ("returns/orders.csv", "returns", None),
    ],
)
def test_table_and_partition_are_told_by_the_path(
    tmp_path: Path, name: str, table: str, partition: str | None
) -> None:
    (found,) = find_sources(SPEC, make(tmp_path, name))
    assert (found.table, found.name) == (table, name)
    if partition is not None:
        assert found.partition == partition


def test_partition_values_are_decoded(tmp_path: Path) -> None:
    (found,) = find_sources(SPEC, make(tmp_path, "product_catalog/category=A%2FB/x.csv"))
    assert found.partition == "A/B"


def test_order_is_that_of_the_specification_then_of_names(tmp_path: Path) -> None:
    make(tmp_path, "returns.csv", "orders/b.csv", "orders/a.csv", "customers.jsonl")
    assert [file.name for file in find_sources(SPEC, tmp_path)] == [
        "customers.jsonl",
        "orders/a.csv",
        "orders/b.csv",
        "returns.csv",
    ]


def test_a_single_file_is_known_by_its_name_or_its_folder(tmp_path: Path) -> None:
    make(tmp_path, "orders/ingest_dt=2024-01-03/part-0.parquet", "orders/returns.csv")
    (found,) = find_sources(SPEC, tmp_path / "orders/ingest_dt=2024-01-03/part-0.parquet")
    assert (found.table, found.name, found.partition) == ("orders", "part-0.parquet", "2024-01-03")
    (named,) = find_sources(SPEC, tmp_path / "orders/returns.csv")
    assert named.table == "returns"


@pytest.mark.parametrize("source", ["orders", "orders/ingest_dt=2024-01-03"])
def test_the_folder_given_may_be_the_table_or_its_partition(tmp_path: Path, source: str) -> None:
    make(tmp_path, "orders/ingest_dt=2024-01-03/part-0.parquet")
    (found,) = find_sources(SPEC, tmp_path / source)
    assert (found.table, found.partition) == ("orders", "2024-01-03")


def test_manifests_hidden_files_and_notes_are_passed_over(tmp_path: Path) -> None:
    make(
        tmp_path,
        "orders/_MANIFEST.json",
        "orders/.part.csv",
        "orders/_batches/batch_1.json",
        "orders/.tmp/orders.csv",
        "orders/part.csv",
        "README.md",
    )
    assert [file.name for file in find_sources(SPEC, tmp_path)] == ["orders/part.csv"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("oders.csv", "oders.csv: belongs to no table of ecommerce; did you mean 'orders'?"),
        ("custmers/part-0.csv", "did you mean 'customers'?"),
        ("stuff.csv", "stuff.csv: belongs to no table of ecommerce; known: cart_items"),
        ("orders.xlsx", "orders.xlsx: this format is not read; convert it to .csv"),
        ("orders.csv.bz2", "orders.csv.bz2: this format is not read"),
        ("orders.parquet.gz", "orders.parquet.gz: this format is not read"),
        ("orders/ingest_dt=2024-02-30/a.csv", "'ingest_dt=2024-02-30' is no date YYYY-MM-DD"),
        ("orders/ingest_dt=20240201/a.csv", "'ingest_dt=20240201' is no date YYYY-MM-DD"),
        ("notes.md", "no file to land"),
    ],
)
def test_what_cannot_be_landed_is_named(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(IngestError) as caught:
        find_sources(SPEC, make(tmp_path, name))
    assert told in str(caught.value)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="nowhere: there is no such file or folder"):
        find_sources(SPEC, tmp_path / "nowhere")


def test_a_single_file_of_another_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"orders\.md: this format is not read"):
        find_sources(SPEC, make(tmp_path, "orders.md") / "orders.md")


def test_named_files_are_found_and_no_others(tmp_path: Path) -> None:
    make(tmp_path, "orders/a.csv", "orders/b.csv", "returns.csv", "notes.txt", "_MANIFEST.json")
    named = ["returns.csv", "orders/b.csv", "notes.txt", "_MANIFEST.json"]
    found = find_sources(SPEC, tmp_path, named)
    assert [(file.table, file.name) for file in found] == [
        ("orders", "orders/b.csv"),
        ("returns", "returns.csv"),
    ]
    assert find_sources(SPEC, tmp_path, ["notes.txt"]) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gone.csv", "gone.csv: there is no such file"),
        ("../orders.csv", "lies outside of"),
        ("/etc/orders.csv", "lies outside of"),
    ],
)
def test_a_named_file_must_be_in_the_source(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(IngestError, match=told):
        find_sources(SPEC, make(tmp_path / "in", "orders.csv"), [name])


def test_of_a_specification_with_one_table_every_file_is_that_tables(tmp_path: Path) -> None:
    spec = load_spec("clickstream")
    make(tmp_path, "2019-Oct.csv", "orders/b.csv.gz", "_draft.csv", ".hidden.csv", "notes.txt")
    found = find_sources(spec, tmp_path)
    assert [(file.table, file.bronze, file.name) for file in found] == [
        ("events_cleaned", "events_raw", "2019-Oct.csv"),
        ("events_cleaned", "events_raw", "orders/b.csv.gz"),
    ]
    with pytest.raises(IngestError, match=r"a\.parquet: table events_raw is made of CSV lines"):
        find_sources(spec, make(tmp_path / "b", "a.parquet"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(IngestError, match=r"no file to land; files end in \.csv \(also"):
        find_sources(spec, tmp_path / "empty")
