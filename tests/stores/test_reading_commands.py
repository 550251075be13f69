"""The commands that read a lake, on lakes in buckets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blocks.lake import local_lake
from cli.app import app
from tasks.releases import read_release, table_urls
from tests.stores.conftest import KEY_ID, SECRET, Backend

pytestmark = pytest.mark.slow


@pytest.fixture
def root(
    object_backend: Backend,
    small_lake: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_clients: None,
) -> str:
    """The root of a copy of `small_lake` in a bucket, which the environment's variables open."""
    root = object_backend.root()
    store, lake = object_backend.open(root), local_lake(small_lake)
    listed = [
        lake.store_of(file.root).path(file.path)  # type: ignore[attr-defined]
        for table in read_release(lake, "ecommerce").tables.values()
        for file in table.files
    ]
    control = [lake.control.path(key) for key in lake.control.list("ecommerce")]  # type: ignore[attr-defined]
    for path in [*listed, *control]:
        store.upload(path, path.relative_to(small_lake).as_posix())
    for name, value in {
        "MEDALLION_LAKE": root,
        "AWS_ENDPOINT_URL": f"http://{object_backend.server}",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "STORAGE_EMULATOR_HOST": f"http://{object_backend.server}",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return root


def call(*arguments: str) -> dict:
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_commands_read_a_lake_in_a_bucket(root: str, small_lake: Path, tmp_path: Path) -> None:
    lake = local_lake(small_lake)
    release = read_release(lake, "ecommerce")
    tables = call("tables", "ecommerce")["tables"]
    for name, table in release.shown.items():
        paths = [path.replace(str(small_lake), root) for path in table_urls(lake, table)]
        assert [file["path"] for file in tables[name]["files"]] == paths
    answer = call("query", "ecommerce", "select count(*) as n from gold.fct_daily_dashboard")
    assert answer["rows"] == [[release.tables["gold.fct_daily_dashboard"].rows]]
    quarantined = call("quarantine", "ecommerce")["tables"]
    assert quarantined["silver.orders"]["quarantined"] > 0
    assert [each["release"] for each in call("releases", "ecommerce")["releases"]] == [1]
    assert call("report", "ecommerce")["report"].startswith(f"{root}/ecommerce/reports/")
    status = call("status")
    assert status["lake"] == root
    assert status["pipelines"][0]["problem"] is None
    assert [path.name for path in tmp_path.rglob("*.parquet")] == []
