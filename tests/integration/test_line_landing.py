"""What landing makes of CSV lines: typed rows or whole lines with reasons, none lost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from blocks.lake import local_lake
from blocks.stores.local import LocalStore
from tasks import line_landing
from tasks.bronze_inventory import bronze_selects, take_inventory
from tasks.contracts.errors import IngestError
from tasks.contracts.spec import Spec
from tasks.landing import LandingReport, land
from tasks.source_files import find_sources
from tasks.specs import load_spec
from tests.conftest import SHARED
from tests.integration.landing_shop import tree, write_bytes

SPEC = load_spec("clickstream")
FROZEN = SPEC.model_copy(
    update={"tables": (SPEC.tables[0].model_copy(update={"new_columns": "freeze"}),)}
)
PREFIX = "clickstream/"
BRONZE = f"{PREFIX}events_raw/"
DAY = date(2024, 1, 14)
MIDNIGHT = datetime.fromisoformat("2024-01-14")
HEADER = (
    b"event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
)
VIEW = b"2019-10-01 00:00:00 UTC,view,1,2,a.b,acme,3.50,4,s-1\n"
FIRST = datetime.fromisoformat("2019-10-01")
COLUMNS = [
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session", "raw_line", "ingestion_timestamp", "created_at"),
    *("source_file", "source_line", "line_reasons"),
]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake" / "bronze")


def land_lines(
    store: LocalStore, source: Path, *, day: date = DAY, spec: Spec = SPEC
) -> LandingReport:
    moment = datetime(2024, 1, 15, 2, 30, tzinfo=UTC)
    return land(store, PREFIX, spec, find_sources(spec, source), landed_on=day, landed_at=moment)


def bronze_files(store: LocalStore) -> list[Path]:
    return sorted((store.root / BRONZE).rglob("*.parquet"))


def rows(store: LocalStore, select: str = "*") -> list[tuple[Any, ...]]:
    """Rows of all files, in the order of the lines."""
    files = [str(file) for file in bronze_files(store)]
    relation = duckdb.read_parquet(files, hive_partitioning=False, union_by_name=True)
    return relation.order("source_file, source_line").project(select).fetchall()


def landed(store: LocalStore, tmp_path: Path, body: bytes, select: str) -> list[tuple[Any, ...]]:
    land_lines(store, write_bytes(tmp_path / "in" / "events.csv", HEADER + body))
    return rows(store, select)


def refused(store: LocalStore, source: Path, *, spec: Spec = SPEC) -> str:
    with pytest.raises(IngestError) as caught:
        land_lines(store, source, spec=spec)
    assert store.list("") == []
    assert bronze_files(store) == []
    return str(caught.value)


def test_a_line_becomes_a_typed_row_with_the_audit_columns(
    store: LocalStore, tmp_path: Path
) -> None:
    (row,) = landed(store, tmp_path, VIEW, "*")
    assert row == (
        *(FIRST, "view", 1, 2, "a.b", "acme", 3.5, 4, "s-1"),
        *(None, MIDNIGHT, MIDNIGHT, "events.csv", 2, None),
    )
    (file,) = bronze_files(store)
    assert pq.read_schema(file).names == COLUMNS
    assert file.parent.name == "event_type=view"
    types = [str(kind) for kind in duckdb.read_parquet(str(file), hive_partitioning=False).types]
    expected = ["TIMESTAMP", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR", "VARCHAR", "DOUBLE"]
    expected += ["BIGINT", "VARCHAR", "VARCHAR", "TIMESTAMP", "TIMESTAMP", "VARCHAR", "BIGINT"]
    assert types == [*expected, "VARCHAR[]"]


def test_strings_stay_as_received_and_empty_fields_are_null(
    store: LocalStore, tmp_path: Path
) -> None:
    body = b' 2019-10-01T02:00+02:00 , View ,+1,,,"a, ""b""",1e1,n/a,NULL\r\n'
    (row,) = landed(store, tmp_path, body, "*")
    assert row[:10] == (FIRST, " View ", 1, None, None, 'a, "b"', 10.0, None, "NULL", None)


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        (b"only one field", ["malformed_line"]),
        (VIEW.strip() + b",", ["malformed_line"]),
        (VIEW.strip()[:-6] + b'4,"s-1', ["malformed_line"]),
        (VIEW.strip() + b"\xff", ["malformed_line"]),
        (VIEW.strip().replace(b"3.50", b"inf"), ["invalid_price"]),
        (VIEW.strip().replace(b"1,2", b"1.0,2x"), ["invalid_product_id", "invalid_category_id"]),
        (
            b"soon,view,x,y,a.b,acme,$1,z,s-1",
            [
                *("invalid_event_time", "invalid_product_id", "invalid_category_id"),
                *("invalid_price", "invalid_user_id"),
            ],
        ),
    ],
)
def test_a_line_that_does_not_fit_is_kept_whole_with_its_reasons(
    store: LocalStore, tmp_path: Path, line: bytes, reasons: list[str]
) -> None:
    body = VIEW + line + b"\r\n" + VIEW
    good, bad, last = landed(store, tmp_path, body, "*")
    assert good[:13] == last[:13]
    assert bad[:9] == (None,) * 9
    assert bad[9] == line.decode(errors="backslashreplace")
    assert bad[10:] == (MIDNIGHT, MIDNIGHT, "events.csv", 3, reasons)


