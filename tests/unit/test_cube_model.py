"""Cube's model speaks of tables and columns that gold has, and masks those that tell of people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.specs import known_pipelines, load_spec
from tests.semantic.gold_releases import declared_columns

MODEL = Path(__file__).parents[2] / "cube" / "model"
TABLE = re.compile(r"\{COMPILE_CONTEXT\.lake\.gold\('(\w+)', '(\w+)'\)\}")
CUBES: dict[str, tuple[str, dict[str, Any]]] = {
    cube["name"]: (file.parent.name, cube)
    for file in sorted(MODEL.glob("cubes/*/*.yml"))
    for cube in yaml.safe_load(file.read_text())["cubes"]
}
VIEWS = yaml.safe_load((MODEL / "views/retail.yml").read_text())["views"]
KINDS = ("analyst", "privacy")
each_cube = pytest.mark.parametrize("name", CUBES)


def table_of(name: str) -> tuple[str, str]:
    ((pipeline, table),) = TABLE.findall(CUBES[name][1]["sql"])
    return pipeline, table


@each_cube
def test_a_cube_reads_a_gold_table_of_its_pipeline(name: str) -> None:
    pipeline, table = table_of(name)
    assert pipeline == CUBES[name][0]
    assert table in [gold.name for gold in load_spec(pipeline).gold]


@each_cube
def test_members_are_columns_that_gold_has(name: str) -> None:
    cube = CUBES[name][1]
    declared = {*declared_columns(*table_of(name))}
    used = set()
    for member in [*cube["measures"], *cube["dimensions"]]:
        for sql in (member.get("sql", ""), *(one["sql"] for one in member.get("filters", []))):
            used |= {sql} if sql.isidentifier() else set(re.findall(r"\{CUBE\}\.(\w+)", sql))
    assert used - declared <= {"cell"}
    for join in cube.get("joins", []):
        mine = re.findall(r"\{CUBE\}\.(\w+)", join["sql"])
        theirs = re.findall(r"\{(\w+)\}\.(\w+)", join["sql"].replace("{CUBE}", ""))
        assert {*mine} <= declared
        assert all(other == join["name"] for other, _ in theirs)
        assert {column for _, column in theirs} <= {*declared_columns(*table_of(join["name"]))}


def test_every_pipeline_and_the_cubes_of_the_shop_are_there() -> None:
    assert {pipeline for pipeline, _ in CUBES.values()} == {*known_pipelines()}
    assert {"CustomerOrders", "Revenue", "ProductPerformance"} <= {*CUBES}
    assert [view["name"] for view in VIEWS] == ["sales_dashboard", "customer_analytics"]


@each_cube
def test_masked_columns_of_gold_are_masked_for_all_but_privacy(name: str) -> None:
    pipeline = CUBES[name][0]
    columns = {
        column for entry in load_spec(pipeline).pii for column in getattr(entry, "gold_columns", ())
    }
    cube = CUBES[name][1]
    told = [d["name"] for d in cube["dimensions"] if d["sql"] in columns]
    for policy in cube.get("access_policy", []) if told else [None]:
        if policy is None or "privacy" not in str(policy.get("group", policy.get("groups"))):
            hidden = policy["member_masking"]["includes"] if policy else []
            assert {*told} <= {*hidden}
    for rollup in cube.get("pre_aggregations", []):
        assert not {*told} & {*rollup.get("dimensions", [])}


@each_cube
def test_who_is_in_no_group_sees_nothing_and_regions_bind_where_there_are_any(name: str) -> None:
    cube = CUBES[name][1]
    assert cube["access_policy"]
    for policy in cube["access_policy"]:
        groups = [*policy.get("groups", []), *([policy["group"]] if "group" in policy else [])]
        assert {*groups} <= {f"{kind}{of}" for kind in KINDS for of in ("", "_of_regions")}
        of_regions = [group.endswith("_of_regions") for group in groups]
        assert len({*of_regions}) == 1
        assert ("filters" in policy["row_level"]) == of_regions[0]


@each_cube
def test_sums_of_integers_are_cast_and_rollups_stay_in_duckdb(name: str) -> None:
    cube, declared = CUBES[name][1], declared_columns(*table_of(name))
    for measure in cube["measures"]:
        if measure["type"] == "sum":
            (column, *_) = re.findall(r"\{CUBE\}\.(\w+)", measure["sql"])
            whole = declared[column] == "bigint"
            assert measure["sql"].startswith("CAST(") == whole, measure["name"]
    assert all(rollup["external"] is False for rollup in cube.get("pre_aggregations", []))
