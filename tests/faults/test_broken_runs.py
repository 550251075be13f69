"""What a whole run and the command line make of broken bronze and of a wrong call."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.run import RunFailedError
from tasks.contracts.errors import BronzeError
from tests.faults.whole_release import assert_whole, pointer_bytes
from tests.integration.bronze_builder import write_partition

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DAY = date(2024, 1, 6)
PARTITION = "ingest_dt=2024-01-03"


@pytest.fixture
def bronze(small_bronze: Path, tmp_path: Path) -> Path:
    """A copy of the small sample, to be broken."""
    return shutil.copytree(small_bronze, tmp_path / "bronze")


def truncated(bronze: Path) -> Path:
    file = next((bronze / "orders" / PARTITION).glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-100])
    return file


@pytest.mark.parametrize("mode", ["warn", "strict"])
def test_a_truncated_file_fails_the_run_in_both_modes(
    run_flow: Callable, bronze: Path, own_lake: Path, mode: str
) -> None:
    pointer, file = pointer_bytes(own_lake), truncated(bronze)
    with pytest.raises(RunFailedError) as caught:
        run_flow(own_lake, DAY, bronze=bronze, gates=mode)
    assert type(caught.value.__cause__) is BronzeError
    assert str(file) in str(caught.value.__cause__)
    record = caught.value.record
    assert record.status == "failed"
    assert [(stage.stage, stage.status) for stage in record.stages] == [("bronze", "failed")]
    assert str(file) in record.error
    assert pointer_bytes(own_lake) == pointer
    assert_whole(own_lake, 1)
    failed = {(g.table, g.check) for g in record.gates if g.status == "fail"}
    assert failed == {("orders", "readable")}


def test_pages_that_cannot_be_decoded_fail_the_run_where_no_sha256_tells_before(
    run_flow: Callable, bronze: Path, own_lake: Path
) -> None:
    pointer = pointer_bytes(own_lake)
    rows = pq.ParquetFile(next((bronze / "orders" / PARTITION).glob("*.parquet"))).read()
    files = {"part-0000.parquet": rows}
    folder = write_partition(bronze, "orders", PARTITION, files, sha256=False)
    file = folder / "part-0000.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:4] + b"\xff" * 3000 + content[3004:])
    assert pq.read_metadata(file).num_rows == rows.num_rows
    with pytest.raises(RunFailedError) as caught:
        run_flow(own_lake, DAY, bronze=bronze)
    assert type(caught.value.__cause__) is BronzeError
    assert "orders" in str(caught.value.__cause__)
    assert str(file) in str(caught.value.__cause__)
    assert pointer_bytes(own_lake) == pointer
    assert_whole(own_lake, 1)


def medallion(tmp_path: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "MEDALLION"))}
    return subprocess.run(
        [sys.executable, "-m", "cli.app", *map(str, arguments)],
        cwd=ROOT,
        env={**kept, "PREFECT_HOME": str(tmp_path / "prefect"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_the_command_says_which_file_and_exits_with_1(
    bronze: Path, own_lake: Path, tmp_path: Path
) -> None:
    pointer, file = pointer_bytes(own_lake), truncated(bronze)
    call = ("run", "ecommerce", "--bronze", bronze, "--lake", own_lake, "--run-date", DAY, "--json")
    done = medallion(tmp_path, *call)
    assert done.returncode == 1, done.stderr
    assert f"error: orders: {file} is no readable Parquet file" in done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert (document["status"], document["release"]) == ("failed", None)
    assert str(file) in document["error"]
    assert Path(document["report"]).is_file()
    assert pointer_bytes(own_lake) == pointer


@pytest.mark.parametrize(
    ("call", "variables", "named"),
    [
        (["run", "ecomerce"], {}, "did you mean 'ecommerce'"),
        (["run", "ecommerce", "--bronze", "/nowhere/bronze"], {}, "/nowhere/bronze"),
        (["run", "ecommerce"], {"MEDALLION_GATES": "maybe"}, "gates"),
        (["run", "ecommerce"], {"MEDALLION_ENV": "nowhere"}, "nowhere"),
    ],
)
def test_a_wrong_call_is_named_and_exits_with_2(
    tmp_path: Path, call: list[str], variables: dict[str, str], named: str
) -> None:
    done = medallion(tmp_path, *call, "--lake", tmp_path / "lake", **variables)
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "lake").exists()
