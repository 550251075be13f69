"""Files are processed as they arrive: once, whole, again after a crash, and by an event."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli.deploy._triggers import _initialize_deployment_triggers
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL
from prefect.utilities.callables import parameter_schema
from typer.testing import CliRunner

from blocks.lake import local_lake
from cli.app import app
from flows.watch import process_arrivals
from tasks.bronze_coverage import unpublished_tables
from tasks.releases import roll_back
from tasks.sample_data.write import write_sample
from tasks.specs import load_spec
from tests.integration.published import release_document

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEW_ORDERS = "orders/ingest_dt=2024-01-02/part-0000.csv"


def sample(folder: Path, day: int) -> Path:
    write_sample(
        folder,
        orders=60,
        days=2,
        seed=5,
        dirt=0.0,
        first_day=date(2024, 1, 1),
        file_format="csv",
        only_days=range(day, day + 1),
    )
    return folder


@pytest.fixture(autouse=True)
def running_api(prefect_api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))


def arguments(home: Path, *more: str) -> list[str]:
    return [
        *("watch", "ecommerce", "--source", str(home / "inbox"), "--lake", str(home / "lake")),
        *("--run-date", "2024-01-02", "--settle-seconds", "0.3", "--json", *more),
    ]


def once(home: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Process what is there, in this process; return the exit status and the batch's JSON."""
    result = CliRunner().invoke(app, arguments(home, "--once", *more))
    lines = result.stdout.splitlines()
    assert len(lines) <= 1, result.output
    return result.exit_code, json.loads(lines[0]) if lines else {}


def eventually(question: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="module")
def first_day(
    prefect_api: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[tuple[int, dict[str, Any]]]]:
    """A folder and a lake after the first day, of which the orders came before the rest."""
    home = tmp_path_factory.mktemp("first")
    ready = sample(home / "delivery", 0)
    outcomes = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
        for pattern in ("orders", "*"):
            for folder in ready.glob(pattern):
                shutil.copytree(folder, home / "inbox" / folder.name, dirs_exist_ok=True)
            outcomes.append(once(home))
    return home, outcomes


def test_a_run_that_fails_is_made_good_when_the_rest_arrives(
    first_day: tuple[Path, list[Any]],
) -> None:
    (failed, early), (done, late) = first_day[1]
    assert (failed, early["status"], early["release"], early["rows"]) == (1, "failed", None, 32)
    assert "no partition" in early["error"]
    assert (done, late["status"], late["release"], late["error"]) == (0, "published", 1, None)
    assert "orders/ingest_dt=2024-01-01/part-0000.csv" in late["files"]
    assert not any(name.startswith("orders/") for name in late["landed"])


