"""Files of another layout as a specification maps them: what lands, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from blocks.stores.local import LocalStore
from tasks.contracts.errors import IngestError, SpecError
from tasks.contracts.spec import Spec
from tasks.landing import LandingReport, land
from tasks.source_files import find_sources
from tasks.specs import load_spec_file

DAY = dt.date(2024, 1, 14)
SPEC = """
pipeline: shop
tables:
  - name: sales
    key: [id]
    partition: {{column: ingest_dt, kind: date}}
    source:
{source}
    columns:
      - {{name: id, type: string}}
      - {{name: place, type: string}}
      - {{name: total, type: float, becomes: money}}
    rules:
      - {{name: missing_id, not_null: id}}
"""
SOURCE = """
      path: sales.csv
      joins:
        - {name: shops, path: shops.csv, by: {shop_no: shop}}
        - name: lines
          path: lines.csv
          by: sale
          aggregate: {price: 'sum(try_cast(price as decimal(18, 2)))'}
      columns:
        id: sale
        place: coalesce(shops.town, '?') || ' ' || source.shop_no
        total: lines.price
"""
FILES = {
    "sales.csv": "\ufeffsale,shop_no\n1,a\n2,b\n3,\n",
    "shops.csv": "shop,town\na,Ulm\nb,\nc,Bonn\n",
    "lines.csv": "sale,price\n1,0.10\n1,0.20\n9,5\n2,x\n",
}
EXPECTED = [("1", "Ulm a", "0.30"), ("2", "? b", None), ("3", None, None)]


def spec_of(folder: Path, source: str = SOURCE) -> Spec:
    path = folder / "shop.yml"
    path.write_text(SPEC.format(source=source.strip("\n")))
    return load_spec_file(path)


def landed(tmp_path: Path, spec: Spec, files: dict[str, str | bytes]) -> LandingReport:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (source / name).write_bytes(data)
    at = dt.datetime(2024, 1, 14, 9, tzinfo=dt.UTC)
    store = LocalStore(tmp_path / "bronze")
    return land(store, "shop/", spec, find_sources(spec, source), landed_on=DAY, landed_at=at)


def rows(tmp_path: Path, columns: str = "id, place, total") -> list[tuple[Any, ...]]:
    files = [str(path) for path in (tmp_path / "bronze").rglob("*.parquet")]
    return duckdb.sql(f"select {columns} from read_parquet({files}) order by all").fetchall()


def test_a_row_of_the_first_file_is_one_raw_row(tmp_path: Path) -> None:
    """Also where nothing is found for it; other files that lie there are nobody's."""
    spec = spec_of(tmp_path)
    report = landed(tmp_path, spec, {**FILES, "notes.csv": "a\n1\n"})
    (batch,) = report.batches
    assert (batch.table, batch.source_file, batch.rows) == ("sales", "sales.csv", 3)
    assert batch.partitions == ("ingest_dt=2024-01-14",)
    assert rows(tmp_path) == EXPECTED
    assert {source for (source,) in rows(tmp_path, "source_file")} == {"sales.csv"}


