"""The clickstream oracle's own tests: files, lines, quotes, casts, rules, duplicates, silver.

Belongs here: silver and what is below it, worked out by hand from the contract's sentences. Gold
is in `test_oracle_clickstream_gold`.
"""

import gzip
import hashlib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from .clickstream import RUN_COLUMNS, clickstream_outputs, without
from .clickstream_bronze import (
    CASTS,
    RefusedFileError,
    decimal_number,
    files_under,
    parse_file,
    read_events,
    split_fields,
    whole_number,
)
from .clickstream_silver import Events, event_id, levels, quality
from .sample_events import DAY, HEADER, content, line, only, outputs, parsed
from .table import Table

at = datetime.fromisoformat
MIDNIGHT = at("2024-03-10T00:00:00")


def reasons(tables: dict[str, Table]) -> list[list[str]]:
    return [row["quarantine_reasons"] for row in tables["silver.events_quarantine"].dicts()]


def counts(tables: dict[str, Table]) -> tuple[int, ...]:
    """Bronze, silver, quarantined and superseded rows."""
    (row,) = tables["accounting"].rows
    return row[1:]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a,b", ["a", "b"]),
        ("a,", ["a", ""]),
        ("", [""]),
        ('"a,b",c', ["a,b", "c"]),
        ('"say ""hi""",c', ['say "hi"', "c"]),
        ('"",c', ["", "c"]),
        ('""""', ['"']),
        ('5" disk,c', ['5" disk', "c"]),
        (' "a,b"', [' "a', 'b"']),
        ('a,"b', None),
        ('a,"b""', None),
        ('"', None),
    ],
)
def test_fields_are_split_by_commas_outside_of_quotes(text: str, fields: list[str] | None) -> None:
    assert split_fields(text) == fields


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("+7", 7),
        ("-0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("1.0", None),
        ("1e3", None),
        ("1_000", None),
        ("- 7", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_integers_are_a_sign_and_digits_within_int64(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("35.79", 35.79),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("-0.5", -0.5),
        ("1e999", None),
        ("inf", None),
        ("-Infinity", None),
        ("0x10", None),
        ("1,5", None),
        ("1_0", None),
        ("1e", None),
        ("$5", None),
    ],
)
def test_a_price_is_a_finite_decimal_number(text: str, number: float | None) -> None:
    assert decimal_number(text) == number


def test_line_numbers_count_the_header_and_blank_lines() -> None:
    rows = parse_file("e.csv", content(line(), "", " \t ", line(), "\r"))
    assert [row["source_line"] for row in rows] == [2, 5]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_either_line_end_and_a_byte_order_mark_leave_no_trace(end: str) -> None:
    rows = parse_file("e.csv", b"\xef\xbb\xbf" + content(line(), "broken", end=end))
    assert rows[0]["event_time"] == at("2024-03-10T10:00:00")
    assert rows[0]["user_session"] == "s1"
    assert rows[1]["raw_line"] == "broken"


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert len(parse_file("e.csv", content(line(), line()).removesuffix(b"\n"))) == 2


def test_the_header_names_the_columns_in_whatever_order() -> None:
    names = HEADER.split(",")
    turned = ",".join(reversed(line().split(",")))
    (row,) = parse_file("e.csv", content(turned, header=",".join(reversed(names))))
    assert (row["user_id"], row["event_type"], row["price"]) == (1, "view", 10.0)


@pytest.mark.parametrize("missing", list(CASTS))
def test_a_file_that_lacks_a_column_is_refused(missing: str) -> None:
    names = [name for name in HEADER.split(",") if name != missing]
    with pytest.raises(RefusedFileError, match=missing):
        parse_file("e.csv", content(header=",".join(names)))
    with pytest.raises(RefusedFileError):
        parse_file("e.csv", b"")


def test_new_columns_at_the_end_are_kept_in_bronze_and_count_as_fields(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(content(line() + ",new", line(), header=f"{HEADER},device"))
    kept, short = read_events(tmp_path, MIDNIGHT)
    assert (kept["device"], kept["reasons"]) == ("new", [])
    assert short["reasons"] == ["malformed_line"]
    tables = clickstream_outputs(tmp_path, DAY)
    assert "device" not in tables["silver.events_cleaned"].columns
    assert tables["silver.events_quarantine"].columns[9:] == [
        *("raw_line", "ingestion_timestamp", "created_at", "source_file", "source_line"),
        "quarantine_reasons",
    ]


@pytest.mark.parametrize("bad", [line() + ",more", "a,b", line(brand='"acme'), ","])
def test_a_malformed_line_is_kept_whole_and_has_one_reason(bad: str) -> None:
    (row,) = parsed(bad)
    assert row["reasons"] == ["malformed_line"]
    assert row["raw_line"] == bad
    assert all(row[name] is None for name in CASTS)


def test_bytes_that_are_no_utf_8_make_a_line_malformed() -> None:
    dirty = content(line()).replace(b"acme", b"ac\xffme")
    (row,) = parse_file("e.csv", dirty)
    assert row["reasons"] == ["malformed_line"]
    assert row["raw_line"].startswith("2024-03-10 10:00:00 UTC,view,1,7,tools.drill,ac")


def test_every_value_that_does_not_cast_is_named_in_the_order_of_the_columns() -> None:
    bad = line(time="soon", product="1.0", category="x", price="free", user="me", kind="nonsense")
    (row,) = parsed(bad)
    assert row["reasons"] == [
        *("invalid_event_time", "invalid_product_id", "invalid_category_id"),
        *("invalid_price", "invalid_user_id"),
    ]
    assert row["raw_line"] == bad
    assert all(row[name] is None for name in CASTS)


def test_null_tokens_and_spaces_cast_to_null_not_to_a_reason() -> None:
    row, other = parsed(
        line(time=" NULL ", product="n/a", category="", price="NaN", user="None"),
        line(time=" 2024-03-10T23:30:00-0100 ", product=" 5 ", price="\t1.5 "),
    )
    assert row["reasons"] == []
    assert [row[n] for n in CASTS if CASTS[n] is not None] == [None] * 5
    assert other["event_time"] == at("2024-03-11T00:30:00")
    assert (other["product_id"], other["price"]) == (5, 1.5)


def test_strings_of_bronze_are_as_received_and_an_empty_field_is_null() -> None:
    (row,) = parsed(line(kind=" VIEW ", code="", brand='""', session=" None "))
    assert row["event_type"] == " VIEW "
    assert row["category_code"] is None
    assert row["brand"] is None
    assert row["user_session"] == " None "
    assert row["raw_line"] is None


def test_files_are_found_below_the_folder_and_named_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.csv").write_bytes(content(line()))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content(line(user=2))))
    (tmp_path / "Z.csv").write_bytes(content(line(user=3)))
    (tmp_path / "notes.txt").write_text("x")
    assert [name for name, _ in files_under(tmp_path)] == ["Z.csv", "a.csv.gz", "b/1.csv"]
    assert [row["user_id"] for row in read_events(tmp_path, MIDNIGHT)] == [3, 2, 1]
    (alone,) = read_events(tmp_path / "b" / "1.csv", MIDNIGHT)
    assert (alone["source_file"], alone["ingestion_timestamp"]) == ("1.csv", MIDNIGHT)


def test_of_two_equal_files_the_first_name_is_landed(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_bytes(content(line()))
    assert [row["source_file"] for row in read_events(tmp_path, MIDNIGHT)] == ["a.csv"]


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"time": ""}, ["valid_event_time"]),
        ({"kind": "wishlist"}, ["valid_event_type"]),
        ({"kind": "null"}, ["valid_event_type"]),
        ({"product": 0}, ["valid_product_id"]),
        ({"product": ""}, ["valid_product_id"]),
        ({"user": -1}, ["valid_user_id"]),
        ({"user": "nan"}, ["valid_user_id"]),
        ({"price": "-0.001"}, ["valid_price"]),
        ({"price": "100000.001"}, ["valid_price"]),
        ({"price": ""}, ["valid_price"]),
        ({"session": " n/A "}, ["valid_user_session"]),
        (
            {"time": "", "kind": "", "product": 0, "user": 0, "price": "-1", "session": ""},
            [
                *("valid_event_time", "valid_event_type", "valid_product_id"),
                *("valid_user_id", "valid_price", "valid_user_session"),
            ],
        ),
        ({"price": "0"}, None),
        ({"price": "100000"}, None),
        ({"category": ""}, None),
        ({"kind": " Remove_From_CART "}, None),
    ],
)
def test_rules_hold_only_for_what_is_true(
    tmp_path: Path, changes: dict[str, str], broken: list[str] | None
) -> None:
    tables = outputs(tmp_path, line(**changes))
    assert reasons(tables) == ([] if broken is None else [broken])


