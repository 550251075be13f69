"""How Cube is started: where it reads and writes, who may ask, and what is installed for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blocks.settings import load_settings
from cli.cube_server import PROJECT, cube_variables, install_packages, program, served_roots
from tasks.contracts.errors import ConfigurationError

KEY = {"CUBEJS_API_SECRET": "0123456789abcdef0123456789abcdef"}


def variables(given: dict[str, str], *, production: bool = False, **places: str) -> dict[str, str]:
    settings = load_settings("local", variables={}, **places)
    roots = served_roots(settings, None)
    return cube_variables(roots, given, port=4000, production=production)


def test_it_is_open_on_the_loopback_and_reads_the_lake_in_utc(tmp_path: Path) -> None:
    found = variables({"TZ": "Asia/Tokyo", "PATH": "/bin"}, lake_root=str(tmp_path))
    assert found["MEDALLION_CUBE_HOST"] == "127.0.0.1"
    assert found["CUBEJS_DEV_MODE"] == "true"
    assert (found["TZ"], found["PATH"]) == ("UTC", "/bin")
    assert found["MEDALLION_CONTROL_ROOT"] == str(tmp_path)
    assert found["MEDALLION_GOLD_ROOT"] == str(tmp_path / "gold")
    assert found["CUBEJS_PG_SQL_PORT"] == "false"


def test_rollups_have_the_root_that_the_environment_says(tmp_path: Path) -> None:
    places = {"kind": "local", "root": str(tmp_path), "preaggregations": "/srv/rollups"}
    found = variables({}, lake=places)  # type: ignore[arg-type]
    assert found["CUBEJS_DB_DUCKDB_DATABASE_PATH"] == "/srv/rollups/cube.duckdb"


def test_production_checks_tokens() -> None:
    for given in ({}, {"CUBEJS_API_SECRET": "short"}):
        with pytest.raises(ConfigurationError, match="CUBEJS_API_SECRET: give the key"):
            variables(given, production=True)
    for given in (KEY, {"CUBEJS_JWK_URL": "https://id.example/keys"}):
        found = variables({**given, "CUBEJS_DEV_MODE": "true"}, production=True)
        assert (found["CUBEJS_DEV_MODE"], found["NODE_ENV"]) == ("false", "production")


def test_only_production_is_served_to_other_machines() -> None:
    with pytest.raises(ConfigurationError, match="MODE=production"):
        variables({"MEDALLION_CUBE_HOST": "0.0.0.0"})
    found = variables({"MEDALLION_CUBE_HOST": "0.0.0.0", **KEY}, production=True)
    assert found["MEDALLION_CUBE_HOST"] == "0.0.0.0"


def test_a_bucket_wants_a_folder_for_copies(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lake\.control: s3://shop is a bucket"):
        variables({}, lake_root="s3://shop")
    settings = load_settings("local", variables={}, lake_root="s3://shop")
    roots = served_roots(settings, tmp_path)
    assert (roots["control"], roots["gold"]) == (str(tmp_path), str(tmp_path / "gold"))
    assert roots["preaggregations"] == str(tmp_path / "rollups")


def test_a_machine_without_node_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match=r"Node\.js 22 or newer"):
        program("node")


def test_what_is_installed_is_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}")
    (tmp_path / "bin").mkdir()
    npm = tmp_path / "bin/npm"
    npm.write_text("#!/bin/sh\nmkdir -p node_modules && echo $* >> calls\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    install_packages(tmp_path)
    install_packages(tmp_path)
    lock.write_text('{"packages": {}}')
    install_packages(tmp_path)
    assert (tmp_path / "calls").read_text() == "ci --ignore-scripts\n" * 2


def test_the_lock_holds_versions_and_hashes_and_no_addresses() -> None:
    lock = json.loads((PROJECT / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 500
    for name, entry in packages.items():
        assert entry["version"], name
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name
    asked = json.loads((PROJECT / "package.json").read_text())["devDependencies"]
    for name, version in asked.items():
        assert packages[f"node_modules/{name}"]["version"] == version
