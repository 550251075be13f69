"""What stands in the place of a person's values, table by table."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.erasure import MovedFile, amended
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.erased_files import new_name
from tasks.masking import masked
from tasks.specs import load_spec
from tasks.subject_rows import (
    line_id,
    personal_values,
    shared_values,
    text_without_person,
    without_person,
)
from tasks.subjects import Subject, erasure_id, personal_columns

KEY, TOKEN = b"key", "erased-00ff"
MAIL = "jane@doe.example"
COLUMNS = personal_columns(load_spec("ecommerce"), "customer_id")


def shopper(value: str = "CUST-7", pipeline: str = "ecommerce", column: str = "customer_id"):
    return Subject(personal_columns(load_spec(pipeline), column), value, TOKEN, KEY)


def erased(subject: Subject, **columns: list[object]) -> dict[str, list[object]]:
    return without_person(pa.table(columns), subject).table.to_pydict()


def test_a_row_of_the_persons_keeps_its_place_and_what_tells_nothing() -> None:
    rows = pa.table(
        {
            "customer_id": [" CUST-7", "CUST-8", None],
            "email": ["Jane@Doe.example", "b@c.example", None],
            "first_name": ["Jane", "Jane", None],
            "shipping_address": ["1 High Street, Ely, OR 60072", "x", None],
            "total": [1.5, 2.5, None],
        }
    )
    done = without_person(rows, shopper())
    assert done.hits.to_pylist() == [True, False, False]
    assert done.table.schema == rows.schema
    assert done.table.to_pylist()[1:] == rows.to_pylist()[1:]
    assert done.table.to_pylist()[0] == {
        "customer_id": TOKEN,
        "email": f"{TOKEN}@erased.invalid",
        "first_name": TOKEN,
        "shipping_address": f"{TOKEN}, OR 00000",
        "total": 1.5,
    }
    assert without_person(done.table, shopper()).rows == 0, "twice is as once"


def test_values_are_as_valid_as_those_before() -> None:
    told = erased(shopper(), customer_id=["CUST-7"] * 3, email=["no address", None, " "])
    assert told["email"] == [TOKEN, None, " "]
    guest = shopper("GUEST-12345")
    assert erased(guest, customer_id=["GUEST-12345"])["customer_id"] == [f"GUEST-{TOKEN}"]


def test_a_person_is_known_elsewhere_by_what_nobody_else_has() -> None:
    rows = pa.table(
        {
            "customer_id": ["CUST-7", "CUST-7", "CUST-8"],
            "email": [MAIL, "shared@x.example", "shared@x.example"],
            "first_name": ["Jane", "Jane", "Jo"],
        }
    )
    first = shopper().knowing(personal_values(rows, shopper()))
    known = first.knowing(first.values, shared_values(rows, first))
    assert known.shared == {"shared@x.example"}
    told = erased(
        known,
        customer_id=[None, "CUST-8", None],
        note=[f"write to {MAIL.upper()}!", f"not-{MAIL}.org", "shared@x.example Jane"],
    )
    assert told["note"] == [
        f"write to {TOKEN}@erased.invalid!",
        f"not-{MAIL}.org",
        "shared@x.example Jane",
    ]
    own = erased(known, customer_id=["CUST-7"], message=["Jane of shared@x.example: bad"])
    assert own["message"] == [f"{TOKEN} of {TOKEN}@erased.invalid: bad"]


def test_masks_become_masks_of_what_stands_in() -> None:
    known = shopper().knowing({MAIL: "email"})
    told = erased(known, customer_email=[masked(MAIL, KEY), masked("a@b.c", KEY)])
    assert told["customer_email"] == [masked(f"{TOKEN}@erased.invalid", KEY), masked("a@b.c", KEY)]
    assert erased(known, customer_id=[masked("CUST-7", KEY)])["customer_id"] == [masked(TOKEN, KEY)]


def test_numbers_stay_numbers_and_lines_keep_ids_that_sql_computes() -> None:
    visitor = shopper("512345678", "clickstream", "user_id")
    moments = [datetime(2024, 1, 2, 3, 4, 5), datetime(2024, 1, 2, 3, 4, 5, 60)]  # noqa: DTZ001
    rows = {
        "event_id": ["a", "b"],
        "event_time": moments,
        "user_id": [512345678, 512345678],
        "product_id": [1, 2],
        "user_session": ["s", "t"],
        "event_type": ["view", "cart"],
        "raw_line": ["x,512345678,y", "x,5123456789,y"],
    }
    told = erased(visitor, **rows)
    number = told["user_id"][0]
    assert isinstance(number, int)
    assert number > 0
    assert told["raw_line"] == [f"x,{number},y", "x,5123456789,y"]
    texts = ("2024-01-02 03:04:05", "2024-01-02 03:04:05.000060")
    key = zip(texts, (1, 2), ("s", "t"), ("view", "cart"), strict=True)
    with duckdb.connect() as engine:
        computed = [
            engine.execute(
                "select sha256(concat_ws('|', ?, ?, ?, ?, ?))", [moment, number, *rest]
            ).fetchone()[0]
            for moment, *rest in key
        ]
    assert told["event_id"] == computed
    assert line_id([moments[0], 1]) != line_id([moments[1], 1])


def test_lines_of_json_and_reports_are_texts() -> None:
    known = shopper("CUST-ü77").knowing({MAIL: "email"})
    text = f'{{"to": "{MAIL}", "id": "CUST-\\u00fc77", "other": "CUST-ü778"}}\n'
    assert text_without_person(text, known) == (
        f'{{"to": "{TOKEN}@erased.invalid", "id": "{TOKEN}", "other": "CUST-ü778"}}\n'
    )


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_texts_that_do_not_tell_of_the_person_are_left_alone(text: str, value: str) -> None:
    person = Subject(COLUMNS, value, TOKEN, KEY)
    if value.lower() not in text.lower():
        assert text_without_person(text, person) == text


def test_names_of_erasures_and_files_tell_nothing() -> None:
    name = erasure_id("shop", "customer_id", "CUST-7", KEY)
    assert name != erasure_id("shop", "customer_id", "CUST-7", b"other")
    assert "CUST" not in name
    assert new_name("a/b-0.parquet", f"{name}-1") == f"a/b-0.e{name[:8]}1.parquet"
    assert new_name("a/b-0.parquet", f"{name}-1") != new_name("a/b-0.parquet", f"{name}-2")


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_a_release_lists_the_new_files(layer: str) -> None:
    file = PublishedFile(root=layer, path="old", rows=2, bytes=9, sha256="a" * 64)
    table = PublishedTable(rows=2, bytes=9, columns={"c": "VARCHAR"}, files=(file,))
    release = Release(
        pipeline="shop",
        release=1,
        previous=None,
        run_id="r",
        run_date=date(2024, 1, 1),
        created_at=datetime(2024, 1, 1),  # noqa: DTZ001
        spec_fingerprint="",
        bronze={"t": (f"old|2|9|{'a' * 64}", "other|1|1|-")},
        tables={f"{layer}.t": table},
    )
    moved = MovedFile(layer=layer, path="old", to="new", rows=2, bytes=7, sha256="b" * 64)
    found = amended(release, [moved], "e-1")
    assert found.tables[f"{layer}.t"].files[0].path == "new"
    assert found.tables[f"{layer}.t"].bytes == 7
    assert (f"new|2|7|{'b' * 64}" in found.bronze["t"]) == (layer == "bronze")
    assert found.erasures == ("e-1",)
