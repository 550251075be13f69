"""Finding a person in a lake and erasing them: nothing of theirs is left, and all else stands."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from blocks.settings import load_settings
from blocks.stores.local import LocalStore
from cli.app import app
from tasks.bronze_coverage import unpublished_tables
from tasks.contracts.errors import (
    ConfigurationError,
    ErasureConflictError,
    PublishConflictError,
)
from tasks.contracts.release import Release
from tasks.erasing import Request, erase, find, last_erasure
from tasks.masking import masked
from tasks.releases import (
    list_releases,
    missing_files,
    next_number,
    publish,
    read_current,
    read_release,
    roll_back,
)
from tasks.sample_data.retail import write_retail
from tasks.specs import load_spec
from tasks.subjects import Subject, personal_columns

KEY = b"a key of these tests"
TOKEN = "erased-0123456789abcdef"
NOW = datetime(2024, 3, 1, tzinfo=UTC)
Row = tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def run_shop(prefect_api: None) -> Iterable[Callable[..., Any]]:
    """Run a pipeline whose files are landed, with a mask key and the Iceberg catalog."""
    from flows.run import run_pipeline

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDALLION_MASK_KEY", KEY.decode())
        patch.setenv("MEDALLION_SYNC_CATALOG", "true")
        yield lambda pipeline, lake, day, **given: run_pipeline(
            pipeline, run_date=day, lake=str(lake), gates="warn", **given
        )


@pytest.fixture(scope="module")
def retail(run_shop: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dirty lake of two releases, the second after one more day's files; read it only."""
    folder = tmp_path_factory.mktemp("erasing")
    write_retail(folder / "files", orders=120, days=6, seed=4, dirt=0.2)
    run_shop("retail", folder / "lake", date(2024, 1, 6), source=str(folder / "files"))
    more = folder / "more"
    more.mkdir()
    (more / "raw_orders.csv").write_text(
        "order_id,customer_id,status,region,total_amount,created_at\n"
        "O-late,C00003,completed,CA,12.50,2024-01-07T10:00:00Z\n"
    )
    run_shop("retail", folder / "lake", date(2024, 1, 7), source=str(more))
    return folder / "lake"


@pytest.fixture
def own(retail: Path, tmp_path: Path) -> Path:
    """A copy of the lake to erase in, without the catalog, which knows the other's place."""
    lake = shutil.copytree(retail, tmp_path / "lake")
    (lake / "catalog.db").unlink()
    shutil.rmtree(lake / "retail" / "_iceberg")
    return lake


def request(lake: Path, value: str, pipeline: str = "retail", *, catalog: bool = False) -> Request:
    values = {**os.environ, "MEDALLION_SYNC_CATALOG": str(catalog).lower()}
    found = load_settings(None, lake_root=lake, variables=values)
    spec = load_spec(pipeline)
    subject = Subject(personal_columns(spec, "customer_id"), value, TOKEN, KEY)
    return Request(found.lake(), spec, found, "customer_id", subject, "J. Doe", NOW, lambda _: None)


def contents(lake: Path) -> str:
    """All that the files of a lake hold, decoded, in lower case."""
    parts = []
    for path in sorted(lake.rglob("*")):
        if not path.is_file() or path.suffix == ".db":
            continue
        if path.suffix == ".parquet":
            parts += [str(pq.ParquetFile(path).read().to_pylist()), str(pq.read_metadata(path))]
            groups = pq.read_metadata(path).to_dict()["row_groups"]
            parts.append(str([column["statistics"] for g in groups for column in g["columns"]]))
        elif path.suffix == ".avro":
            parts.append(_avro(path))
        else:
            parts.append(path.read_text(errors="replace"))
    return "\n".join(parts).lower()


def _avro(path: Path) -> str:
    from pyiceberg.avro.file import AvroFile
    from pyiceberg.io.pyarrow import PyArrowFileIO

    with AvroFile(PyArrowFileIO().new_input(str(path))) as records:  # type: ignore[var-annotated]
        return "\n".join(str(record._data) for record in records)


def holds(text: str, value: str) -> bool:
    return re.search(rf"(?<![\w.%+-]){re.escape(value.lower())}(?!\w)", text) is not None


def person(lake: Path, value: str) -> list[str]:
    """A customer's key and e-mail addresses that nobody else has, and the masks of these."""
    told, others = {value}, set()
    for path in (lake / "bronze").rglob("raw_customers/**/*.parquet"):
        for row in pq.ParquetFile(path).read().to_pylist():
            mail = (row["email"] or "").strip()
            is_own = (row["customer_id"] or "").strip() == value
            (told if is_own else others).update({mail, mail.lower()} if "@" in mail else ())
    return sorted((told - others) | {str(masked(text, KEY)) for text in told - others})