def test_nothing_is_published_when_nothing_is_new(
    first_day: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    shutil.copytree(first_day[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "inbox" / "notes.txt").write_text("no data")
    status, batch = once(tmp_path)
    assert (status, batch["status"], batch["landed"]) == (0, "unchanged", {})
    assert release_document(tmp_path / "lake")["release"] == 1


@pytest.fixture(scope="module")
def second_day(
    first_day: tuple[Path, list[Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, tuple[int, dict[str, Any]]]:
    """The second day on top: its orders still grow, and two files cannot be landed."""
    home = tmp_path_factory.mktemp("second")
    shutil.copytree(first_day[0], home, dirs_exist_ok=True)
    inbox, ended = sample(home / "inbox", 1), threading.Event()
    growing = inbox / NEW_ORDERS
    whole = growing.read_text()
    header, first, second, *_ = whole.splitlines(keepends=True)
    (inbox / "orders" / "broken.csv").write_text(header + "1,2\n")
    (inbox / "misspelt.csv").write_text(header)
    growing.write_text(header + first)

    def grow() -> None:
        while not ended.wait(0.05):
            with growing.open("a") as file:
                file.write(second)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
            return home, whole, once(home)
    finally:
        ended.set()
        writer.join()


def test_a_growing_file_waits_and_a_broken_one_keeps_nobody_back(
    second_day: tuple[Path, str, tuple[int, dict[str, Any]]],
) -> None:
    status, batch = second_day[2]
    assert (status, batch["status"], batch["release"]) == (1, "published", 2)
    assert NEW_ORDERS not in batch["files"]
    assert set(batch["refused"]) == {"orders/broken.csv", "misspelt.csv"}
    assert "line 2 has 2 fields" in batch["refused"]["orders/broken.csv"]
    assert "cart_items/ingest_dt=2024-01-02/part-0000.csv" in batch["landed"]


def begins(home: Path, stage: str) -> Callable[[], bool]:
    """Return a question: has a run begun the stage since now?"""
    log = home / "lake/ecommerce/logs/runs.jsonl"
    before = log.stat().st_size
    return lambda: f'"message": "{stage} ..."' in log.read_text()[before:]


def test_a_killed_watch_is_made_good_by_the_next_which_ends_after_its_batch(
    second_day: tuple[Path, str, tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    home, whole, _ = second_day
    (home / "inbox" / NEW_ORDERS).write_text(whole)
    pace = ["--poll-seconds", "0.1", "--debounce-seconds", "0.3"]
    landed = begins(home, "bronze")
    with (tmp_path / "told").open("w") as told:
        killed = subprocess.Popen(
            [sys.executable, "-m", "cli.app", *arguments(home, *pace)],
            cwd=ROOT,
            stdout=told,
            stderr=subprocess.STDOUT,
        )
        try:
            assert eventually(landed), (tmp_path / "told").read_text()
        finally:
            killed.kill()
            killed.wait()
    assert release_document(home / "lake")["release"] == 2

    # All files are gone: only bronze says that a run is owed.
    shutil.rmtree(home / "inbox")
    (home / "inbox").mkdir()
    runs = begins(home, "silver")

    def end_it() -> None:
        eventually(runs)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end_it)
    ending.start()
    result = CliRunner().invoke(app, arguments(home, *pace))
    ending.join()
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["release"] for line in result.stdout.splitlines()] == [3]
    published = release_document(home / "lake")
    assert any("ingest_dt=2024-01-02" in each for each in published["bronze"]["orders"])
    assert published["tables"]["silver.orders"]["rows"] == 60

    # What a rollback withdraws has been seen: it stays withdrawn until something arrives.
    lake = local_lake(home / "lake")
    roll_back(lake, "ecommerce", to=2, created_at=datetime.now(UTC))
    assert unpublished_tables(lake, load_spec("ecommerce"), date(2024, 1, 2)) == ()


def test_an_event_starts_the_deployment_with_its_folder() -> None:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    entry = next(d for d in document["deployments"] if d["name"] == "ecommerce-arrivals")
    (trigger,) = _initialize_deployment_triggers(entry["name"], entry["triggers"])
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(process_arrivals),
            name=entry["name"],
            parameters=entry["parameters"],
            parameter_openapi_schema=parameter_schema(process_arrivals).model_dump(),
            enforce_parameter_schema=True,
        )
        trigger.set_deployment_id(deployment)
        client.create_automation(trigger.as_automation())
        for pipeline, payload in (
            ("clickstream", {"source": "/srv/others"}),
            ("ecommerce", {"source": "/srv/in box"}),
            ("ecommerce", {"source": "/srv/inbox", "files": ["orders/a.csv", 'b"é.csv']}),
        ):
            resource = {"prefect.resource.id": f"medallion.{pipeline}.inbox"}
            emit_event("medallion.file.arrived", resource, payload=payload)

        def started() -> list[dict[str, Any]]:
            runs = [run for run in client.read_flow_runs() if run.deployment_id == deployment]
            return sorted((run.parameters for run in runs), key=lambda each: each["source"])

        eventually(lambda: len(started()) > 1)
        given = started()
    assert given == [
        {"pipeline": "ecommerce", "source": "/srv/in box", "files": None},
        {"pipeline": "ecommerce", "source": "/srv/inbox", "files": ["orders/a.csv", 'b"é.csv']},
    ]
    assert process_arrivals.validate_parameters(given[1])["files"] == ["orders/a.csv", 'b"é.csv']
