"""Clearing a lake up: what is listed goes, and what is retained can still be read."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from published_lake import FIRST_RUN, SECOND_RUN, publish_run
from typer.testing import CliRunner

from blocks.lake import Lake
from cli.app import app
from cli.maintaining import grace_period
from tasks.contracts.errors import ConfigurationError
from tasks.maintenance import clear_up, look
from tasks.releases import list_releases, missing_files, read_release, roll_back
from tasks.specs import load_spec

SPEC = load_spec("ecommerce")
NOW, DAY = datetime.now(UTC) + timedelta(days=10), timedelta(days=1)
KILLED, RUNNING = "20240116T031500Z-dddddd", "20240116T041500Z-eeeeee"


def write(path: Path, *, aged: timedelta = timedelta(0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"rows")
    moment = (datetime.now(UTC) - aged).timestamp()
    for each in (path, path.parent, path.parent.parent):
        os.utime(each, (moment, moment))
    return path


def runs(lake: Lake, layer: str) -> set[str]:
    folder = lake.store_of(layer).local_path("ecommerce/runs")
    assert folder is not None
    return {path.name for path in folder.iterdir()}


def files(lake: Lake) -> set[Path]:
    return {p for p in Path(lake.control.url("")).rglob("*") if p.is_file() and p.suffix != ".lock"}


def test_old_releases_go_with_the_files_that_nobody_else_lists(lake: Lake) -> None:
    before, planned = files(lake), look(lake, SPEC, now=NOW, grace=DAY)
    assert files(lake) == before
    assert clear_up(lake, SPEC, now=NOW, grace=DAY) == planned
    assert [(r.kind, r.name) for r in planned.removals] == [("release", "1"), ("run", FIRST_RUN)]
    gone = {Path(item.url) for removal in planned.removals for item in removal.objects}
    assert files(lake) == before - gone
    assert [release.release for release in list_releases(lake, "ecommerce")] == [2]
    assert missing_files(lake, read_release(lake, "ecommerce")) == []
    assert runs(lake, "gold") == {FIRST_RUN}  # release 2 carries its facts over
    assert look(lake, SPEC, now=NOW + DAY, grace=timedelta(days=15)).removals == ()


def test_a_rollback_keeps_what_it_repeats_and_what_it_withdrew(lake: Lake) -> None:
    roll_back(lake, "ecommerce", to=1, created_at=datetime(2024, 1, 16, tzinfo=UTC))
    assert clear_up(lake, SPEC, now=NOW, grace=DAY).removals == ()
    assert runs(lake, "silver") == {FIRST_RUN, SECOND_RUN}


def test_a_killed_runs_folder_goes_whole_and_a_running_ones_stays(lake: Lake) -> None:
    silver = lake.silver.local_path("ecommerce/runs")
    assert silver is not None
    now = datetime.now(UTC)
    write(silver / KILLED / "orders" / ".part.3f2a9c01.tmp", aged=2 * DAY)
    (silver / "20240117T031500Z-ffffff").mkdir()
    os.utime(silver / "20240117T031500Z-ffffff", (0, 0))
    write(silver / RUNNING / "orders" / "part-0.parquet", aged=2 * DAY)
    write(silver / RUNNING / ".work" / "profiles.yml")  # it still does something
    sweep = clear_up(lake, SPEC, now=now, grace=DAY)
    assert [(r.kind, r.name) for r in sweep.removals] == [
        ("release", "1"),
        ("run", KILLED),
        ("run", "20240117T031500Z-ffffff"),
    ]
    assert runs(lake, "silver") == {FIRST_RUN, SECOND_RUN, RUNNING}
    assert (silver / RUNNING / "orders" / "part-0.parquet").exists()


def test_unfinished_landings_writes_and_documents_go_once_they_are_old(lake: Lake) -> None:
    root = Path(lake.control.url(""))
    bronze = root / "bronze" / "ecommerce" / "orders"
    old = [
        write(bronze / ".landing-abc" / "x.parquet", aged=2 * DAY).parent,
        write(bronze / "ingest_dt=2024-01-01" / "._MANIFEST.json.0a1b2c3d.tmp", aged=2 * DAY),
        write(root / "ecommerce" / "_releases" / "3.json", aged=2 * DAY),
    ]
    kept = [
        write(bronze / "ingest_dt=2024-01-01" / "batch_0123456789abcdef-0.parquet", aged=99 * DAY),
        write(bronze / ".landing-def" / "x.parquet").parent,
        write(root / "ecommerce" / "_releases" / "4.json"),
    ]
    clear_up(lake, SPEC, now=datetime.now(UTC), grace=DAY)
    assert [path.exists() for path in old] == [False] * 3
    assert [path.exists() for path in kept] == [True] * 3


def test_whoever_publishes_meanwhile_makes_it_look_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where stores have no locks. The one that publishes here is in the way of the deletion."""
    from tasks import maintenance

    delete, publishers = maintenance._delete, [RUNNING]

    def delete_and_publish(*arguments: Any) -> None:
        delete(*arguments)
        if publishers:
            tables = read_release(lake, "ecommerce").tables
            publish_run(lake, publishers.pop(), date(2024, 1, 15), tables)

    monkeypatch.setattr(maintenance, "_delete", delete_and_publish)
    assert clear_up(lake, SPEC, now=NOW, grace=DAY).retained == (3,)
    for release in list_releases(lake, "ecommerce"):
        assert missing_files(lake, release) == []


def test_the_command_lists_and_deletes_nothing_when_dry(lake: Lake, tmp_path: Path) -> None:
    before = files(lake)
    root = lake.control.url("")
    arguments = ["maintain", "ecommerce", "--grace", "0", "--dry-run", "--lake", root]
    document = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    (found,) = document["pipelines"]
    assert (document["dry_run"], found["retained"]) == (True, [2])
    assert [entry["name"] for entry in found["removals"]] == ["1", FIRST_RUN]
    text = CliRunner().invoke(app, arguments).stdout
    assert "no retained release lists these; 3 files stay" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 100
    assert files(lake) == before
    empty = CliRunner().invoke(app, ["maintain", "--dry-run", "--lake", str(tmp_path / "none")])
    assert empty.exit_code == 0
    assert "clickstream: 0 files, 0 B would go; releases kept: none" in empty.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("text", "hours"), [("24", 24.0), ("36h", 36.0), ("2d", 48.0), ("90m", 1.5), ("0", 0.0)]
)
def test_a_grace_period_is_hours_or_has_a_unit(text: str, hours: float) -> None:
    assert grace_period(text) == timedelta(hours=hours)


def test_a_grace_period_that_says_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--grace soon"):
        grace_period("soon")