def rows_of(lake: Path, pipeline: str = "retail") -> dict[str, Counter[Row]]:
    """The rows of each table of the current release, and of bronze as it lies."""
    opened = request(lake, "-", pipeline).lake
    found: dict[str, Counter[Row]] = {}
    release = read_release(opened, pipeline)
    for name, table in release.tables.items():
        for file in table.files:
            path = opened.store_of(file.root).path(file.path)  # type: ignore[attr-defined]
            for row in pq.ParquetFile(path).read().to_pylist():
                kept = {k: v for k, v in row.items() if k not in ("_file",)}
                found.setdefault(name, Counter())[
                    tuple(sorted((k, str(v)) for k, v in kept.items()))
                ] += 1
    return found


def is_sound(lake: Path, pipeline: str = "retail") -> None:
    """Every release can be read, and bronze is what the current one was made of."""
    opened = request(lake, "-", pipeline).lake
    for release in list_releases(opened, pipeline):
        assert missing_files(opened, release) == []
        for table in release.tables.values():
            assert sum(file.bytes for file in table.files) == table.bytes
            assert sum(file.rows for file in table.files) == table.rows or table.view


def test_finding_changes_nothing_and_tells_of_every_layer(own: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in own.rglob("*")}
    asked = request(own, "C00003")
    _, knowing, found = find(asked.lake, asked.spec, asked.subject)
    tables = {item.table: item for item in found}
    assert {"bronze.raw_customers", "bronze.raw_orders", "gold.customer_orders"} <= set(tables)
    assert {"gold.customer_lifetime_value"} <= set(tables)
    assert any(not item.is_current for item in found), "older releases are looked into, too"
    assert any("@" in text for text in knowing.values)
    assert {p: p.stat().st_mtime_ns for p in own.rglob("*")} == before


CUSTOMERS = [f"C{number:05}" for number in (1, 2, 3, 4, 7, 9, 11, 19, 25, 31)]


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(CUSTOMERS))
def test_nothing_of_a_person_is_left_and_others_stay_as_they_were(retail: Path, value: str) -> None:
    lake = Path(f"{retail}-{value}")
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(retail, lake, ignore=shutil.ignore_patterns("catalog.db", "_iceberg"))
    before, told = rows_of(lake), person(lake, value)
    record = erase(request(lake, value))
    if record is None:
        assert not any(holds(contents(lake), text) for text in told)
        return
    assert (record.status, record.release, record.amended) == ("done", 3, (1, 2))
    after, text = rows_of(lake), contents(lake)
    assert [each for each in told if holds(text, each)] == []
    assert set(after) == set(before)
    for name in before:
        assert after[name].total() == before[name].total()
        gone, come = before[name] - after[name], after[name] - before[name]
        assert gone.total() == come.total()
        assert all(any(t in str(row).lower() for t in _lower(told)) for row in gone), name
        assert all(TOKEN in str(row) or str(masked(TOKEN, KEY)) in str(row) for row in come), name
    is_sound(lake)
    shutil.rmtree(lake)


def _lower(texts: Iterable[str]) -> list[str]:
    return [text.lower() for text in texts]


def test_bronze_is_still_known_and_gives_the_same_without_the_person(
    own: Path, run_shop: Callable[..., Any]
) -> None:
    told = person(own, "C00003")
    erase(request(own, "C00003"))
    asked, erased = request(own, "-"), rows_of(own)
    assert unpublished_tables(asked.lake, asked.spec, date(2024, 1, 7)) == ()
    whole = run_shop("retail", own, date(2024, 1, 7), full_refresh=True)
    for name, rows in rows_of(own).items():
        assert _timeless(rows) == _timeless(erased[name]), name
    for table in whole.record.tables:
        if table.rows_in is not None and table.layer == "silver":
            assert table.rows_in == table.rows_out + table.quarantined + table.superseded
    assert [each for each in told if holds(contents(own), each)] == []


def _timeless(rows: Counter[Row]) -> Counter[Row]:
    return Counter(
        {tuple((k, v) for k, v in row if k not in ("run_id", "_row")): n for row, n in rows.items()}
    )


