"""A run that is tried again computes only what is missing, and publishes the same.

Belongs here: failed and killed runs with the runs after them, in one lake of the module. Does not
belong here: the addresses of results (`unit/test_result_keys.py`).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prefect.runtime import flow_run
from typer.testing import CliRunner

import tasks.run_steps
from blocks.lake import local_lake
from cli.app import app
from flows.run import RunFailedError, run_pipeline
from tasks.audit import read_record
from tasks.contracts.table_result import TableResult
from tests.faults.test_killed_runs import wait_for_stage
from tests.faults.whole_release import assert_whole
from tests.integration.published import content
from tests.integration.same_content import content_differences

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a process is killed"),
]

ROOT = Path(__file__).parents[2]
DAY = date(2024, 1, 6)
EVENING = datetime(2024, 1, 7, 23, 59, tzinfo=UTC)
BROKEN = "attributed_purchases"
BEHIND = {f"enriched.{n}" for n in (BROKEN, "cart_attribution", "daily_business_metrics")}


def planned(lake: Path, bronze: Path, *more: str) -> dict[str, dict[str, str]]:
    """{table: what is planned} of a run."""
    call = ["--lake", str(lake), "--bronze", str(bronze), "--run-date", DAY.isoformat(), *more]
    answer = CliRunner().invoke(app, ["plan", "ecommerce", "--json", *call])
    assert answer.exit_code == 0, answer.output
    stages = json.loads(answer.stdout)["stages"]
    return {t["table"]: t for stage in stages for t in stage["tables"]}


def reused(plan: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, table in plan.items() if table["action"] == "reuse"}


def breaking(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> list[str]:
    """Let one transform fail so many times; returns the names of those that are run."""
    compute, ran = tasks.run_steps.run_transform, []

    def run_transform(run: Any, transform: Any, *rest: Any) -> Any:
        ran.append(transform.name)
        if transform.name == BROKEN and ran.count(BROKEN) <= times:
            raise ValueError("injected")
        return compute(run, transform, *rest)

    monkeypatch.setattr(tasks.run_steps, "run_transform", run_transform)
    return ran


def test_what_failed_and_killed_runs_have_computed_is_not_computed_again(
    run_flow: Callable[..., Any],
    small_bronze: Path,
    small_lake: Path,
    strangers_variables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, lake = tmp_path / "lake", local_lake(tmp_path / "lake")
    with monkeypatch.context() as patch:
        breaking(patch)
        with pytest.raises(RunFailedError, match="injected") as failed:
            run_flow(path, DAY, bronze=small_bronze)
    first = failed.value.record.run_id

    plan = planned(path, small_bronze)
    silver = {name for name in plan if name.startswith("silver.")}
    enriched = {name for name in plan if name.startswith("enriched.")}
    assert reused(plan) == silver | enriched - BEHIND
    assert plan["silver.orders"]["reason"].startswith(f"result of run {first}; ")
    assert reused(planned(path, small_bronze, "--full-refresh")) == set()

    second = kill_in_gold(path, small_bronze, strangers_variables)
    plan = planned(path, small_bronze)
    assert reused(plan) == silver | enriched
    runs = {n: plan[n]["reason"].partition(";")[0].rpartition(" ")[2] for n in reused(plan)}
    assert {n for n, run in runs.items() if run == second} == BEHIND
    assert {run for n, run in runs.items() if n not in BEHIND} == {first}

    lost, cut, changed = "enriched.sales_velocity", "silver.returns", "enriched.inventory_risk"
    damage(path, lost, cut, changed)
    assert reused(planned(path, small_bronze)) == (silver | enriched) - {lost, cut}
    computed = breaking(monkeypatch, times=0)
    done = run_flow(path, DAY, bronze=small_bronze)
    assert set(computed) == {"sales_velocity", "inventory_risk"}
    records = {table.table: table for table in done.record.tables}
    assert {n: t.reused_from for n, t in records.items() if t.reused_from} == {
        name: run for name, run in runs.items() if name not in (lost, cut, changed)
    }
    assert (records["silver.orders"].rows_carried, records["silver.orders"].seconds) == (
        records["silver.orders"].rows_out,
        0,
    )
    assert read_record(lake, "ecommerce", done.record.run_id) == done.record
    audit = pl.read_parquet(lake.control.url(lake.audit_key("ecommerce", done.record.run_id)))
    told = dict(audit.select("table", "reused_from").iter_rows())
    assert (told["silver.orders"], told[lost], told["enriched.cart_attribution"]) == (
        first,
        None,
        second,
    )
    html = Path(done.report).read_text()
    assert f"of run {first}" in html
    assert f"computed by run {second}" in html
    folders = {name: {f.path.split("/")[2] for f in t.files} for name, t in done.tables.items()}
    assert folders["silver.orders"] == folders["silver.orders_quarantine"] == {first}
    assert folders["enriched.cart_attribution"] == {second}
    assert folders[lost] == {done.record.run_id}
    assert_whole(path, 1)
    assert content_differences(content(small_lake), content(path)) == []


def kill_in_gold(lake: Path, bronze: Path, variables: dict[str, str]) -> str:
    """Run as a process of its own, kill it in gold; returns the run's id."""
    call = ("--bronze", bronze, "--run-date", DAY.isoformat(), "--lake", lake)
    before = set((lake / "silver" / "ecommerce" / "runs").iterdir())
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.app", "run", "ecommerce", *call],
        cwd=ROOT,
        env={**variables, "MEDALLION_GATES": "warn"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for_stage(process, lake, "gold")
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    (run,) = set((lake / "silver" / "ecommerce" / "runs").iterdir()) - before
    return run.name


def damage(lake: Path, lost: str, cut: str, changed: str) -> None:
    """Spoil the files of three results: one is gone, one is shorter, one has another byte."""
    found = {}
    for document in (lake / "silver" / "ecommerce" / "_results").iterdir():
        result = TableResult.model_validate_json(document.read_bytes())
        files = result.tables[result.table].files
        found[result.table] = lake / "silver" / files[0].path
    found[lost].unlink()
    found[cut].write_bytes(found[cut].read_bytes()[:-1])
    whole = bytearray(found[changed].read_bytes())
    whole[len(whole) // 2] ^= 1
    found[changed].write_bytes(whole)


def test_a_flow_that_prefect_tries_again_goes_on_where_it_failed(
    run_flow: Callable[..., Any],
    small_bronze: Path,
    own_lake: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = breaking(monkeypatch)
    again = run_pipeline.with_options(retries=1)
    monkeypatch.setattr(flow_run, "get_scheduled_start_time", lambda: EVENING)
    done = again("ecommerce", lake=str(own_lake), bronze=str(small_bronze))
    assert done.record.run_date == EVENING.date()
    assert ran.count(BROKEN) == 2
    assert all(ran.count(name) == 1 for name in ran if f"enriched.{name}" not in BEHIND)
    reused = {t.table for t in done.record.tables if t.reused_from}
    assert reused >= {"enriched.sales_velocity"}
    assert not reused & BEHIND
    assert done.record.release == 2
    assert_whole(own_lake, 2)
