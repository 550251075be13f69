"""Compiled artifacts: the same bytes for the same files, and refused once they are not as made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks.artifact_files import choose_artifact
from blocks.artifacts_in_force import artifact_in_force
from blocks.secrets import written_secrets
from blocks.settings import environment_name, load_settings
from tasks import specs as spec_files
from tasks.compiling import compile_artifact, mistakes
from tasks.contracts.artifact import artifact_bytes, read_artifact, sealed
from tasks.contracts.errors import (
    ArtifactError,
    ConfigurationError,
    DriftedArtifactError,
    ForeignArtifactError,
)
from tasks.specs import known_pipelines, load_spec, read_spec, spec_of_artifact

ENVIRONMENT = """
lake:
  {kind: s3, root: "s3://shop", access_key_id: {env: SHOP_ID}, secret_access_key: {secret: shop}}
gates: strict
retries: 7
mask_key: {env: SHOP_MASK}
"""


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "shop.yml").write_text(ENVIRONMENT)
    (folder / "other.yml").write_text("retries: 2\nthreads: 3\n")
    return folder


@pytest.fixture
def in_force(
    environments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Path]]:
    """Write artifacts to a folder, leave no other specification, and let this process use them."""
    folder = tmp_path / "artifacts"
    folder.mkdir()

    def use(*names: str, file: bool = False) -> Path:
        for name in names:
            pipeline, environment = name.split(".")
            made = compile_artifact(pipeline, environment, environments=environments)
            (folder / f"{name}.json").write_bytes(artifact_bytes(made))
        place = folder / f"{names[0]}.json" if file else folder
        monkeypatch.setenv("MEDALLION_ARTIFACT", str(place))
        return place

    yield use
    choose_artifact(None)


def document(environments: Path, **changed: Any) -> dict[str, Any]:
    made = compile_artifact("ecommerce", "shop", environments=environments)
    return made.model_dump(mode="json") | changed


@pytest.mark.parametrize("pipeline", known_pipelines())
@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_the_same_files_give_the_same_bytes(
    pipeline: str, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = artifact_bytes(compile_artifact(pipeline, environment))
    monkeypatch.setenv("MEDALLION_GATES", "strict")
    monkeypatch.setenv("MEDALLION_RETRIES", "9")
    monkeypatch.setattr("os.cpu_count", lambda: 77)
    assert artifact_bytes(compile_artifact(pipeline, environment)) == first
    artifact = read_artifact(first, "it")
    assert artifact_bytes(artifact) == first
    held, read = spec_of_artifact(artifact), read_spec(pipeline)
    assert held == read
    assert held.model_dump_json() == read.model_dump_json()  # in the same order, too
    assert (artifact.pipeline, artifact.environment) == (pipeline, environment)


def test_secrets_stay_references_though_their_variables_are_set(
    environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_ID", "canary-id")
    monkeypatch.setenv("SHOP_MASK", "canary-mask")
    monkeypatch.setenv("MEDALLION_MASK_KEY", "canary-mask")
    made = compile_artifact("ecommerce", "shop", environments=environments)
    assert b"canary" not in artifact_bytes(made)
    assert made.settings["mask_key"] == {"env": "SHOP_MASK"}
    assert made.settings["lake"]["secret_access_key"] == {"secret": "shop"}
    assert list(written_secrets(made.settings)) == []


def test_what_is_frozen_and_what_is_not(
    in_force: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The specification and the environment's file are; variables and parameters win as ever."""
    place = in_force("ecommerce.shop", file=True)

    def no_other_file(*_: object) -> None:
        raise AssertionError("another file was read")

    monkeypatch.setattr(spec_files, "read_spec", no_other_file)
    monkeypatch.setattr("blocks.settings.read_environment", no_other_file)
    assert environment_name(None) == "shop"
    assert load_spec("ecommerce").pipeline == "ecommerce"
    settings = load_settings(variables={"MEDALLION_ARTIFACT": str(place)})
    assert (settings.environment, settings.gates, settings.retries) == ("shop", "strict", 7)
    monkeypatch.setenv("SHOP_MASK", "found-when-it-runs")
    monkeypatch.setenv("MEDALLION_RETRIES", "1")
    settings = load_settings("shop", gates="warn")
    assert (settings.gates, settings.retries) == ("warn", 1)
    assert settings.mask_key.get_secret_value() == "found-when-it-runs"  # type: ignore[union-attr]
    assert load_settings("shop", lake_root="elsewhere").lake_root == "elsewhere"