def test_lines_are_counted_from_the_header_blank_ones_too(
    store: LocalStore, tmp_path: Path
) -> None:
    body = b"\n" + VIEW + b" \t\r\n" + VIEW.replace(b"\n", b"\r\n") + VIEW.strip()
    assert landed(store, tmp_path, body, "source_line") == [(3,), (5,), (6,)]


def test_the_partition_is_the_standardised_type_and_one_for_all_unknown(
    store: LocalStore, tmp_path: Path
) -> None:
    kinds = [b"view", b" VIEW ", b"Remove_From_Cart", b"hover", b"../../x", b"", b"null"]
    body = b"".join(VIEW.replace(b"view", kind) for kind in kinds) + b"malformed\n"
    assert len(landed(store, tmp_path, body, "*")) == 8
    counts = {file.parent.name: pq.read_metadata(file).num_rows for file in bronze_files(store)}
    assert counts == {
        "event_type=view": 2,
        "event_type=remove_from_cart": 1,
        "event_type=__HIVE_DEFAULT_PARTITION__": 5,
    }


def test_columns_come_in_any_order_behind_a_byte_order_mark(
    store: LocalStore, tmp_path: Path
) -> None:
    names = HEADER.decode().strip().split(",")
    values = VIEW.decode().strip().split(",")
    names.reverse()
    values.reverse()
    text = f'\ufeff"{names[0]}",{",".join(names[1:])}\r\n{",".join(values)}\r\n'
    land_lines(store, write_bytes(tmp_path / "x.csv", text.encode()))
    ((*row, line),) = rows(store, f"{HEADER.decode().strip()}, source_line")
    assert tuple(row) == (FIRST, "view", 1, 2, "a.b", "acme", 3.5, 4, "s-1")
    assert line == 2


def test_new_columns_are_kept_as_text_and_reported(store: LocalStore, tmp_path: Path) -> None:
    text = HEADER.strip() + b",Colour \n" + VIEW.strip() + b", red\nbad\n"
    path = write_bytes(tmp_path / "events.csv", text)
    (batch,) = land_lines(store, path).batches
    told = "events_raw: column 'Colour ' is not in the specification; kept in bronze, "
    assert batch.drift == (told + "ignored by silver",)
    assert rows(store, 'user_session, "Colour ", raw_line') == [
        ("s-1", " red", None),
        (None, None, "bad"),
    ]
    told = "new column 'Colour ' is not in the specification, and events_raw takes no others"
    assert told in refused(LocalStore(tmp_path / "frozen"), path, spec=FROZEN)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "line 1 must be the header"),
        (b"\n" + HEADER + VIEW, "line 1 must be the header"),
        (HEADER.replace(b"brand", b"brnd"), "column 'brand' is missing; did you mean 'brnd'?"),
        (HEADER.replace(b"brand,", b"").replace(b"price,", b""), "'brand', 'price' are missing"),
        (HEADER.replace(b",", b";"), "fields are separated by ';'"),
        (HEADER.strip() + b",Raw_Line\n", "column 'Raw_Line' has the name of one that landing"),
        (HEADER.strip() + b",line_reasons\n", "column 'line_reasons' has the name of one that"),
        (HEADER.strip() + b",brand\n", "column 'brand' occurs twice"),
        (HEADER.strip() + b',"x\n', "line 1: a quote is never closed"),
        (HEADER.decode().encode("utf-16"), "line 1 is no UTF-8 text"),
    ],
)
def test_a_file_without_the_columns_is_refused(
    store: LocalStore, tmp_path: Path, text: bytes, told: str
) -> None:
    message = refused(store, write_bytes(tmp_path / "a" / "events.csv", text).parent)
    assert message.startswith("events.csv: table events_raw: ")
    assert told in message