@pytest.mark.parametrize("steps", (2, 9, 19, 30))
def test_a_call_that_died_is_continued_by_the_next(
    own: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = person(own, "C00003")
    left = itertools.count(steps, -1)

    def dying(name: str) -> Callable[..., Any]:
        whole = getattr(LocalStore, name)

        def step(self: LocalStore, *args: Any, **kwargs: Any) -> Any:
            if next(left) <= 0:
                raise KeyboardInterrupt
            return whole(self, *args, **kwargs)

        return step

    with monkeypatch.context() as patch:
        for name in ("write", "swap", "delete", "list"):
            patch.setattr(LocalStore, name, dying(name))
        with contextlib.suppress(KeyboardInterrupt):
            erase(request(own, "C00003"))
    is_sound(own)  # whatever was done: readers of any release see it whole
    record = erase(request(own, "C00003"))
    assert record is None or record.status == "done"
    asked = request(own, "C00003")
    last = last_erasure(asked.lake, "retail", asked.name)
    assert last is not None
    assert (last.status, last.moved) == ("done", ())
    assert [each for each in told if holds(contents(own), each)] == []
    is_sound(own)
    assert erase(asked) is None, "there is nothing left to erase"


def _again(lake: Path) -> Release:
    """Publish what is current once more, as a run does that began before."""
    opened = request(lake, "-").lake
    base, now = read_current(opened, "retail"), read_release(opened, "retail")
    update = {"release": next_number(base), "previous": now.release}
    return publish(opened, now.model_copy(update=update), base)


def test_whoever_publishes_while_a_person_is_looked_for_wins(own: Path) -> None:
    told, calls = person(own, "C00003"), []

    def meanwhile(message: str) -> None:
        calls.append(message)
        if len(calls) == 1:
            _again(own)

    asked = request(own, "C00003")
    with pytest.raises(ErasureConflictError, match="call again"):
        erase(Request(**{**asked.__dict__, "progress": meanwhile}))
    is_sound(own)
    record = erase(asked)
    assert record is not None
    assert (record.status, record.release, record.amended) == ("done", 4, (1, 2, 3))
    assert [each for each in told if holds(contents(own), each)] == []


def test_a_run_that_began_before_an_erasure_cannot_publish(own: Path) -> None:
    opened = request(own, "-").lake
    base, release = read_current(opened, "retail"), read_release(opened, "retail")
    erase(request(own, "C00003"))
    stale = release.model_copy(update={"release": next_number(base), "previous": base.release})
    with pytest.raises(PublishConflictError):
        publish(opened, stale, base)


def test_older_releases_can_come_back_without_the_person(own: Path) -> None:
    told = person(own, "C00003")
    erase(request(own, "C00003"))
    again = roll_back(request(own, "-").lake, "retail", to=1, created_at=NOW)
    assert again.erasures
    is_sound(own)
    assert [each for each in told if holds(contents(own), each)] == []


def test_what_runs_that_failed_have_left_goes(own: Path) -> None:
    told = person(own, "C00003")
    place = next((own / "gold" / "retail" / "runs").rglob("customer_orders/*.parquet"))
    left = own / "gold" / "retail" / "runs" / "20240101T000000Z-dead00" / "customer_orders"
    shutil.copytree(place.parent, left)
    erase(request(own, "C00003"))
    assert [each for each in told if holds(contents(own), each)] == []


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["subject", *arguments], catch_exceptions=False)


def test_the_command_asks_before_it_erases(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_MASK_KEY", KEY.decode())
    monkeypatch.setenv("MEDALLION_SYNC_CATALOG", "false")
    call = ("retail", "--key", "customer_id=C00003", "--lake", str(own))
    dry = command(*call)
    assert "gold.customer_orders" in dry.output
    assert "silver.stg_customers (view)" in dry.output
    refused = CliRunner().invoke(app, ["subject", *call, "--erase"], input="n\n")
    assert "Erase this person" in refused.output
    found = json.loads(command(*call, "--json", "--rows").stdout)
    assert found["tables"]["bronze.raw_customers"]["rows"] >= 1
    assert any(row.get("email") for row in found["rows"])
    shown = found["tables"]["silver.stg_customers"]
    assert (shown["rows"], shown["files"], shown["view"]) == (1, 0, True)
    in_view = [row for row in found["rows"] if row["_table"] == "silver.stg_orders"]
    assert len(in_view) == found["tables"]["silver.stg_orders"]["rows"] > 0
    assert {row["customer_id"] for row in in_view} == {"C00003"}
    assert (found["erasure"], found["last_erasure"]) == (None, None)
    done = json.loads(command(*call, "--erase", "--yes", "--json", "--by", "J. Doe").stdout)
    assert (done["erasure"]["status"], done["erasure"]["requested_by"]) == ("done", "J. Doe")
    assert "C00003" not in json.dumps(done["erasure"])
    assert "the lake holds nothing" in command(*call).output


def test_wrong_calls(own: Path, small_lake: Path) -> None:
    with pytest.raises(ConfigurationError, match="declares customer_id"):
        personal_columns(load_spec("ecommerce"), "order_id")
    with pytest.raises(ConfigurationError, match="give a column and a value"):
        command("retail", "--key", "customer_id", "--lake", str(own))
    customers = pq.read_table(
        next((small_lake / "silver" / "ecommerce" / "dims" / "customers").rglob("*.parquet"))
    )
    value = customers["customer_id"][0].as_py()
    with pytest.raises(ConfigurationError, match="another team's"):
        erase(request(small_lake, value, "ecommerce"))


def test_iceberg_tables_forget_too(retail: Path) -> None:
    """In the lake itself: its catalog knows where it lies. Last, for it changes the lake."""
    lake = retail
    told = person(lake, "C00003")
    assert holds(contents(lake), "C00003")
    record = erase(request(lake, "C00003", catalog=True))
    assert record is not None
    assert [each for each in told if holds(contents(lake), each)] == []
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("medallion", uri=f"sqlite:///{lake}/catalog.db")
    rows = catalog.load_table("retail.gold.customer_orders").scan().to_arrow()
    assert any(key.startswith("erased-") for key in rows["customer_id"].to_pylist())