def test_the_same_files_land_once_and_any_other_anew(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    landed(tmp_path, spec, dict(FILES))
    assert landed(tmp_path, spec, dict(FILES)).landed == ()
    changed = {**FILES, "lines.csv": FILES["lines.csv"] + "3,7\n"}
    assert landed(tmp_path, spec, changed).rows == 3


def as_json(text: str) -> list[dict[str, str | None]]:
    header, *lines = [line.split(",") for line in text.lstrip("\ufeff").splitlines()]
    return [{k: v or None for k, v in zip(header, line, strict=True)} for line in lines]


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet", "pattern"])
def test_other_formats_give_the_same_rows(tmp_path: Path, form: str) -> None:
    source, files = SOURCE, dict[str, str | bytes](FILES)
    if form == "pattern":
        source = source.replace("lines.csv", "lines*.csv")
        head, *lines = FILES["lines.csv"].splitlines(keepends=True)
        files |= {"lines.csv": head + lines[0], "lines-2.csv": head + "".join(lines[1:])}
    else:
        for name, text in FILES.items():
            records = as_json(text)
            if form == "json":
                content: str | bytes = json.dumps(records, indent=2).replace('"0.10"', "0.10")
            elif form == "jsonl":
                content = "".join(f"{json.dumps(record)}\n" for record in records)
            else:
                path = tmp_path / name
                pl.DataFrame(records).write_parquet(path)
                content = path.read_bytes()
            files[name.replace("csv", form)] = content
            del files[name]
        source = source.replace(".csv, by", f".{form}, format: {form}, by")
        for name, indent in (("sales", " " * 6), ("lines", " " * 10)):
            source = source.replace(
                f"path: {name}.csv", f"path: {name}.{form}\n{indent}format: {form}"
            )
    landed(tmp_path, spec_of(tmp_path, source), files)
    assert rows(tmp_path) == EXPECTED


def test_own_files_land_beside_mapped_ones(tmp_path: Path) -> None:
    other = "sales-own.csv"
    landed(tmp_path, spec_of(tmp_path), {**FILES, other: "id,place,total\n7,Rom,1\n"})
    assert rows(tmp_path)[-1] == ("7", "Rom", "1")


@pytest.mark.parametrize(
    ("change", "files", "wrong"),
    [
        (
            ("shops.town", "shops.twn"),
            {},
            'source.columns.place: Binder Error: .*"twn"',
        ),
        (("id: sale", "id: sake"), {}, 'source.columns.id: Binder Error: .*"sake" not found'),
        (("id: sale", "id: 'sale,'"), {}, "source.columns.id: Parser Error"),
        (("id: sale", "id: '1); select (2'"), {}, "source.columns.id: is no single SQL expression"),
        (
            ("id: sale", "id: (select 1 from read_csv('/etc/passwd'))"),
            {},
            "source.columns.id: Perm",
        ),
        (("id: sale", "id: max(source.sale)"), {}, "source: Binder Error"),
        (("shop_no: shop", "shp_no: shop"), {}, r"source.joins\[0\].by: Binder Error: .*shp_no"),
        (("sum(try", "summ(try"), {}, "source.joins.lines.aggregate: .*summ"),
        (
            ("x", "x"),
            {"shops.csv": "shop,town\na,Ulm\na,Rom\n"},
            "source.joins.shops: 2 rows of shops.csv have shop 'a'; a row may find one only",
        ),
        (
            ("x", "x"),
            {"shops.csv": None},
            r"joined with those of shops.csv \(shops\), which is not",
        ),
        (("x", "x"), {"shops.csv": "shop,town\na,Ulm,x\n"}, "shops.csv: line 2 has 3 fields"),
        (("x", "x"), {"lines.csv": b"sale,price\n1,\xff\n"}, "line 2 is no UTF-8 text"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_lands(
    tmp_path: Path, change: tuple[str, str], files: dict[str, Any], wrong: str
) -> None:
    given = {name: text for name, text in {**FILES, **files}.items() if text is not None}
    spec = spec_of(tmp_path, SOURCE.replace(*change))
    with pytest.raises(IngestError, match=f"(?s)table sales: .*{wrong}"):
        landed(tmp_path, spec, given)
    assert list((tmp_path / "bronze").rglob("*.parquet")) == []


def test_of_files_that_arrive_one_by_one_the_last_brings_the_rows(tmp_path: Path) -> None:
    spec, source = spec_of(tmp_path), tmp_path / "source"
    source.mkdir()
    for name in ("shops.csv", "sales.csv"):
        (source / name).write_text(FILES[name])
        assert find_sources(spec, source, [name]) == []
    (source / "lines.csv").write_text(FILES["lines.csv"])
    for name in FILES:
        (found,) = find_sources(spec, source, [name])
        assert (found.table, found.name) == ("sales", "sales.csv")
    with pytest.raises(IngestError, match=r"joined with those of lines\.csv"):
        (source / "lines.csv").unlink()
        find_sources(spec, source / "sales.csv")


def test_files_without_rows_have_no_rows(tmp_path: Path) -> None:
    empty = {name: text.splitlines()[0] + "\n" for name, text in FILES.items()}
    assert landed(tmp_path, spec_of(tmp_path), empty).rows == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("path: sales.csv", "path: ../sales.csv"),
            "tables[0].source.path: '../sales.csv' lies outside of the source; name it relative",
        ),
        (
            ("total: lines.price", "totals: lines.price"),
            "tables[0].source.columns.totals: no column 'totals'; did you mean 'total'?",
        ),
        (
            ("        total: lines.price\n", ""),
            "tables[0].source.columns: does not say where total comes from; null is an answer, too",
        ),
        (
            ("name: lines", "name: shops"),
            "tables[0].source.joins[1].name: 'shops' is the name of another file already",
        ),
        (("format", "x"), None),
        (("path: shops.csv, by", "path: shops.csv, format: xml, by"), "'xml' is not one of"),
        (("by: sale", "by: {}"), "tables[0].source.joins[1].by: Dictionary should have at least 1"),
        (("by: sale", "by: [sale]"), "tables[0].source.joins[1].by: Input should be a valid dict"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_path(
    tmp_path: Path, change: tuple[str, str], problem: str | None
) -> None:
    if problem is None:
        assert spec_of(tmp_path, SOURCE.replace(*change)).tables[0].source is not None
        return
    with pytest.raises(SpecError) as error:
        spec_of(tmp_path, SOURCE.replace(*change))
    assert problem in str(error.value)
