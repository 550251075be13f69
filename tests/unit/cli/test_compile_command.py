"""The commands compile, validate and run --artifact: what they print and how they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blocks.artifact_files import choose_artifact
from cli.app import app
from tasks.contracts.artifact import read_artifact
from tasks.contracts.errors import ConfigurationError, ForeignArtifactError
from tasks.specs import SPEC_FOLDER, known_pipelines


@pytest.fixture(autouse=True)
def no_artifact() -> Iterator[None]:
    yield
    choose_artifact(None)


def call(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_compile_prints_or_writes_the_same_document(tmp_path: Path) -> None:
    _, printed = call("compile", "ecommerce", "--env", "prod")
    call("compile", "ecommerce", "--env", "prod", "--out", str(tmp_path))
    call("compile", "ecommerce", "--env", "prod", "--out", str(tmp_path / "other.json"))
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["ecommerce.prod.json", "other.json"]
    documents = {path.read_text() for path in tmp_path.iterdir()}
    assert documents == {printed}
    artifact = read_artifact(printed.encode(), "it")
    assert (artifact.pipeline, artifact.environment) == ("ecommerce", "prod")


def test_compile_names_what_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        call("compile", "ecommerce", "--out", str(tmp_path / "no" / "such.json"))


def test_everything_that_ships_is_valid() -> None:
    code, text = call("validate", "--json")
    document = json.loads(text)
    assert (code, document["valid"], document["problems"]) == (0, True, [])
    files = [*known_pipelines(), "dev", "local", "prod"]
    assert document["checked"] == [f"{name}.yml" for name in files]


def test_where_there_is_nothing_to_check_nothing_is_called_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.specs.SPEC_FOLDER", tmp_path)
    monkeypatch.setattr("blocks.environment_files.DEPLOYMENTS_FOLDER", tmp_path)
    with pytest.raises(ConfigurationError, match="no specification or environment here"):
        call("validate")


def test_each_mistake_is_listed_with_its_path(tmp_path: Path) -> None:
    wrong = tmp_path / "shop.yml"
    text = (SPEC_FOLDER / "ecommerce.yml").read_text()
    wrong.write_text(text.replace("key: [order_id]", "key: [order]", 1) + "\nretentoin: {}\n")
    code, printed = call("validate", "--spec", str(wrong), "--env", "prod", "--json")
    document = json.loads(printed)
    assert (code, document["valid"], document["checked"]) == (2, False, ["shop.yml", "prod.yml"])
    (problem,) = document["problems"]
    assert (problem["file"], problem["path"]) == ("shop.yml", "retentoin")
    assert "did you mean 'retention'" in problem["problem"]
    code, printed = call("validate", "--spec", str(wrong), "--env", "prod")
    assert code == 2
    assert printed.startswith("shop.yml: retentoin: no such setting")


def test_validate_needs_something_that_is_there() -> None:
    with pytest.raises(ConfigurationError, match="no pipeline 'ecomerce'; did you mean"):
        call("validate", "ecomerce")
    code, printed = call("validate", "ecommerce", "--env", "prood")
    assert code == 2
    assert "no environment 'prood'; did you mean 'prod'?" in printed


def test_run_goes_by_the_artifact_of_its_pipeline(tmp_path: Path) -> None:
    call("compile", "ecommerce", "--env", "local", "--out", str(tmp_path))
    artifact = str(tmp_path / "ecommerce.local.json")
    with pytest.raises(ForeignArtifactError, match="is of 'ecommerce', not of 'clickstream'"):
        call("run", "clickstream", "--artifact", artifact)
    with pytest.raises(ForeignArtifactError, match="is of 'local', not of 'prod'"):
        call("run", "--artifact", artifact, "--env", "prod")
    with pytest.raises(ConfigurationError, match="name the file in it"):
        call("run", "--artifact", str(tmp_path))
    choose_artifact(None)
    with pytest.raises(ConfigurationError, match="name a pipeline, or an artifact"):
        call("run")