def test_a_quarantined_row_is_as_received_and_kept_as_often_as_it_came(tmp_path: Path) -> None:
    bad = line(kind=" VIEW ", brand="ACME ", price="-1", session="")
    tables = outputs(tmp_path, bad, bad, line())
    first, second = tables["silver.events_quarantine"].dicts()
    assert (first["event_type"], first["brand"], first["price"]) == (" VIEW ", "ACME ", -1.0)
    assert (first["source_line"], second["source_line"]) == (2, 3)
    assert first["raw_line"] is None
    assert counts(tables) == (3, 1, 2, 0)


def test_silver_is_standardised_and_derived(tmp_path: Path) -> None:
    row = only(
        outputs(
            tmp_path,
            line(
                time="2024-03-10T23:59:59.1234569+01:00",
                kind=" Cart",
                code=" Home.Kitchen.Oven.Big ",
                brand=" ACME",
                price="1.005",
                session=" S1\t",
                category="",
            ),
        )["silver.events_cleaned"]
    )
    assert row["event_time"] == at("2024-03-10T22:59:59.123456")
    assert (row["event_date"], row["event_hour"]) == (date(2024, 3, 10), 22)
    assert row["event_day_of_week"] == 1  # a Sunday
    assert (row["event_type"], row["brand"], row["user_session"]) == ("cart", "acme", "S1")
    assert row["category_code"] == "Home.Kitchen.Oven.Big"
    assert [row[f"category_l{n}"] for n in (1, 2, 3)] == ["Home", "Kitchen", "Oven"]
    assert row["category_id"] is None
    assert row["price"] == Decimal("1.01")
    assert (row["source_file"], row["source_line"]) == ("e.csv", 2)
    assert row["processed_timestamp"] == MIDNIGHT
    text = "2024-03-10 22:59:59.123456|1|1|S1|cart"
    assert row["event_id"] == hashlib.sha256(text.encode()).hexdigest()


