"""`releases` and `rollback`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from published_lake import FIRST_RUN, SECOND_RUN, call

from blocks.lake import Lake, local_lake
from tasks.releases import read_release, roll_back


def test_history_marks_the_current_release(lake: Lake):
    answer = call(lake, "releases", "ecommerce")
    assert answer.status == 0
    first, second = answer.out.splitlines()[2:]
    assert first.split()[:4] == ["1", "run", "2024-01-13", FIRST_RUN]
    assert second.split()[:5] == ["2", "*", "run", "2024-01-14", SECOND_RUN]
    assert "2024-01-15 03:15" in second
    assert max(len(line) for line in answer.out.splitlines()) <= 100


def test_history_as_json(lake: Lake):
    document = call(lake, "releases", "ecommerce", "--json").document
    assert document["pipeline"] == "ecommerce"
    assert document["current"] == 2
    assert [entry["release"] for entry in document["releases"]] == [1, 2]
    second = document["releases"][1]
    assert second["run_id"] == SECOND_RUN
    assert second["run_date"] == "2024-01-14"
    assert second["created_at"] == "2024-01-15T03:15:00+00:00"
    assert (second["kind"], second["repeats"], second["previous"]) == ("run", None, 1)
    assert (second["tables"], second["rows"]) == (4, 4 + 2 + 0 + 1)


def test_history_tells_what_a_rollback_repeats(lake: Lake):
    roll_back(lake, "ecommerce", to=1, created_at=datetime(2024, 1, 16, tzinfo=UTC))
    listed = call(lake, "releases", "ecommerce").out
    assert max(len(line) for line in listed.splitlines()) <= 100
    entry = call(lake, "releases", "ecommerce", "--json").document["releases"][-1]
    assert (entry["kind"], entry["repeats"], entry["run_id"]) == ("rollback", 1, FIRST_RUN)


@pytest.mark.parametrize(("to", "status", "says"), [("2", 2, "already"), ("9", 1, "no release 9")])
def test_rollback_to_what_cannot_be(lake: Lake, to: str, status: int, says: str):
    answer = call(lake, "rollback", "ecommerce", "--to", to)
    assert (answer.status, answer.out) == (status, "")
    assert says in answer.err
    assert read_release(lake, "ecommerce").release == 2


@pytest.mark.parametrize(
    "command",
    [
        ["releases"],
        ["rollback", "--to", "1"],
        ["tables"],
        ["query", "select 1"],
        ["quarantine"],
    ],
)
def test_a_lake_without_releases_says_what_to_do(tmp_path: Path, command: list[str]):
    name, *rest = command
    answer = call(local_lake(tmp_path), name, "ecommerce", *rest)
    assert (answer.status, answer.out) == (1, "")
    assert "medallion run ecommerce" in answer.err


@pytest.mark.parametrize(
    "command",
    [
        ["releases"],
        ["rollback", "--to", "1"],
        ["tables"],
        ["query", "select 1"],
        ["quarantine"],
        ["report"],
    ],
)
def test_an_unknown_pipeline_is_a_wrong_call(lake: Lake, command: list[str]):
    name, *rest = command
    answer = call(lake, name, "ecomerce", *rest)
    assert (answer.status, answer.out) == (2, "")
    assert "did you mean 'ecommerce'?" in answer.err


def test_an_unknown_environment_is_a_wrong_call(lake: Lake):
    answer = call(lake, "releases", "ecommerce", "--env", "prd")
    assert answer.status == 2
    assert "did you mean 'prod'?" in answer.err
