"""Landing files that do not fit or are broken, and attempts that die half-way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.stores.local import LocalStore
from tasks import bronze_manifests, landing
from tasks.contracts.errors import IngestError
from tests.integration.landing_shop import (
    DAY,
    MOMENT,
    PREFIX,
    SALES,
    committed_files,
    land_all,
    landed_rows,
    partitions,
    store_at,
    tree,
    write_bytes,
    write_rows,
)

HEADER = b"sale_id,units,price,is_gift,note\n"
GOOD = b"S-1,1,1.0,true,x\n"
LINE = b'{"sale_id": "S", "units": 1, "price": 1.0, "is_gift": true, "note": "x"}\n'


def refused(tmp_path: Path, source: Path) -> str:
    """Land `source`, which must fail and leave nothing; return what is told."""
    store = store_at(tmp_path)
    with pytest.raises(IngestError) as caught:
        land_all(store, source)
    assert store.list("") == []
    assert list(store.root.rglob("*.parquet")) == []
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("few.csv", HEADER + GOOD + b"S-2,1\n", "line 3 has 2 fields, the header has 5"),
        ("many.csv", HEADER + b"S,1,1,true,a,b\n", "line 2 has 6 fields, the header has 5"),
        ("open.csv", HEADER + GOOD + b'S,1,1,true,"x\n' + GOOD, "line 3: a quote is never closed"),
        ("inner.csv", HEADER + b'S,1,1,true,"a"b\n', "line 2: a quote stands inside a field"),
        ("latin.csv", HEADER + GOOD + b"S,1,1,true,caf\xe9\n", "line 3 is no UTF-8 text"),
        ("utf16.csv", (HEADER + GOOD).decode().encode("utf-16"), "line 1 is no UTF-8 text"),
        (
            "ends.csv",
            HEADER.replace(b"\n", b"\r\n") + GOOD,
            "line 2 does not end as the lines before",
        ),
        ("empty.csv", b"", "line 1 must be the header"),
        ("blank.csv", b"\n" + HEADER + GOOD, "line 1 must be the header"),
        ("semi.csv", HEADER.replace(b",", b";"), "fields are separated by ';'"),
        ("tab.csv", HEADER.replace(b",", b"\t"), "fields are separated by '\\t'"),
        ("cut.jsonl", LINE + LINE[:30], "line 2 is no JSON"),
        ("word.jsonl", LINE + b"hello\n", "line 2 is no JSON"),
        ("array.jsonl", LINE + b"[1, 2]\n", "line 2 is an array"),
        ("number.jsonl", b"\n\n5\n", "line 3 is a number"),
        ("twins.jsonl", LINE + LINE.replace(b"note", b"units"), "line 2: the key 'units' occurs"),
        ("latin.jsonl", LINE + LINE.replace(b"x", b"\xff"), "line 2 is no UTF-8 text"),
        ("pretty.jsonl", b'{\n"sale_id": "S"\n}\n', "line 1 is no JSON"),
        ("text.parquet", b"sale_id\nS-1\n", "is no whole Parquet file"),
        ("empty.parquet", b"", "is no whole Parquet file"),
    ],
)
def test_broken_files_are_named_with_their_line(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    message = refused(tmp_path, write_bytes(tmp_path / "sales" / name, content))
    assert message.startswith(f"{name}: table sales: ")
    assert told in message


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("cut", [1, 9])
def test_a_truncated_archive_is_refused_whole(tmp_path: Path, suffix: str, cut: int) -> None:
    body = b"".join(b"S-%d,1,1.0,true,x\n" % n for n in range(30_000))
    content = HEADER + body if "csv" in suffix else LINE * 30_000
    path = write_bytes(tmp_path / f"sales{suffix}", content)
    path.write_bytes(path.read_bytes()[:-cut])
    message = refused(tmp_path, path)
    assert f"sales{suffix}: is no whole" in message
    assert "transfer it again" in message


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zst"])
def test_what_is_no_archive_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sales{suffix}"
    path.write_bytes(HEADER + GOOD)
    assert "is no whole" in refused(tmp_path, path)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "sales.parquet", SALES)
    path.write_bytes(path.read_bytes()[:-5])
    assert "sales.parquet: table sales: is no whole Parquet file" in refused(tmp_path, path)


def test_parquet_pages_that_were_overwritten_are_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "sales.parquet", SALES * 1000)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(bytes(content))
    assert "sales.parquet: table sales: is a damaged Parquet file" in refused(tmp_path, path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_missing_column_is_named_with_what_was_meant(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sales{suffix}"
    if suffix == ".csv":
        path.write_bytes(HEADER.replace(b"units", b"unit"))
    elif suffix == ".jsonl":
        path.write_bytes(LINE.replace(b"units", b"unit"))
    else:
        row = {("unit" if name == "units" else name): value for name, value in SALES[0].items()}
        pq.write_table(pa.Table.from_pylist([row]), path)
    told = f"sales{suffix}: table sales: column 'units' is missing; did you mean 'unit'?"
    assert refused(tmp_path, path) == told


def test_columns_must_be_equal_to_the_letter(tmp_path: Path) -> None:
    message = refused(tmp_path, write_bytes(tmp_path / "sales.csv", HEADER.upper()))
    assert "column 'sale_id' is missing; did you mean 'SALE_ID'?" in message


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"sale_id,units,units,price,is_gift,note\n", "column 'units' occurs twice"),
        (
            b"sale_id,units,Note,price,is_gift,note\n",
            "columns 'Note' and 'note' differ in case only",
        ),
        (b"sale_id,units,,price,is_gift,note\n", "column 3 has no name"),
        (b"a,b\n", "columns 'sale_id', 'units', 'price', 'is_gift', 'note' are missing; the file"),
    ],
)
def test_headers_that_cannot_be_meant_are_refused(tmp_path: Path, header: bytes, told: str) -> None:
    assert told in refused(tmp_path, write_bytes(tmp_path / "sales.csv", header))


@pytest.mark.parametrize(
    ("column", "values", "found", "expected"),
    [
        ("sale_id", pa.array([1]), "int64", "string"),
        ("sale_id", pa.array([b"x"]), "binary", "string"),
        ("units", pa.array([1.5]), "double", "integer"),
        ("units", pa.array(["1"]), "string", "integer"),
        ("price", pa.array([1]), "int64", "float"),
        ("is_gift", pa.array([1]), "int64", "boolean"),
        ("ingestion_ts", pa.array([MOMENT]), "timestamp[us, tz=UTC]", "string"),
    ],
)
def test_a_column_of_another_type_is_named(
    tmp_path: Path, column: str, values: pa.Array, found: str, expected: str
) -> None:
    columns = {name: pa.nulls(1) for name in SALES[0]} | {column: values}
    pq.write_table(pa.table(columns), tmp_path / "sales.parquet")
    message = refused(tmp_path, tmp_path / "sales.parquet")
    assert message == (
        f"sales.parquet: table sales: column '{column}' is {found}, expected {expected}"
    )


def test_unknown_columns_are_kept_and_reported(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    content = HEADER.replace(b"units", b"coupon,units") + b"S-1,ten,1,1.0,true,x\n"
    report = land_all(store, write_bytes(tmp_path / "sales.csv", content))
    told = "sales: column 'coupon' is not in the specification; kept in bronze, ignored by silver"
    assert report.drift == (told,)
    assert landed_rows(store, "sales", "coupon") == [("ten",)]
    (file,) = committed_files(store, "sales")
    assert pq.read_schema(file).names[4:7] == ["note", "coupon", "batch_id"]
    assert land_all(store, tmp_path / "sales.csv").drift == (told,)


def test_columns_are_checked_before_any_file_lands(tmp_path: Path) -> None:
    write_rows(tmp_path / "in/sales-1.csv", SALES)
    write_bytes(tmp_path / "in/sales-2.csv", b"a,b\n")
    write_bytes(tmp_path / "in/people.csv", b"a,b\n")
    message = refused(tmp_path, tmp_path / "in")
    assert message.startswith("2 files cannot be landed; nothing was\n")
    assert "sales-2.csv" in message
    assert "people.csv" in message


def test_files_before_a_broken_one_stay_landed_and_are_counted(tmp_path: Path) -> None:
    write_rows(tmp_path / "in/sales-1.csv", SALES)
    write_bytes(tmp_path / "in/sales-2.csv", HEADER + GOOD * 3 + b"S,1\n")
    write_rows(tmp_path / "in/sales-3.csv", SALES[:1])
    store = store_at(tmp_path)
    with pytest.raises(IngestError) as caught:
        land_all(store, tmp_path / "in")
    assert "sales-2.csv: table sales: line 5 has 2 fields" in str(caught.value)
    assert "1 of 3 files are landed" in str(caught.value)
    assert len(landed_rows(store, "sales")) == 3
    write_bytes(tmp_path / "in/sales-2.csv", HEADER + GOOD * 3)
    assert land_all(store, tmp_path / "in").rows == 4
    assert len(landed_rows(store, "sales")) == 7


def test_a_value_too_long_for_a_folder_is_named(tmp_path: Path) -> None:
    rows = [{"good_id": 1, "category": "x" * 300}]
    message = refused(tmp_path, write_rows(tmp_path / "goods.csv", rows, "goods"))
    assert "a value of 'category' is too long to name a folder" in message


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "sales.csv", SALES)
    original = landing.write_rows

    def grown(*args, **kwargs):
        written = original(*args, **kwargs)
        path.write_bytes(path.read_bytes() + GOOD)
        return written

    monkeypatch.setattr(landing, "write_rows", grown)
    assert "sales.csv: table sales: changed while it was read" in refused(tmp_path, path)


@pytest.mark.parametrize("name", ["_MANIFEST.json", "_batches"])
def test_bronze_that_cannot_be_read_stops_landing(tmp_path: Path, name: str) -> None:
    store = store_at(tmp_path)
    (batch,) = land_all(store, write_rows(tmp_path / "sales.csv", SALES)).batches
    if name == "_batches":
        store.write(f"{PREFIX}sales/_batches/{batch.batch_id}.json", b"{")
        told, source = "is no batch record", tmp_path / "sales.csv"
    else:
        store.write(f"{PREFIX}sales/ingest_dt=2024-01-14/_MANIFEST.json", b"{")
        told, source = "is no manifest", write_rows(tmp_path / "sales-2.csv", SALES[:1])
    with pytest.raises(IngestError, match=told):
        land_all(store, source)


class DeathError(BaseException):
    """The process is gone: nothing may catch this and carry on."""


class DyingStore(LocalStore):
    """Dies at its `lives`-th step that changes bronze; every step before is done."""

    def __init__(self, root: Path, lives: int) -> None:
        super().__init__(root)
        self.lives = lives

    def step(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise DeathError

    def write(self, key: str, content: bytes) -> None:
        self.step()
        super().write(key, content)


STEPS = 7  # three files, three manifests, one record


@pytest.fixture
def dying_places(monkeypatch: pytest.MonkeyPatch) -> None:
    original = bronze_manifests.place_file

    def place(store: LocalStore, staged: Path, key: str) -> None:
        if isinstance(store, DyingStore):
            store.step()
        original(store, staged, key)

    monkeypatch.setattr(landing, "place_file", place)


@pytest.mark.usefixtures("dying_places")
@pytest.mark.parametrize("lives", range(STEPS + 1))
@pytest.mark.parametrize("days_later", [0, 3])
def test_death_at_any_step_shows_nothing_and_the_next_attempt_completes(
    tmp_path: Path, lives: int, days_later: int
) -> None:
    rows = [{"good_id": n, "category": f"c{n % 3}"} for n in range(9)]
    source = write_rows(tmp_path / "goods.csv", rows, "goods")
    other = write_rows(tmp_path / "goods-2.csv", rows[:1], "goods")
    store = store_at(tmp_path)
    land_all(store, other)
    dying = DyingStore(store.root, lives)
    if lives < STEPS:
        with pytest.raises(DeathError):
            land_all(dying, source)
        assert len(landed_rows(store, "goods")) == 1
        assert not list(store.root.rglob(".landing-*"))
    else:
        land_all(dying, source)
    later = timedelta(days=days_later)
    report = land_all(store, source, landed_on=DAY + later, landed_at=MOMENT + later)
    assert report.batches[0].already_landed is (lives == STEPS)
    assert sorted(landed_rows(store, "goods", "good_id::int")) == sorted(
        [(0,), *((n,) for n in range(9))]
    )
    after = tree(store)
    land_all(store, source)
    assert tree(store) == after


@pytest.mark.usefixtures("dying_places")
@pytest.mark.parametrize("lives", range(4))
def test_an_attempt_on_a_later_day_takes_back_what_the_first_one_listed(
    tmp_path: Path, lives: int
) -> None:
    source = write_rows(tmp_path / "sales.csv", SALES)
    store = store_at(tmp_path)
    if lives < 3:  # a file, its manifest, the record
        with pytest.raises(DeathError):
            land_all(DyingStore(store.root, lives), source)
    else:
        land_all(DyingStore(store.root, lives), source)
    land_all(store, source, landed_on=DAY + timedelta(days=1))
    assert len(landed_rows(store, "sales")) == 3
    day = DAY if lives >= 3 else DAY + timedelta(days=1)
    assert partitions(store, "sales") == {f"ingest_dt={day}"}