def test_an_event_id_has_no_fraction_where_it_is_zero() -> None:
    key = {"user_id": 2, "product_id": 3, "user_session": "s", "event_type": "view"}
    text = "2024-03-10 10:00:00|2|3|s|view"
    row = {"event_time": at("2024-03-10T10:00:00"), **key}
    assert event_id(row) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("saturday", ["2024-03-09", "2024-03-16"])
def test_a_saturday_is_day_seven(tmp_path: Path, saturday: str) -> None:
    tables = outputs(tmp_path, line(time=saturday))
    assert only(tables["silver.events_cleaned"])["event_day_of_week"] == 7


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("a", ("a", None, None)),
        ("a.b.c.d", ("a", "b", "c")),
        ("a..c", ("a", None, "c")),
        (".b", ("unknown", "b", None)),
        (".", ("unknown", None, None)),
        ("unknown", ("unknown", None, None)),
    ],
)
def test_levels_are_the_parts_between_dots(code: str, parts: tuple[str | None, ...]) -> None:
    assert levels(code) == parts


def test_null_brand_and_code_become_unknown(tmp_path: Path) -> None:
    row = only(outputs(tmp_path, line(brand="None", code=""))["silver.events_cleaned"])
    assert (row["brand"], row["category_code"], row["category_l1"]) == ("unknown",) * 3


def test_the_first_of_a_key_stays_by_file_then_line(tmp_path: Path) -> None:
    twin = line(kind="VIEW", session=" s1 ", price="2", time="2024-03-10T11:00:00+01:00")
    (tmp_path / "b.csv").write_bytes(content(line(price="3"), line(price="4")))
    (tmp_path / "B.csv").write_bytes(content(line(price="-1"), twin, line(price="5")))
    tables = clickstream_outputs(tmp_path, DAY)
    row = only(tables["silver.events_cleaned"])
    # The invalid copy of an earlier line displaces nothing, and is no duplicate.
    assert (row["source_file"], row["source_line"], row["price"]) == ("B.csv", 3, Decimal(2))
    assert counts(tables) == (5, 1, 1, 3)


@pytest.mark.parametrize(
    "other",
    [
        {"time": "2024-03-10 10:00:00.000001 UTC"},
        {"user": 2},
        {"product": 2},
        {"session": "S1"},
        {"kind": "cart"},
    ],
)
def test_another_value_in_the_key_is_another_event(tmp_path: Path, other: dict[str, str]) -> None:
    assert counts(outputs(tmp_path, line(), line(**other), line(brand="x"))) == (3, 2, 0, 1)


def test_quality_is_told_in_percent(tmp_path: Path) -> None:
    bad = {"quarantine_reasons": ["valid_price", "valid_user_id"]}
    events = Events(bronze=10, rows=[{}] * 6, quarantined=[bad, bad], superseded=2)
    told = quality(events)
    assert told == {
        "valid_price": 20.0,
        "valid_user_id": 20.0,
        "duplicates": 20.0,
        "score": 75.0,
    }
    assert quality(Events()) == {"duplicates": None, "score": None}


def test_columns_that_tell_the_run_can_be_left_out(tmp_path: Path) -> None:
    tables = outputs(tmp_path, line(), "broken")
    assert without(tables["silver.events_cleaned"]).columns[-1] == "source_line"
    left = without(tables["silver.events_quarantine"])
    assert not set(left.columns) & set(RUN_COLUMNS)
    assert len(left.rows[0]) == len(left.columns) == 13
