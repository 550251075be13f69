"""The environments that ship: each cell of the table of environments, and who overrides whom."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.environment_files import DEPLOYMENTS_FOLDER, read_environment
from blocks.lake_places import LAYERS
from blocks.settings import _VARIABLES, STAGES, Settings, load_settings
from tasks.contracts.errors import ConfigurationError

# lake, gates, publish, warehouse load, gold, (retries, first delay, backoff, cap)
TABLE = {
    "local": ("lake", "warn", True, False, {"duckdb"}, (1, 60, False, None)),
    "dev": ("bucket per layer", "strict", True, True, {"duckdb", "warehouse"}, (2, 120, True, 600)),
    "prod": ("bucket per layer", "strict", True, True, {"warehouse"}, (3, 300, True, 1800)),
}
each_environment = pytest.mark.parametrize("name", TABLE)


def shipped(name: str, **overrides: Any) -> Settings:
    return load_settings(name, variables={}, **overrides)


def test_there_are_no_other_environments() -> None:
    assert {path.stem for path in DEPLOYMENTS_FOLDER.glob("*.yml")} == set(TABLE)


@each_environment
def test_the_lake(name: str) -> None:
    roots = shipped(name).places.layer_roots()
    assert set(roots) == set(LAYERS)
    if TABLE[name][0] == "lake":
        below = {layer: f"lake/{layer}" for layer in LAYERS} | {"control": "lake"}
        assert roots == below
    else:
        buckets = {root.partition("://")[2].partition("/")[0] for root in roots.values()}
        assert len(buckets) == len(LAYERS)
        assert all(name in bucket for bucket in buckets)


@each_environment
def test_the_gates(name: str) -> None:
    assert shipped(name).gates == TABLE[name][1]


@each_environment
def test_publishing(name: str) -> None:
    assert shipped(name).publish is TABLE[name][2]
    assert shipped(name).stages == STAGES


@each_environment
def test_loading_the_warehouse(name: str) -> None:
    assert shipped(name).load_warehouse is TABLE[name][3]
    assert (shipped(name).warehouse is not None) is TABLE[name][3]


@each_environment
def test_where_gold_is_computed(name: str) -> None:
    assert shipped(name).gold_engine in TABLE[name][4]


@each_environment
def test_the_retries(name: str) -> None:
    settings = shipped(name)
    assert (
        settings.retries,
        settings.retry_delay_seconds,
        settings.retry_backoff,
        settings.retry_cap_seconds,
    ) == TABLE[name][5]


@pytest.mark.parametrize(
    ("name", "delays"), [("local", [60]), ("dev", [120, 240]), ("prod", [300, 600, 1200])]
)
def test_the_delays_that_follow(name: str, delays: list[float]) -> None:
    assert shipped(name).retry_delays == delays


def test_delays_double_up_to_the_cap_and_go_down_to_zero() -> None:
    assert shipped("prod", retries=6).retry_delays == [300, 600, 1200, 1800, 1800, 1800]
    assert shipped("dev", retries=5).retry_delays == [120, 240, 480, 600, 600]
    assert shipped("local", retries=3).retry_delays == [60, 60, 60]
    assert shipped("prod", retry_delay_seconds=0).retry_delays == [0, 0, 0]
    assert shipped("prod", retry_cap_seconds=0).retry_delays == [0, 0, 0]
    assert shipped("prod", retries=0).retry_delays == []
    assert Settings(retries=50, retry_backoff=True).retry_delays[-1] == 60 * 2.0**49


# A value a source for each setting: of the defaults, the file, a variable, a parameter.
SOURCES: dict[str, tuple[Any, Any, Any]] = {
    "lake_root": ("/of-file", "/of-variable", "/of-parameter"),
    "gates": ("strict", "warn", "strict"),
    "stages": (["bronze"], "bronze, dimensions", STAGES[:3]),
    "publish": (False, "true", False),
    "load_warehouse": (True, "false", True),
    "sync_catalog": (False, "true", False),
    "gold_engine": ("warehouse", "duckdb", "warehouse"),
    "threads": (2, "3", 4),
    "memory_limit": ("2MB", "3MB", "4MB"),
    "retries": (2, "3", 4),
    "retry_delay_seconds": (2, "3", 4),
    "retry_backoff": (True, "false", True),
    "retry_cap_seconds": (2, "3", 4),
}


def test_every_variable_is_looked_at_here() -> None:
    assert set(SOURCES) | {"mask_key"} == set(_VARIABLES.values())


@pytest.mark.parametrize("setting", SOURCES)
def test_each_source_wins_over_the_ones_before_it(setting: str, tmp_path: Path) -> None:
    of_file, of_variable, of_parameter = SOURCES[setting]
    warehouse = {"warehouse": {"kind": "duckdb"}}
    (tmp_path / "silent.yml").write_text(yaml.safe_dump(warehouse))
    (tmp_path / "own.yml").write_text(yaml.safe_dump(warehouse | {setting: of_file}))
    (name,) = (n for n, key in _VARIABLES.items() if key == setting)

    def value(environment: str, variables: dict[str, str], **given: Any) -> Any:
        settings = load_settings(environment, variables=variables, folder=tmp_path, **given)
        return getattr(settings, setting)

    def same(found: Any, meant: Any) -> bool:
        return found == getattr(Settings(**{**warehouse, setting: meant}), setting)

    default = Settings(**warehouse)  # type: ignore[arg-type]
    assert value("silent", {}) == getattr(default, setting)
    assert same(value("own", {}), of_file)
    assert same(value("own", {name: of_variable}), of_variable)
    assert same(value("silent", {name: of_variable}), of_variable)
    assert same(value("own", {name: of_variable}, **{setting: of_parameter}), of_parameter)
    assert same(value("own", {}, **{setting: of_parameter}), of_parameter)
    assert same(value("own", {name: ""}, **{setting: None}), of_file)


def test_nothing_falls_through_to_production(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(variables={}).environment == "local"
    for name in os.environ:
        if name.startswith("MEDALLION_"):
            monkeypatch.delenv(name)
    assert load_settings().environment == "local"
    monkeypatch.setenv("MEDALLION_ENV", "prod")
    assert load_settings().environment == "prod"
    assert load_settings("dev").environment == "dev"


@pytest.mark.parametrize(
    ("stages", "accepted"),
    [
        (["bronze"], True),
        (["bronze", "dimensions", "silver"], True),
        ([], False),
        (["silver"], False),
        (["bronze", "silver"], False),
        (["dimensions", "bronze"], False),
        (["bronze", "bronze"], False),
        (["bronze", "publish"], False),
    ],
)
def test_a_stage_needs_the_ones_before_it(stages: list[str], accepted: bool) -> None:
    if accepted:
        assert shipped("local", stages=stages).stages == tuple(stages)
        return
    with pytest.raises(ConfigurationError, match="environment 'local': stages"):
        shipped("local", stages=stages)


def test_a_file_cannot_pass_for_another_environment(tmp_path: Path) -> None:
    (tmp_path / "local.yml").write_text("environment: prod\n")
    with pytest.raises(ConfigurationError, match="'local': environment: the file's name is"):
        load_settings("local", variables={}, folder=tmp_path)


@pytest.mark.parametrize("setting", [{"load_warehouse": True}, {"gold_engine": "warehouse"}])
def test_what_needs_a_warehouse_says_so(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="need a warehouse"):
        shipped("local", **setting)


def test_another_root_keeps_what_opens_a_lake_of_the_same_kind() -> None:
    there = shipped("prod", lake_root="gs://other/place").places
    assert there.layer_roots()["silver"] == "gs://other/place/silver"
    assert there.credentials == shipped("prod").places.credentials  # type: ignore[union-attr]
    elsewhere = shipped("prod", lake_root="s3://other").places
    assert (elsewhere.kind, elsewhere.layer_roots()["control"]) == ("s3", "s3://other")
    # The command line takes paths, and a path has no `//`.
    assert shipped("prod", lake_root=Path("s3://other/x")).places.root == "s3://other/x"
    folder = shipped("prod", lake_root=Path("/data")).places
    assert (folder.kind, folder.layer_roots()["gold"]) == ("local", "/data/gold")


@each_environment
def test_the_files_hold_nothing_but_settings_of_their_own(name: str) -> None:
    assert set(read_environment(name)) <= {"lake", *Settings.model_fields} - {"environment"}
