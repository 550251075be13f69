"""Settings: what wins over what, and what is said when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.settings import DEPLOYMENTS_FOLDER, Settings, load_settings, settings_as_said
from tasks.contracts.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "local.yml").write_text("lake_root: from-file\nretries: 7\n")
    (tmp_path / "prod.yml").write_text("gates: strict\n")
    (tmp_path / "empty.yml").write_text("# nothing decided\n")
    return tmp_path


def test_each_source_wins_over_the_ones_before_it(folder: Path) -> None:
    def lake(environment: str, variables: dict[str, str], **given: object) -> str:
        return load_settings(environment, variables=variables, folder=folder, **given).lake_root

    variables = {"MEDALLION_LAKE": "from-variable"}
    assert lake("empty", {}) == "lake"
    assert lake("local", {}) == "from-file"
    assert lake("local", variables) == "from-variable"
    assert lake("local", variables, lake_root="from-parameter") == "from-parameter"
    assert lake("local", variables, lake_root=None) == "from-variable"
    assert lake("local", {"MEDALLION_LAKE": ""}) == "from-file"


def test_sources_are_merged_setting_by_setting(folder: Path) -> None:
    settings = load_settings(
        variables={"MEDALLION_GATES": "strict", "MEDALLION_THREADS": "3"},
        folder=folder,
        memory_limit="2GB",
    )
    assert settings == Settings(
        environment="local",
        lake_root=Path("from-file"),
        gates="strict",
        threads=3,
        memory_limit="2GB",
        retries=7,
        retry_delay_seconds=60,
    )


@pytest.mark.parametrize(
    ("variable", "text", "setting", "value"),
    [
        ("MEDALLION_LAKE", "/data", "lake_root", "/data"),
        ("MEDALLION_GATES", "strict", "gates", "strict"),
        ("MEDALLION_THREADS", "1", "threads", 1),
        ("MEDALLION_MEMORY_LIMIT", "1.5GiB", "memory_limit", "1.5GiB"),
        ("MEDALLION_RETRIES", "0", "retries", 0),
        ("MEDALLION_RETRY_DELAY_SECONDS", "0.5", "retry_delay_seconds", 0.5),
    ],
)
def test_each_variable_sets_its_setting(
    folder: Path, variable: str, text: str, setting: str, value: object
) -> None:
    settings = load_settings(variables={variable: text}, folder=folder)
    assert getattr(settings, setting) == value


def test_variables_come_from_the_process_unless_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDALLION_LAKE", "from-process")
    assert load_settings("local", folder=folder).lake_root == "from-process"


def test_the_environment_is_the_parameter_then_the_variable_then_local(folder: Path) -> None:
    def name(environment: str | None, variables: dict[str, str]) -> str:
        return load_settings(environment, variables=variables, folder=folder).environment

    assert name(None, {}) == "local"
    assert name(None, {"MEDALLION_ENV": "prod"}) == "prod"
    assert name("empty", {"MEDALLION_ENV": "prod"}) == "empty"
    assert name(None, {"MEDALLION_ENV": ""}) == "local"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("prd", "no environment 'prd'; did you mean 'prod'?"),
        ("zzz", "no environment 'zzz'; known: empty, local, prod"),
        ("../local", "no environment '../local'; did you mean 'local'?"),
    ],
)
def test_an_unknown_environment_is_refused(folder: Path, environment: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environment, variables={}, folder=folder)
    assert str(caught.value) == message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"MEDALLION_GATES": "lax"},
            "environment 'local': gates: Input should be 'warn' or 'strict'",
        ),
        (
            {"MEDALLION_THREADS": "0"},
            "environment 'local': threads: Input should be greater than or equal to 1",
        ),
        (
            {"MEDALLION_THREADS": "257"},
            "environment 'local': threads: Input should be less than or equal to 256",
        ),
        (
            {"MEDALLION_RETRIES": "-1"},
            "environment 'local': retries: Input should be greater than or equal to 0",
        ),
        (
            {"MEDALLION_RETRIES": "many", "MEDALLION_RETRY_DELAY_SECONDS": "-1"},
            "environment 'local': retries: Input should be a valid integer, unable to parse string "
            "as an integer; retry_delay_seconds: Input should be greater than or equal to 0",
        ),
    ],
)
def test_a_wrong_value_names_its_setting(
    folder: Path, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(variables=variables, folder=folder)
    assert str(caught.value) == message


@pytest.mark.parametrize("limit", ["1500", "1500mb", "-1MB", "1500MB; drop table x", "MB", "1e3MB"])
def test_a_limit_of_memory_is_a_size(folder: Path, limit: str) -> None:
    with pytest.raises(ConfigurationError, match="memory_limit: String should match pattern"):
        load_settings(variables={"MEDALLION_MEMORY_LIMIT": limit}, folder=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"lakeroot: x\n",
            "environment 'local': lakeroot: Extra inputs are not permitted; "
            "did you mean 'lake_root'?",
        ),
        (b"- lake_root\n", "local.yml: must be a mapping of settings"),
        (b"lake_root: [\n", "local.yml: while parsing"),
        (b"lake_root: \xff\n", "local.yml: 'utf-8' codec can't decode byte 0xff in position 11"),
    ],
)
def test_a_wrong_file_is_named(folder: Path, content: bytes, message: str) -> None:
    (folder / "local.yml").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(variables={}, folder=folder)
    assert str(caught.value).startswith(message)


def test_a_lake_may_lie_in_a_folder_or_a_bucket_a_layer(tmp_path: Path) -> None:
    folders = {"kind": "local", "root": str(tmp_path / "lake"), "gold": str(tmp_path / "marts")}
    lake = settings_as_said("x", {"lake": folders}, {}).lake()
    assert lake.store_of("gold").url("x") == str(tmp_path / "marts" / "x")
    assert lake.store_of("silver").url("x") == str(tmp_path / "lake" / "silver" / "x")
    key = {"access_key_id": {"env": "ID"}, "secret_access_key": {"env": "KEY"}}
    buckets = {"kind": "s3", "root": "s3://shop", "gold": "s3://marts/gold", "region": "eu-west-1"}
    variables = {"ID": "an-id", "KEY": "its-secret"}
    lake = settings_as_said("x", {"lake": {**buckets, **key}}, variables).lake(tmp_path)
    assert lake.store_of("gold").url("x") == "s3://marts/gold/x"
    assert lake.control.url("x") == "s3://shop/x"
    assert lake.bronze.url("x") == str(tmp_path / "x")
    assert "its-secret" not in repr(lake)


def test_a_lake_whose_key_is_missing_is_not_opened() -> None:
    key = {"access_key_id": {"env": "ID"}, "secret_access_key": {"env": "KEY"}}
    said = {"lake": {"kind": "s3", "root": "s3://shop", **key}}
    with pytest.raises(ConfigurationError, match=r"lake\.access_key_id: the variable ID"):
        settings_as_said("x", said, {}).lake()


def test_the_environments_that_ship_are_sound() -> None:
    shipped = {
        path.stem: load_settings(path.stem, variables={})
        for path in DEPLOYMENTS_FOLDER.glob("*.yml")
    }
    assert {name: settings.gates for name, settings in shipped.items()} == {
        "local": "warn",
        "dev": "strict",
        "prod": "strict",
    }


def test_bronze_of_others_is_read_where_it_lies(tmp_path: Path) -> None:
    settings = load_settings("local", variables={}, lake_root=tmp_path / "lake")
    own, foreign = settings.lake(), settings.lake(tmp_path / "theirs")
    assert own.bronze.url("x") == str(tmp_path / "lake" / "bronze" / "x")
    assert own.bronze_prefix("ecommerce") == "ecommerce/"
    assert foreign.bronze.url("x") == str(tmp_path / "theirs" / "x")
    assert foreign.bronze_prefix("ecommerce") == ""
    assert foreign.store_of("gold").url("x") == str(tmp_path / "lake" / "gold" / "x")
    for layer in ("silver", "dims", "enriched"):
        assert own.store_of(layer).url("x") == str(tmp_path / "lake" / "silver" / "x")
