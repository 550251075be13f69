"""Whole runs on lakes in buckets publish what runs on a disk do."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from blocks.applying import apply_environment
from blocks.flow_settings import flow_settings
from blocks.lake import Lake, local_lake
from flows.ingest import ingest
from flows.run import RunOutcome, run_pipeline
from tasks.audit import read_record, run_ids
from tasks.bronze_inventory import take_inventory
from tasks.contracts.errors import ReleaseError
from tasks.correction_landing import Rejected, Replayed, replay
from tasks.landing_rows import EngineLimits
from tasks.mirror import passing_mirror
from tasks.quarantine_export import exported_rows, exported_table
from tasks.release_views import release_views, select, tables_of
from tasks.releases import missing_files, read_release, table_urls
from tasks.specs import load_spec
from tests.integration.published import content
from tests.integration.same_content import content_differences
from tests.stores.conftest import Backend, backend_of
from tests.stores.lakes import content_of, environment, fill_bronze

pytestmark = pytest.mark.slow
FIRST, SECOND = date(2024, 1, 4), date(2024, 1, 6)


@pytest.fixture(scope="module", params=["s3", "gcs"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return backend_of(request.param, request, tmp_path_factory.mktemp("buckets"))


@pytest.fixture(scope="module")
def scratch(backend: Backend) -> Iterator[Path]:
    folder = backend.folder / "scratch"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(folder))
        # A run of a deployment takes the saved environment, as on a worker.
        patch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(uuid4()))
        yield folder


@pytest.fixture(scope="module")
def runs(
    prefect_api: None, backend: Backend, scratch: Path, small_bronze: Path
) -> tuple[Lake, RunOutcome, RunOutcome]:
    """A lake in buckets, and two runs on it, the second built on the first."""
    folder = backend.folder / "environments"
    variables = environment(backend, folder, f"buckets_{backend.kind}")
    apply_environment(f"buckets_{backend.kind}", variables=variables, folder=folder)
    lake = flow_settings(f"buckets_{backend.kind}").lake()
    fill_bronze(lake, small_bronze)
    first, second = (
        run_pipeline("ecommerce", run_date=day, environment=f"buckets_{backend.kind}")
        for day in (FIRST, SECOND)
    )
    return lake, first, second


def test_a_run_in_buckets_publishes_what_a_run_on_disk_does(
    runs: tuple[Lake, RunOutcome, RunOutcome], small_lake: Path
) -> None:
    lake, _, second = runs
    assert second.record.release == 2
    assert content_differences(content(small_lake, 1), content_of(lake)) == []


def test_the_second_run_carries_over_what_the_first_has_sent(
    runs: tuple[Lake, RunOutcome, RunOutcome],
) -> None:
    lake, first, second = runs
    release = read_release(lake, "ecommerce")
    paths = {file.path for table in release.tables.values() for file in table.files}
    for run in (first, second):
        own = f"ecommerce/runs/{run.record.run_id}/"
        assert any(path.startswith(own) for path in paths)
    assert missing_files(lake, release) == []


def test_each_layer_lies_in_its_own_bucket_and_nothing_stays_behind(
    runs: tuple[Lake, RunOutcome, RunOutcome], scratch: Path, backend: Backend
) -> None:
    lake, _, second = runs
    release = read_release(lake, "ecommerce")
    scheme = "s3" if backend.kind == "s3" else "gs"
    for name, table in release.tables.items():
        layer = "gold" if name.startswith("gold.") else "silver"
        for url in table_urls(lake, table):
            assert url.startswith(f"{scheme}://{layer}-")
    assert lake.bronze.url("").startswith(f"{scheme}://bronze-")
    assert second.report.startswith(f"{scheme}://control-")
    assert lake.control.read(second.report.partition("/some/prefix/")[2]).startswith(
        b"<!DOCTYPE html>"
    )
    kept = [str(path) for path in scratch.rglob("*") if "dbt" not in path.parts and path.is_file()]
    assert kept == []
    stored = {f.path for t in release.tables.values() for f in t.files}
    for layer in ("silver", "gold"):
        in_runs = lake.store_of(layer).list("ecommerce/runs")
        assert not [key for key in in_runs if "/.work/" in key]
        assert stored >= {k for k in in_runs if second.record.run_id in k}
    assert read_record(lake, "ecommerce", run_ids(lake, "ecommerce")[-1]).release == 2


def test_bronze_of_others_and_files_to_land_may_lie_in_buckets_of_their_own(
    runs: tuple[Lake, RunOutcome, RunOutcome], backend: Backend, small_bronze: Path, scratch: Path
) -> None:
    day, spec = date(2024, 1, 2), load_spec("ecommerce")
    environment, theirs = f"buckets_{backend.kind}", backend.root("theirs")
    store = flow_settings(environment).store_at(theirs)
    for file in sorted(path for path in small_bronze.rglob("*") if path.is_file()):
        column, _, value = file.parent.name.partition("=")
        if column == "category" or value <= f"{day}":
            store.upload(file, file.relative_to(small_bronze).as_posix())
    before = store.list("")
    call = {"run_date": day, "lake": backend.root("single"), "environment": environment}
    on_disk = local_lake(backend.folder, bronze=small_bronze)
    expected = {f"silver.{t.name}": take_inventory(on_disk, spec, t, day).rows for t in spec.tables}
    with pytest.MonkeyPatch.context() as patch:
        stages = "bronze,dimensions,silver" if backend.kind == "s3" else "bronze"  # once is enough
        patch.setenv("MEDALLION_STAGES", stages)
        done = run_pipeline("ecommerce", bronze=theirs, **call)
    assert {gate.status for gate in done.record.gates if gate.layer == "bronze"} == {"pass"}
    found = {t.table: t.rows_in for t in done.record.tables if t.layer == "silver"}
    assert found == (expected if backend.kind == "s3" else {})
    assert store.list("") == before

    report = ingest("ecommerce", f"{theirs}/orders", lake=call["lake"], environment=environment)
    assert [(b.table, b.already_landed) for b in report.batches] == [("orders", False)] * 2
    kept = [path for path in scratch.rglob("*") if "dbt" not in path.parts and path.is_file()]
    assert kept == []


def test_queries_read_the_release_where_it_lies(
    runs: tuple[Lake, RunOutcome, RunOutcome], small_lake: Path, scratch: Path
) -> None:
    lake, _, _ = runs
    release = read_release(lake, "ecommerce")
    sql = "select count(*), (select count(*) from audit.runs) from silver.orders"
    assert tables_of(sql, lake, release) == {"silver.orders", "audit.runs"}
    assert tables_of("from information_schema.tables", lake, release) is None
    with release_views(lake, release, tables=tables_of(sql, lake, release)) as connection:
        ((orders, audited),) = select(connection, sql).rows
        known = select(connection, "select view_name from duckdb_views() where not internal").rows
        assert {name for (name,) in known} == {"orders", "runs"}
    assert orders == len(content(small_lake, 1)["silver.orders"])
    assert audited > 0
    assert not list(scratch.rglob("reading-*"))


def test_a_file_that_is_not_the_listed_one_is_refused(
    runs: tuple[Lake, RunOutcome, RunOutcome],
) -> None:
    lake, _, _ = runs
    table = read_release(lake, "ecommerce").tables["gold.fct_daily_dashboard"]
    file = table.files[0]
    before = lake.gold.read(file.path)
    try:
        lake.gold.write(file.path, b"x" * file.bytes)
        with passing_mirror(lake) as mirror, pytest.raises(ReleaseError) as caught:
            mirror.paths(table.files)
        assert str(caught.value).startswith(
            f"{lake.gold.url(file.path)} is not the file that its release lists"
        )
        lake.gold.delete([file.path])
        with passing_mirror(lake) as mirror, pytest.raises(ReleaseError, match="is missing"):
            mirror.paths(table.files)
    finally:
        lake.gold.write(file.path, before)
    with passing_mirror(lake) as mirror:
        assert Path(mirror.paths(table.files)[0]).read_bytes() == before


def test_corrections_land_in_the_bucket_of_bronze_and_a_run_sees_them(
    runs: tuple[Lake, RunOutcome, RunOutcome], tmp_path: Path
) -> None:
    lake, _, _ = runs
    spec, release = load_spec("ecommerce"), read_release(lake, "ecommerce")
    names = ("silver.orders", "silver.orders_quarantine")
    export = exported_table(spec, release, *names)
    with release_views(lake, release, tables={names[1]}) as connection:
        (row, *_) = [row.texts() for row in exported_rows(connection, export)]
    edited = tmp_path / "orders.json"
    edited.write_text(json.dumps({"rows": [row | {"agent_id": "corrected"}]}))

    def land() -> Replayed:
        return replay(
            Rejected(lake, spec, release, *names),
            edited,
            corrected_by="J. Doe",
            landed_at=datetime(2024, 1, 7, tzinfo=UTC),
            limits=EngineLimits(),
        )

    first, again = land(), land()
    assert (first.batch.rows, first.batch.already_landed) == (1, False)
    assert again.batch == dataclasses.replace(first.batch, already_landed=True)
    with passing_mirror(lake) as mirror:
        known = frozenset(release.bronze["orders"])
        found = take_inventory(lake, spec, spec.table("orders"), SECOND, known=known, mirror=mirror)
        (corrections,) = found.corrections
        assert (found.problems, found.without(known).rows) == ((), 1)
        (landed,) = pq.read_table(corrections).to_pylist()
    assert (landed["corrects_row"], landed["agent_id"]) == (row["quarantine_row"], "corrected")
    assert landed["batch_id"] == first.batch.batch_id
    assert landed["ingestion_ts"] == row["ingestion_ts"]
