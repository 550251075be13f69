"""The dbt process's own loop, served in this one: it answers whatever it is asked."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tasks import dbt_worker

# dbt leaves its log file of an earlier run in this process to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

BUILD = {"threads": 8, "memory_limit": "300MB", "exclude": [], "skip": ["unit_test"]}


@pytest.fixture
def project(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.sql").write_text("select {{ var('run')['number'] | int }} as id")
    (tmp_path / "dbt_project.yml").write_text(
        "name: medallion\nprofile: medallion\nconfig-version: 2\nvars: {run: {number: 0}}\n"
    )
    return {
        "folder": str(tmp_path),
        "cache": str(tmp_path / "cache"),
        "fingerprint": "f",
        "variables": {"run": {"number": 1}},
    }


def served(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    output = io.BytesIO()
    dbt_worker.serve(requests, dbt_worker._writer(output))
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_it_parses_once_and_builds_with_the_variables_of_each_request(
    project: dict[str, Any], tmp_path: Path
) -> None:
    builds = [
        {**BUILD, "work": str(tmp_path / "work"), "select": ["one"], "variables": {"run": run}}
        for run in ({"number": 7}, {"number": 8})
    ]
    answers = served(
        {"number": 0, "project": project, "build": None},
        {"number": 1, "project": project, "build": builds[0]},
        {"number": 2, "project": project | {"folder": "changed"}, "build": None},
        {"number": 3, "project": project, "build": builds[1]},
    )
    assert answers[0] == {"number": 0, "nodes": [], "error": None}
    assert answers[1] == {"number": 1, "node": "one"}
    assert answers[2]["number"] == 1
    assert answers[2]["error"] is None
    (node,) = answers[2]["nodes"]
    assert (node["name"], node["kind"], node["status"]) == ("one", "model", "success")
    assert node["sql"] == "select 7 as id"
    assert answers[3]["error"].startswith("dbt cannot parse the project: ")
    assert answers[5]["nodes"][0]["sql"] == "select 8 as id"
    assert sorted(path.name for path in (tmp_path / "work").glob("profiles*")) == ["profiles.yml"]


def test_what_keeps_it_from_building_is_an_answer(project: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    build = {**BUILD, "work": str(tmp_path / "file" / "x"), "select": ["one"], "variables": {}}
    (answer,) = served({"number": 4, "project": project, "build": build})
    assert answer["number"] == 4
    assert answer["error"].startswith("dbt: NotADirectoryError: ")


def test_it_keeps_what_it_parsed_of_projects_in_use(
    project: dict[str, Any], tmp_path: Path
) -> None:
    caches = tmp_path / "caches"
    for name, age in (("used", 40), ("fresh", 20), ("old", 40)):
        (caches / name).mkdir(parents=True)
        moment = time.time() - age * 24 * 3600
        os.utime(caches / name, (moment, moment))
    served({"number": 0, "project": project | {"cache": str(caches / "used")}, "build": None})
    assert sorted(path.name for path in caches.iterdir()) == ["fresh", "used"]
