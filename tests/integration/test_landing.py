"""What landing writes: rows as received, once, in the right partition, in every format."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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

TYPED = "sale_id, units::bigint, price::double, is_gift::boolean, note"
VALUES = [tuple(row.values()) for row in SALES]
NAMES = [
    "sales.csv",
    "sales.csv.gz",
    "sales.csv.zst",
    "sales.jsonl",
    "sales.jsonl.gz",
    "sales.ndjson.zst",
    "sales.parquet",
]


@pytest.mark.parametrize("name", NAMES)
def test_each_format_gives_equal_values(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / "in" / name, SALES)
    report = land_all(store_at(tmp_path), tmp_path / "in")
    assert sorted(landed_rows(store_at(tmp_path), "sales", TYPED)) == VALUES
    (batch,) = report.batches
    assert (batch.table, batch.source_file, batch.rows) == ("sales", name, 3)
    assert (batch.partitions, batch.already_landed) == (("ingest_dt=2024-01-14",), False)
    assert (report.rows, report.rows_by_table, report.drift) == (3, {"sales": 3}, ())


def test_a_row_has_one_event_id_in_every_format(tmp_path: Path) -> None:
    ids = set()
    for name in NAMES:
        store = store_at(tmp_path / name)
        land_all(store, write_rows(tmp_path / name / name, SALES))
        ids.add(tuple(sorted(landed_rows(store, "sales", "sale_id, event_id"))))
    ((first, *_),) = ids
    assert first[1].startswith("evt_")
    assert len(first[1]) == len("evt_") + 64


def test_event_ids_differ_where_values_do(tmp_path: Path) -> None:
    rows = [
        {"sale_id": "a", "units": 1, "price": 1.0, "is_gift": True, "note": "b"},
        {"sale_id": "a", "units": 1, "price": 1.0, "is_gift": True, "note": None},
        {"sale_id": "a", "units": 1, "price": 1.0, "is_gift": True, "note": ""},
        {"sale_id": "ab", "units": 1, "price": 1.0, "is_gift": True, "note": ""},
        {"sale_id": "a", "units": 11, "price": 1.0, "is_gift": True, "note": "b"},
        {"sale_id": "a4:note=1:b", "units": 1, "price": 1.0, "is_gift": True, "note": None},
    ]
    store = store_at(tmp_path)
    land_all(store, write_rows(tmp_path / "sales.parquet", rows))
    assert len({row[0] for row in landed_rows(store, "sales", "event_id")}) == len(rows)


def test_event_ids_do_not_round_text_that_is_no_whole_number(tmp_path: Path) -> None:
    text = b"sale_id,units,price,is_gift,note\nS,9.5,1,,\nS,10,1.00,,\nS,010,1,,\n"
    store = store_at(tmp_path)
    land_all(store, write_bytes(tmp_path / "sales.csv", text))
    ids = Counter(row[0] for row in landed_rows(store, "sales", "event_id"))
    assert sorted(ids.values()) == [1, 2]


def test_text_lands_as_received_with_the_audit_columns_last(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfnote,price,sale_id,is_gift,units\n NULL ,080.50,S-1,TRUE,07\n,,"",,\n'
    store = store_at(tmp_path)
    land_all(store, write_bytes(tmp_path / "in/sales/part.csv", text).parent.parent)
    (file,) = committed_files(store, "sales")
    schema = pq.read_schema(file)
    assert schema.names == [
        *("sale_id", "units", "price", "is_gift", "note"),
        *("batch_id", "ingestion_ts", "event_id", "source_file"),
    ]
    assert set(schema.types) == {pa.string()}
    first, second = landed_rows(store, "sales")
    assert first[:5] == ("S-1", "07", "080.50", "TRUE", " NULL ")
    assert second[:5] == ("", None, None, None, None)
    batch_id, moment, _, source = first[5:]
    assert (moment, source) == ("2024-01-15T02:30:00+00:00", "sales/part.csv")
    assert file.name == f"{batch_id}-0.parquet"


def test_json_values_land_as_text(tmp_path: Path) -> None:
    lines = (
        b'{"sale_id": "S-1", "units": 12345678901234567890123, "price": 0.1, "is_gift": true,'
        b' "note": {"a": [1]}}\n\n{"sale_id": "S-2", "units": null, "note": "1.50"}\r\n'
    )
    store = store_at(tmp_path)
    land_all(store, write_bytes(tmp_path / "sales.jsonl", b"\xef\xbb\xbf" + lines))
    assert [row[:5] for row in landed_rows(store, "sales")] == [
        ("S-1", "12345678901234567890123", "0.1", "true", '{"a":[1]}'),
        ("S-2", None, None, None, "1.50"),
    ]


def test_parquet_keeps_its_types_and_audit_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "event_id": ["evt_x", None],
            "sale_id": pa.array(["S-1", "S-2"]).dictionary_encode(),
            "units": pa.array([1, 2], pa.int16()),
            "price": pa.array([0.5, None], pa.float32()),
            "is_gift": pa.nulls(2),
            "note": pa.array(["a", "b"], pa.large_string()),
            "batch_id": ["theirs", "theirs"],
        }
    )
    pq.write_table(table, tmp_path / "sales.parquet")
    store = store_at(tmp_path)
    (batch,) = land_all(store, tmp_path / "sales.parquet").batches
    (file,) = committed_files(store, "sales")
    schema = pq.read_schema(file)
    expected = [pa.string(), pa.int16(), pa.float32(), pa.bool_(), pa.string()]
    assert schema.types == [*expected, *[pa.string()] * 4]
    assert [(r[5], r[7]) for r in landed_rows(store, "sales")] == [
        ("theirs", "evt_x"),
        ("theirs", None),
    ]
    record = json.loads(store.read(f"{PREFIX}sales/_batches/{batch.batch_id}.json"))
    assert record["columns"]["units"] == "SMALLINT"
    assert record["rows"] == 2
    assert record["source_file"] == "sales.parquet"


def test_the_manifest_describes_the_partition(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    (batch,) = land_all(store, write_rows(tmp_path / "sales.parquet", SALES)).batches
    manifest = json.loads(store.read(f"{PREFIX}sales/ingest_dt=2024-01-14/_MANIFEST.json"))
    assert (manifest["batch_id"], manifest["total_rows"]) == (batch.batch_id, 3)
    assert manifest["created_at"] == "2024-01-15T02:30:00+00:00"
    assert manifest["columns"]["price"] == "DOUBLE"
    land_all(store, write_rows(tmp_path / "sales.csv", SALES[:1]))
    manifest = json.loads(store.read(f"{PREFIX}sales/ingest_dt=2024-01-14/_MANIFEST.json"))
    assert (len(manifest["files"]), manifest["total_rows"]) == (2, 4)
    assert manifest["columns"]["price"] == "DOUBLE | VARCHAR"
    assert manifest["columns"]["note"] == "VARCHAR"


@pytest.mark.parametrize("name", NAMES)
def test_landing_twice_changes_nothing(tmp_path: Path, name: str) -> None:
    store = store_at(tmp_path)
    source = write_rows(tmp_path / "in" / name, SALES)
    (first,) = land_all(store, source).batches
    before = tree(store)
    later = land_all(
        store, source, landed_on=DAY + timedelta(days=9), landed_at=MOMENT + timedelta(days=9)
    )
    assert tree(store) == before
    (again,) = later.batches
    assert (again.already_landed, again.batch_id, again.rows) == (True, first.batch_id, 3)
    assert (later.rows, later.rows_by_table, again.partitions) == (
        0,
        {"sales": 0},
        first.partitions,
    )


def test_equal_content_is_one_batch_a_table_whatever_it_is_called(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    for name in ("sales-a.csv", "sales-b.csv"):
        write_rows(tmp_path / "in" / name, SALES)
    report = land_all(store, tmp_path / "in")
    assert [batch.already_landed for batch in report.batches] == [False, True]
    assert len(landed_rows(store, "sales")) == 3


def test_partition_of_rows_without_one_is_the_path_else_the_day_of_landing(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    write_rows(tmp_path / "in/sales/ingest_dt=2024-01-02/a.csv", SALES[:1])
    write_rows(tmp_path / "in/sales/b.csv", SALES[1:2])
    write_bytes(
        tmp_path / "in/sales/c.csv",
        b"ingest_dt,sale_id,units,price,is_gift,note\n2024-01-05,S,,,,\nlater,S,,,,\n",
    )
    report = land_all(store, tmp_path / "in")
    assert partitions(store, "sales") == {
        "ingest_dt=2024-01-02",
        "ingest_dt=2024-01-14",
        "ingest_dt=2024-01-05",
        "ingest_dt=__HIVE_DEFAULT_PARTITION__",
    }
    assert report.drift == ()


def test_rows_go_to_the_date_that_they_begin_with(tmp_path: Path) -> None:
    dates = {
        "2024-01-05": "2024-01-05",
        " 2024-01-05T23:59:59-08:00": "2024-01-05",
        "2024-01-0599": "2024-01-05",
        "2024-02-30": None,
        "0000-01-01": None,
        "20240105": None,
        "05/01/2024": None,
        "": None,
        None: None,
    }
    rows = [{"person_id": str(n), "signup_date": text} for n, text in enumerate(dates)]
    store = store_at(tmp_path)
    land_all(store, write_rows(tmp_path / "people.csv", rows, "people"))
    found = {
        row[0]: path.parent.name
        for path in committed_files(store, "people")
        for row in pq.read_table(path, columns=["person_id"], partitioning=None).to_pylist()
        for row in [tuple(row.values())]
    }
    assert found == {
        str(n): f"signup_date={day or '__HIVE_DEFAULT_PARTITION__'}"
        for n, day in enumerate(dates.values())
    }


def test_rows_go_to_their_value_escaped(tmp_path: Path) -> None:
    names = {
        "Home & Garden": "Home%20%26%20Garden",
        " Home & Garden\t": "Home%20%26%20Garden",
        "a/b": "a%2Fb",
        "..": "..",
        "100%": "100%25",
        "é=1": "%C3%A9%3D1",
        "": "__HIVE_DEFAULT_PARTITION__",
        None: "__HIVE_DEFAULT_PARTITION__",
    }
    rows = [{"good_id": n, "category": text} for n, text in enumerate(names)]
    store = store_at(tmp_path)
    (batch,) = land_all(store, write_rows(tmp_path / "goods.parquet", rows, "goods")).batches
    assert partitions(store, "goods") == {f"category={name}" for name in names.values()}
    assert set(batch.partitions) == partitions(store, "goods")
    assert len(landed_rows(store, "goods")) == len(names)
    assert len(committed_files(store, "goods")) == len(set(names.values()))


def test_many_partitions_get_one_file_each_in_the_order_of_the_source(tmp_path: Path) -> None:
    days = [str(date(2023, 1, 1) + timedelta(days=n % 200)) for n in range(30_000)]
    rows = [{"person_id": f"{n:06}", "signup_date": day} for n, day in enumerate(days)]
    store = store_at(tmp_path)
    land_all(store, write_rows(tmp_path / "people.parquet", rows, "people"))
    files = committed_files(store, "people")
    assert len(files) == 200
    ids = pq.read_table(files[0], columns=["person_id"], partitioning=None)["person_id"].to_pylist()
    assert ids == sorted(ids)
    assert len(landed_rows(store, "people")) == 30_000


@pytest.mark.parametrize("name", ["sales.csv", "sales.parquet"])
def test_a_file_without_rows_lands_as_an_empty_partition(tmp_path: Path, name: str) -> None:
    store = store_at(tmp_path)
    (batch,) = land_all(store, write_rows(tmp_path / name, [])).batches
    assert (batch.rows, batch.partitions) == (0, ("ingest_dt=2024-01-14",))
    assert partitions(store, "sales") == {"ingest_dt=2024-01-14"}


def test_files_without_rows_need_no_keys_and_no_partition_by_value(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    write_bytes(tmp_path / "in/sales.jsonl", b"\n")
    write_rows(tmp_path / "in/goods.csv", [], "goods")
    report = land_all(store, tmp_path / "in")
    assert [(b.table, b.rows, b.partitions) for b in report.batches] == [
        ("sales", 0, ("ingest_dt=2024-01-14",)),
        ("goods", 0, ()),
    ]
    assert land_all(store, tmp_path / "in").landed == ()


def test_paths_with_pattern_signs_and_quotes_are_plain_paths(tmp_path: Path) -> None:
    source = tmp_path / "in [1]*" / "it's" / "sales-[a]?.csv"
    store = store_at(tmp_path / "lake's")
    (batch,) = land_all(store, write_rows(source, SALES)).batches
    assert batch.rows == 3
    assert landed_rows(store_at(tmp_path / "lake's"), "goods") == []


def test_progress_is_told_of_each_file(tmp_path: Path) -> None:
    from tests.integration.landing_shop import SPEC, find_sources, land

    for name in ("sales-a.csv", "sales-b.csv"):
        write_rows(tmp_path / "in" / name, [{**SALES[0], "note": name}])
    told: list[str] = []
    land(
        store_at(tmp_path),
        PREFIX,
        SPEC,
        find_sources(SPEC, tmp_path / "in"),
        landed_on=DAY,
        landed_at=MOMENT,
        progress=lambda batch: told.append(batch.source_file),
    )
    assert told == ["sales-a.csv", "sales-b.csv"]


def test_a_time_of_landing_without_a_zone_is_refused(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "sales.csv", SALES)
    with pytest.raises(ValueError, match="time zone"):
        land_all(store_at(tmp_path), source, landed_at=MOMENT.replace(tzinfo=None))


def _land_in_own_process(root: str, source: str, day: int) -> None:
    moment = MOMENT + timedelta(days=day)
    land_all(store_at(Path(root)), Path(source), landed_on=DAY, landed_at=moment)


def test_processes_that_land_into_the_same_partitions_lose_nothing(tmp_path: Path) -> None:
    expected = []
    for worker in range(4):
        for number in range(3):
            rows = [{**SALES[0], "sale_id": f"{worker}-{number}-{n}"} for n in range(5)]
            expected += [row["sale_id"] for row in rows]
            write_rows(tmp_path / f"in{worker}/sales-{number}.csv", rows)
        shared = [{"good_id": n, "category": f"c{n % 3}"} for n in range(9)]
        write_rows(tmp_path / f"in{worker}/goods.csv", shared, "goods")
    # Each worker's files twice, and one file that all of them land, on different days.
    calls = [(str(tmp_path), str(tmp_path / f"in{n % 4}"), n) for n in range(8)]
    random.Random(1).shuffle(calls)
    with get_context("spawn").Pool(4) as pool:
        pool.starmap(_land_in_own_process, calls)
    store = store_at(tmp_path)
    assert sorted(row[0] for row in landed_rows(store, "sales", "sale_id")) == sorted(expected)
    assert sorted(r[0] for r in landed_rows(store, "goods", "good_id::int")) == list(range(9))


def _same_file(root: str, source: str, day: int) -> None:
    on = DAY + timedelta(days=day)
    land_all(store_at(Path(root)), Path(source), landed_on=on, landed_at=MOMENT)


def test_processes_that_land_one_file_on_different_days_land_it_once(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "sales.csv", SALES)
    with get_context("spawn").Pool(4) as pool:
        pool.starmap(_same_file, [(str(tmp_path), str(source), n) for n in range(4)])
    assert len(landed_rows(store_at(tmp_path), "sales")) == 3
    assert len(partitions(store_at(tmp_path), "sales")) == 1


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=6)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "sale_id": TEXT,
            "units": st.none() | st.integers(-(2**63), 2**63 - 1),
            "price": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "is_gift": st.none() | st.booleans(),
            "note": st.none() | TEXT,
        }
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(rows=ROWS, data=st.data())
def test_any_split_in_any_order_gives_the_same_rows(rows: list[dict[str, object]], data) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        parts = data.draw(st.integers(1, 3))
        shares = [data.draw(st.integers(0, parts - 1)) for _ in rows]
        order = data.draw(st.permutations(range(parts)))
        store = store_at(root)
        for part in order:
            suffix = data.draw(st.sampled_from([".csv", ".jsonl", ".parquet", ".csv.gz"]))
            chosen = [row for row, share in zip(rows, shares, strict=True) if share == part]
            # A number of its own keeps equal parts from being one batch.
            marked = [{**row, "sale_id": f"{part}|{row['sale_id']}"} for row in chosen]
            land_all(store, write_rows(root / f"sales-{part}{suffix}", marked))
        wanted = Counter(
            (f"{share}|{row['sale_id']}", *(row[name] for name in list(SALES[0])[1:]))
            for row, share in zip(rows, shares, strict=True)
        )
        assert Counter(landed_rows(store, "sales", TYPED)) == wanted
