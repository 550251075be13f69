"""How Cube finds the files of a release: the module alone, without Cube's packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from blocks.lake import local_lake
from cli.cube_server import PROJECT
from tasks.releases import draft_key, publish, read_current, read_release, roll_back
from tests.integration.published import files_of, release_document
from tests.semantic.gold_releases import publish_gold

SCRIPT = """
const { Lake } = require(process.argv[1]);
const [control, gold, table] = process.argv.slice(2);
const lake = new Lake({ control, gold, pipelines: ['retail'] });
lake.follow().then((version) => {
  let sql;
  try { sql = lake.seen.gold('retail', table); } catch (error) { sql = error.message; }
  console.log(JSON.stringify({ version, sql }));
}).catch((error) => console.log(JSON.stringify({ error: error.message })));
"""


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake of one release of retail."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: Cube cannot be run here")
    publish_gold(tmp_path / "lake", "retail", seed=1)
    return tmp_path / "lake"


def seen(lake: Path, table: str = "revenue") -> dict[str, str]:
    done = subprocess.run(
        ["node", "-e", SCRIPT, str(PROJECT / "releases.js"), lake, lake / "gold", table],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_it_reads_the_listed_files_and_no_other(lake: Path) -> None:
    files = files_of(lake, release_document(lake, pipeline="retail")["tables"]["gold.revenue"])
    assert len(files) > 1
    shutil.copy(files[0], Path(files[0]).with_name("part-9.parquet"))
    sql = seen(lake)["sql"]
    expected = duckdb.sql(f"select count(*) from read_parquet({files})").fetchall()
    assert duckdb.sql(f"select count(*) from {sql}").fetchall() == expected


def test_a_rollback_is_another_version_with_the_old_files(lake: Path) -> None:
    first = seen(lake)
    publish_gold(lake, "retail", seed=2)
    second = seen(lake)
    roll_back(local_lake(lake), "retail", to=1, created_at=datetime(2024, 3, 1, tzinfo=UTC))
    third = seen(lake)
    assert len({first["version"], second["version"], third["version"]}) == 3
    assert first["sql"] == third["sql"] != second["sql"]


def test_a_document_beside_its_place_is_found(lake: Path) -> None:
    opened = local_lake(lake)
    pointer = read_current(opened, "retail").pointer
    assert pointer is not None
    place, expected = lake / "retail/_releases/1.json", seen(lake)
    place.rename(lake / draft_key(opened, pointer))
    assert seen(lake) == expected
    place.write_text("{}")
    assert seen(lake) == expected


def test_a_release_that_is_not_the_named_one_is_refused(lake: Path) -> None:
    document = lake / "retail/_releases/1.json"
    document.write_text(document.read_text() + " ")
    assert seen(lake)["error"].startswith("retail: no release is the one that the pointer names")


def test_what_is_not_there_is_said(lake: Path) -> None:
    assert seen(lake, "fct")["sql"] == "retail: release 1 has no table gold.fct"
    shutil.rmtree(lake / "retail")
    told = seen(lake)["sql"]
    assert told == "retail: nothing is published yet; run: medallion run retail"


def test_a_table_without_files_has_its_columns(lake: Path) -> None:
    opened = local_lake(lake)
    base = read_current(opened, "retail")
    current = read_release(opened, "retail")
    emptied = {
        name: table.model_copy(update={"files": (), "rows": 0, "bytes": 0})
        for name, table in current.tables.items()
    }
    update = {"release": 2, "previous": 1, "tables": emptied}
    publish(opened, current.model_copy(update=update), base)
    found = duckdb.sql(f"from {seen(lake)['sql']}")
    columns = zip(found.columns, map(str, found.types), strict=True)
    assert dict(columns) == current.tables["gold.revenue"].columns
    assert found.fetchall() == []