def test_a_header_alone_lands_as_no_rows(store: LocalStore, tmp_path: Path) -> None:
    (batch,) = land_lines(store, write_bytes(tmp_path / "x.csv", HEADER.strip())).batches
    assert (batch.table, batch.rows, batch.partitions) == ("events_raw", 0, ())
    assert land_lines(store, tmp_path / "x.csv").landed == ()


def test_every_csv_file_below_the_source_belongs_to_the_one_table(
    store: LocalStore, tmp_path: Path
) -> None:
    for name in ("2019-Oct.csv", "orders/users.csv.gz", "event_type=cart/Ü b.CSV", "z.csv.zst"):
        write_bytes(tmp_path / "in" / name, HEADER + VIEW.replace(b"s-1", name.encode()))
    write_bytes(tmp_path / "in" / "README.txt", b"no events")
    report = land_lines(store, tmp_path / "in")
    assert {batch.source_file for batch in report.landed} == {
        *("2019-Oct.csv", "orders/users.csv.gz", "event_type=cart/Ü b.CSV", "z.csv.zst")
    }
    assert all(name == session for name, session in rows(store, "source_file, user_session"))
    assert {file.parent.name for file in bronze_files(store)} == {"event_type=view"}
    write_bytes(tmp_path / "other" / "events.jsonl", b"{}\n")
    assert "table events_raw is made of CSV lines" in refused(
        LocalStore(tmp_path / "empty"), tmp_path / "other"
    )


def test_a_file_is_landed_once_by_content_and_of_twins_the_first(
    store: LocalStore, tmp_path: Path
) -> None:
    write_bytes(tmp_path / "in" / "b.csv", HEADER + VIEW)
    write_bytes(tmp_path / "in" / "a.csv", HEADER + VIEW)
    report = land_lines(store, tmp_path / "in")
    assert [batch.already_landed for batch in report.batches] == [False, True]
    assert report.rows_by_table == {"events_raw": 1}
    assert rows(store, "source_file") == [("a.csv",)]
    before = tree(store)
    again = land_lines(store, tmp_path / "in", day=date(2024, 2, 1))
    assert (again.landed, tree(store)) == ((), before)


def dirty_text(lines: int) -> bytes:
    generator = random.Random(3)
    odd = [b"", b" \r", b"cut", b'"', VIEW.strip() + b"\xe9", VIEW.replace(b"acme", b'"a,b"')]
    odd += [VIEW.replace(b"view", kind) for kind in (b"cart", b"hover")]
    odd += [VIEW.replace(b"3.50", b"x"), VIEW.replace(b"00:00:00", b"00:00:00.5")]
    body = []
    for number in range(lines):
        line = VIEW.replace(b"s-1", b"s-%d" % number)
        body.append(generator.choice(odd) if generator.random() < 0.2 else line)
    return HEADER + b"".join(line.rstrip(b"\n") + b"\n" for line in body)


