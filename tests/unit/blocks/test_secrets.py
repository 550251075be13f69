"""Secrets are referred to, and one that is written in a file is refused without being repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.environment_files import read_environment
from blocks.masking import mask_key
from blocks.secrets import SecretReference, look_up, written_secrets
from blocks.settings import Settings, load_settings, merge_settings, settings_as_said
from tasks.contracts.errors import ConfigurationError

CANARY = "canary-Zq7"
KEY_PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY}"
LONG = "Zq7wJ0rX" * 5


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ({"lake": {"secret_access_key": CANARY}}, ["lake.secret_access_key"]),
        ({"lake": {"access_key_id": "AKIAIOSFODNN7EXAMPLE"}}, ["lake.access_key_id"]),
        ({"note": "use AKIAIOSFODNN7EXAMPLE"}, ["note"]),
        ({"mask_key": CANARY}, ["mask_key"]),
        ({"mask_key": 12345}, ["mask_key"]),
        ({"credentials": CANARY}, ["credentials"]),
        ({"credentials": {"private_key": CANARY}}, ["credentials.private_key"]),
        ({"credentials": {"info": KEY_PEM}}, ["credentials.info"]),
        ({"mask_key": {"secret": LONG}}, ["mask_key.secret"]),
        ({"lake": {"endpoint": f"https://me:{CANARY}@host"}}, ["lake.endpoint"]),
        ({"lake": {"endpoint": f"https://host/?sig={CANARY}"}}, ["lake.endpoint"]),
        ({"a": ["x", {"b": LONG}]}, ["a[1].b"]),
        ({"a": "0123456789abcdef" * 2}, ["a"]),
        ({"a": "ghp_" + "a" * 36}, ["a"]),
        ({"a": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.x"}, ["a"]),
        ({"mask_key": {"secret": "medallion-prod-mask-key"}}, []),
        ({"mask_key": {"env": "MEDALLION_MASK_KEY"}}, []),
        ({"credentials": {"block": "medallion-prod"}}, []),
        ({"gates": "strict", "retries": 3, "root": "gs://example-medallion-prod-control"}, []),
        ({"lake": {"root": "/srv/" + "medallion/" * 9}}, []),
    ],
)  # fmt: skip
def test_secrets_are_recognised_and_references_are_not(document: Any, paths: list[str]) -> None:
    assert list(written_secrets(document)) == paths


@pytest.mark.parametrize(
    "content",
    [
        f"lake: {{kind: s3, root: 's3://shop', secret_access_key: {CANARY}}}\n",
        f"mask_key: {CANARY}\n",
        f"mask_key: [{CANARY}\n",  # what YAML says of it would quote the line
        f"mask_key: '{CANARY}\n",
        f"mask_key: {{secret: {CANARY}, env: {CANARY}}}\n",
        f"mask_key: {{env: '{CANARY}'}}\n",
        f"mask_key: {{secret: {CANARY}}}\n",
        f"mask_key: [{CANARY}]\n",
        f"lake: {{kind: s3, root: 's3://{CANARY}@shop'}}\n",
        f"gates: {CANARY}\n",
        f"retries: {CANARY}\n",
    ],
)
def test_a_secret_in_a_file_is_refused_and_not_repeated(content: str, tmp_path: Path) -> None:
    (tmp_path / "leaky.yml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_settings("leaky", variables={}, folder=tmp_path)
    error: BaseException | None = caught.value
    seen = []
    while error is not None:
        seen.append(f"{error}{error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert CANARY not in "".join(seen)


def test_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "leaky.yml").write_text(f"mask_key: {CANARY}\n")
    with pytest.raises(ConfigurationError, match=r"leaky.yml: mask_key: .* \{env: VARIABLE\}"):
        read_environment("leaky", tmp_path)


def test_a_variable_is_looked_up_where_settings_are_made() -> None:
    said = {"mask_key": {"env": "OUR_KEY"}}
    assert held(settings_as_said("x", said, {"OUR_KEY": CANARY})) == CANARY
    assert settings_as_said("x", said, {}).mask_key == SecretReference(env="OUR_KEY")
    assert held(merge_settings("x", said, {"MEDALLION_MASK_KEY": "b", "OUR_KEY": "a"})) == "b"
    with pytest.raises(ConfigurationError, match="mask_key: the variable OUR_KEY is not set"):
        look_up(settings_as_said("x", said, {}).mask_key, "mask_key")


def held(settings: Settings) -> str:
    assert isinstance(settings.mask_key, SecretStr)
    return settings.mask_key.get_secret_value()


def test_settings_do_not_show_what_they_hold() -> None:
    lake = {"kind": "s3", "root": "s3://shop", "access_key_id": {"env": "A"}}
    said = {"lake": lake | {"secret_access_key": {"env": "A"}}, "mask_key": {"env": "A"}}
    settings = settings_as_said("x", said, {"A": CANARY})
    shown = f"{settings}{settings!r}{settings.model_dump()}{settings.model_dump_json()}"
    assert CANARY not in shown
    assert settings.places.opening()["access_key_id"].get_secret_value() == CANARY


def test_only_a_laptop_masks_without_a_key_and_says_so() -> None:
    fixed = mask_key(Settings())
    assert fixed.warning is not None
    assert "MEDALLION_MASK_KEY" in fixed.warning
    assert fixed == mask_key(Settings(lake_root="/elsewhere"))  # type: ignore[call-arg]
    own = mask_key(Settings(mask_key=SecretStr(CANARY)))
    assert (own.key.get_secret_value(), own.warning) == (CANARY, None)
    assert CANARY not in repr(own)
    with pytest.raises(ConfigurationError, match="'dev' masks columns and has no key"):
        mask_key(Settings(environment="dev"))
