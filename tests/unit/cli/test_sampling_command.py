"""`sample`, and what the reading commands import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.reading import register
from tasks.contracts.errors import ConfigurationError


def sample(*arguments: str):
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["sample", *arguments])


def test_a_sample_is_written_and_summed_up(tmp_path: Path):
    out = tmp_path / "sample"
    result = sample("ecommerce", "--orders=60", "--days=2", "--seed=3", "--out", str(out), "--json")
    document = json.loads(result.stdout)
    assert document["out"] == str(out)
    assert document["files"] == len(list(out.rglob("*.parquet")))
    assert document["rows"]["orders"] >= 60
    again = sample("ecommerce", "--orders=60", "--days=2", "--seed=3", "--out", str(out))
    assert again.exit_code == 0
    assert f"{sum(document['rows'].values())} rows" in again.stdout.replace(",", "")
    assert "was not empty" in again.stderr


def test_other_formats(tmp_path: Path):
    result = sample(
        "ecommerce", "--orders=60", "--days=2", "--format=csv", "--out", str(tmp_path / "s")
    )
    assert result.exit_code == 0
    assert not list(tmp_path.rglob("*.parquet"))
    assert list(tmp_path.rglob("*.csv"))


def test_clickstream_is_one_csv_file_a_day(tmp_path: Path):
    out = tmp_path / "s"
    call = ("clickstream", "--events=900", "--days=2", "--start=2023-12-31", "--out", str(out))
    result = sample(*call, "--compression=gzip", "--dirt=0.1", "--json")
    document = json.loads(result.stdout)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["events-2023-12-31.csv.gz", "events-2024-01-01.csv.gz"]
    assert (document["files"], document["first_day"]) == (2, "2023-12-31")
    assert document["rows"]["events_raw"] > 900
    assert 0 < document["quarantined"] < 90
    assert document["dirt"]["exact_duplicate"] > 0
    plain = sample(*call)
    assert plain.exit_code == 0
    assert "events_raw" in plain.stdout
    assert "of 2023-12-31 to 2024-01-01 in 2 files" in plain.stdout


def test_an_ecommerce_sample_may_begin_on_another_day(tmp_path: Path):
    call = ("--orders=60", "--days=2", "--start=2023-12-31", "--out", str(tmp_path), "--json")
    assert json.loads(sample("ecommerce", *call).stdout)["first_day"] == "2023-12-31"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("ecommerce", "--events=9"), "--events belongs to the sample of clickstream"),
        (
            ("clickstream", "--orders=9", "--format=csv"),
            "--orders and --format belong to the sample of ecommerce; that of clickstream has"
            " --events and --compression",
        ),
    ],
)
def test_options_of_the_other_pipeline(tmp_path: Path, call: tuple[str, ...], message: str):
    result = sample(*call, "--out", str(tmp_path / "s"))
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.exit_status == 2
    assert message in str(result.exception)
    assert not (tmp_path / "s").exists()


def test_an_unknown_pipeline_and_a_folder_that_cannot_be(tmp_path: Path):
    unknown = sample("ecomerce", "--out", str(tmp_path / "s"))
    assert isinstance(unknown.exception, ConfigurationError)
    file = tmp_path / "file"
    file.write_text("")
    blocked = sample("ecommerce", "--orders=60", "--days=2", "--out", str(file / "s"))
    assert isinstance(blocked.exception, ConfigurationError)


def test_retail_is_one_csv_file_a_table(tmp_path: Path):
    out = tmp_path / "s"
    call = ("retail", "--orders=50", "--days=2", "--out", str(out))
    document = json.loads(sample(*call, "--dirt=0", "--json").stdout)
    assert document["rows"]["raw_orders"] == 50
    assert sorted(path.stem for path in out.iterdir()) == sorted(document["rows"])
    refused = sample(*call, "--format=csv")
    assert "--format belongs to the sample of ecommerce" in str(refused.exception)


def test_a_pipeline_without_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.specs.known_pipelines", lambda: ["ecommerce", "other"])
    result = sample("other", "--out", str(tmp_path / "s"))
    assert isinstance(result.exception, ConfigurationError)
    assert "no sample of 'other'" in str(result.exception)


def test_help_imports_no_engine():
    heavy = "{'prefect', 'duckdb', 'polars', 'pyarrow', 'pandera', 'dbt'}"
    code = f"import sys, cli.reading; sys.exit(sorted({heavy} & set(sys.modules)) != [])"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