def test_compression_and_the_size_of_blocks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = dirty_text(3000)
    found = []
    for number, (suffix, size) in enumerate([("", 8 << 20), (".gz", 700), (".zst", 5000)]):
        monkeypatch.setattr(line_landing, "_GROUP_ROWS", 500)
        monkeypatch.setattr(line_landing, "_FILE_ROWS", 1200 if number == 2 else 10**7)
        monkeypatch.setattr(line_landing, "BLOCK_BYTES", size)
        store = LocalStore(tmp_path / str(number))
        land_lines(store, write_bytes(tmp_path / f"{number}" / f"e.csv{suffix}", text))
        found.append(rows(store, "* exclude (source_file)"))
        for file in bronze_files(store):
            lines = pq.read_table(file, columns=["source_line"])["source_line"].to_pylist()
            assert lines == sorted(lines)
        assert (len(bronze_files(store)) > 3) == (number == 2)
    assert found[0] == found[1] == found[2]
    blank = sum(1 for line in text.split(b"\n")[:-1] if not line.strip())
    assert len(found[0]) == 3000 - blank


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("cut", [1, 9, 30_000])
def test_a_truncated_archive_is_refused_whole(
    store: LocalStore, tmp_path: Path, suffix: str, cut: int
) -> None:
    body = random.Random(1).randbytes(60_000).hex().encode()
    path = write_bytes(tmp_path / f"events.csv{suffix}", HEADER + VIEW * 9000 + body)
    path.write_bytes(path.read_bytes()[:-cut])
    assert f"events.csv{suffix}: is no whole" in refused_in_landing(store, path)


def refused_in_landing(store: LocalStore, source: Path) -> str:
    with pytest.raises(IngestError) as caught:
        land_lines(store, source)
    assert bronze_files(store) == []
    assert [key for key in store.list("") if key.endswith(".json")] == []
    assert not list(store.root.rglob(".landing-*"))
    return str(caught.value)


@pytest.mark.parametrize("change", ["grow", "edit"])
def test_a_file_that_changes_while_it_is_read_is_noticed(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = write_bytes(tmp_path / "events.csv", HEADER + VIEW * 5000)
    parse = line_landing.parse_block

    def change_it(*block: Any) -> Any:
        with path.open("r+b") as file:
            file.seek(0 if change == "grow" else -len(VIEW), 2)
            file.write(VIEW.replace(b"acme", b"bolt"))
        return parse(*block)

    monkeypatch.setattr(line_landing, "parse_block", change_it)
    monkeypatch.setattr(line_landing, "BLOCK_BYTES", 4096)
    assert "events.csv: table events_raw: changed while it was read" in refused_in_landing(
        store, path
    )
    monkeypatch.undo()
    assert land_lines(store, path).rows >= 5000


def test_an_inventory_verifies_what_was_landed(tmp_path: Path) -> None:
    lake = local_lake(tmp_path / "lake")
    text = HEADER.strip() + b",colour\n" + VIEW.strip() + b",red\nbad\n"
    land_lines(lake.bronze, write_bytes(tmp_path / "in" / "a.csv", text))  # type: ignore[arg-type]
    table = SPEC.tables[0]
    found = take_inventory(lake, SPEC, table, DAY)
    assert (found.name, found.rows, found.problems) == ("events_cleaned", 2, ())
    assert found.drift == (
        "events_raw: column 'colour' is not in the specification; ignored by silver",
    )
    expected = SPEC.bronze_columns(table.name)
    (query,) = bronze_selects(found, expected)
    relation = duckdb.sql(query)
    assert relation.columns == [*COLUMNS, "_file", "_row"]
    reasons = relation.project("line_reasons, raw_line").fetchall()
    assert sorted(reasons, key=str) == [(None, None), (["malformed_line"], "bad")]
    (nothing,) = bronze_selects(found.without(found.identities), expected)
    assert duckdb.sql(nothing).columns == relation.columns
    assert duckdb.sql(nothing).types == relation.types


@pytest.fixture
def real_file() -> Iterator[Path]:
    """The real export's first lines, where they lie beside the project."""
    folder = SHARED / "clickstream"
    if not folder.is_dir():
        pytest.skip("the real data is not beside the project")
    yield next(folder.glob("*.csv"))


def test_the_real_export_lands_whole_and_its_cut_line_is_kept(
    store: LocalStore, tmp_path: Path, real_file: Path
) -> None:
    land_lines(store, shutil.copy(real_file, tmp_path / "events.csv"))
    found = rows(store, "line_reasons, raw_line, source_line, event_time")
    assert len(found) == 17_435
    ((reasons, raw, line, _),) = [row for row in found if row[0] is not None]
    last = real_file.read_bytes().rpartition(b"\n")[2].decode()
    assert (reasons, raw, line) == (["malformed_line"], last, 17_436)
    assert found[0][3] == FIRST