def test_threads_are_the_machines_unless_the_file_says(
    environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(name: str) -> object:
        made = compile_artifact("ecommerce", name, environments=environments)
        return made.settings.get("threads")

    assert (threads("shop"), threads("other")) == (None, 3)


def test_a_folder_holds_the_artifacts_of_several_pipelines_and_environments(
    in_force: Callable[..., Path],
) -> None:
    place = in_force("ecommerce.shop", "clickstream.shop", "ecommerce.other")
    assert known_pipelines() == ["clickstream", "ecommerce"]
    assert load_spec("clickstream") == read_spec("clickstream")
    assert load_settings("other").retries == 2
    chosen = artifact_in_force("ecommerce", "other")
    assert chosen is not None and chosen.name == "ecommerce.other"
    with pytest.raises(ForeignArtifactError, match=r"no artifact of 'clickstream\.other'"):
        artifact_in_force("clickstream", "other")
    with pytest.raises(ForeignArtifactError, match="no artifact of 'prod'; known: other, shop"):
        load_settings("prod")
    choose_artifact(place / "clickstream.shop.json")  # a command names one: its variable is over
    with pytest.raises(ForeignArtifactError, match=r"is of 'clickstream', not of 'ecommerce'"):
        load_spec("ecommerce")


def test_artifacts_of_different_files_do_not_go_together(
    in_force: Callable[..., Path], environments: Path
) -> None:
    in_force("ecommerce.shop", "clickstream.shop")
    (environments / "shop.yml").write_text(ENVIRONMENT + "memory_limit: 2GB\n")
    in_force("ecommerce.shop")
    with pytest.raises(ConfigurationError, match="compiled of different files"):
        load_settings("shop")


def test_a_run_of_another_environment_is_refused(in_force: Callable[..., Path]) -> None:
    in_force("ecommerce.shop", file=True)
    with pytest.raises(ForeignArtifactError, match="is of 'shop', not of 'prod'"):
        load_settings("prod")


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"environment": "prod"}, DriftedArtifactError, "was changed after it was compiled"),
        ({"settings": {}}, DriftedArtifactError, "was changed after it was compiled"),
        ({"sha256": "0" * 64}, DriftedArtifactError, "was changed after it was compiled"),
        ({"format_version": 2}, DriftedArtifactError, "has format 2, and this version reads 1"),
        ({"project": "other-flows"}, ForeignArtifactError, "'other-flows' made it"),
        ({"project": None}, ForeignArtifactError, "it names no project"),
    ],
)
def test_a_drifted_or_foreign_document_is_refused(
    environments: Path, change: dict[str, Any], error: type[ArtifactError], told: str
) -> None:
    text = json.dumps(document(environments, **change))
    with pytest.raises(error, match=told) as refused:
        read_artifact(text.encode(), "shop.json")
    assert str(refused.value).startswith("shop.json: ")
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"null"])
def test_what_is_no_artifact_is_refused(text: bytes) -> None:
    with pytest.raises(ForeignArtifactError, match="is no artifact"):
        read_artifact(text, "it")


def test_layout_does_not_count(environments: Path) -> None:
    content = document(environments)
    assert read_artifact(json.dumps(content).encode(), "it").sha256 == content["sha256"]


def remade(environments: Path, **changed: Any) -> Any:
    """A sealed artifact that says something else than the compiler would."""
    content = document(environments, **changed)
    content.pop("sha256")
    return sealed(**content)


def test_other_logic_is_refused(environments: Path) -> None:
    with pytest.raises(DriftedArtifactError, match="the SQL or the transforms changed; compile"):
        spec_of_artifact(remade(environments, logic_fingerprint="0" * 16))


def test_a_specification_of_another_version_is_refused_with_its_mistakes(
    environments: Path,
) -> None:
    spec = read_spec("ecommerce").model_dump(mode="json")
    spec["tables"][0]["keys"] = ["customer_id"]
    artifact = remade(environments, spec=spec, project_version="9.9")
    with pytest.raises(DriftedArtifactError, match=r"version 9\.9.*tables\[0\]\.keys: no such"):
        spec_of_artifact(artifact)


def test_nothing_at_the_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_ARTIFACT", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"no artifact .* is there"):
        load_settings("local")
    monkeypatch.setenv("MEDALLION_ARTIFACT", str(tmp_path / "gone.json"))
    with pytest.raises(ConfigurationError, match="no artifact is there"):
        environment_name(None)


def test_compiling_what_is_wrong_names_every_mistake(environments: Path, tmp_path: Path) -> None:
    (environments / "shop.yml").write_text("gates: strikt\nretriez: 3\n")
    (environments / "leaky.yml").write_text("mask_key: hunter2-hunter2\nretries: 1\n")
    text = (spec_files.SPEC_FOLDER / "ecommerce.yml").read_text()
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text.replace("key: [customer_id]", "key: [customer]", 1) + "\nretentoin: {}\n")
    found = mistakes([], ["shop", "leaky", "nowhere"], spec_files=[wrong], folder=environments)
    told = {(m.file, m.path): m.problem for m in found}
    assert "did you mean 'retention'" in told["wrong.yml", "retentoin"]
    assert "strict" in told["shop.yml", "gates"]
    assert "did you mean 'retries'" in told["shop.yml", "retriez"]
    assert "looks like a secret" in told["leaky.yml", "mask_key"]
    assert "no environment 'nowhere'" in told["nowhere.yml", ""]
    assert "hunter2" not in str(found)
    with pytest.raises(ConfigurationError, match="retriez"):
        compile_artifact("ecommerce", "shop", environments=environments)


def test_a_deployments_run_goes_by_the_artifact_and_not_by_a_saved_block(
    in_force: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from blocks import flow_settings

    def no_block(*_: object) -> None:
        raise AssertionError("a saved block was asked for")

    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "any")
    monkeypatch.setattr(flow_settings, "_saved", no_block)
    in_force("ecommerce.shop", "clickstream.shop")
    assert flow_settings.flow_settings("shop", gates="warn").retries == 7
    monkeypatch.delenv("MEDALLION_ARTIFACT")
    with pytest.raises(AssertionError, match="a saved block was asked for"):
        flow_settings.flow_settings("local")
