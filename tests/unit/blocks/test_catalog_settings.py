"""Settings of a catalog: what is refused, what is a secret, and which one shows a lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.catalog_settings import PostgresSettings, RestSettings, SqliteSettings
from blocks.settings import Settings, load_settings, settings_as_said
from tasks.contracts.errors import ConfigurationError


def said(**settings: Any) -> Settings:
    return settings_as_said("local", settings, {"PW": "canary"})


def test_a_lake_in_a_folder_has_its_catalog_in_it_unless_told_otherwise(tmp_path: Path) -> None:
    settings = said(lake_root=str(tmp_path))
    assert settings.catalog_of(settings.lake()) == SqliteSettings()
    assert said(lake_root=str(tmp_path), sync_catalog=False).catalog_of(settings.lake()) is None


def test_a_lake_in_buckets_has_none_unless_told() -> None:
    buckets = {"kind": "s3", "root": "s3://shop", "region": "eu-central-1"}
    settings = said(lake=buckets)
    assert settings.catalog_of(settings.lake()) is None
    rest = {"kind": "rest", "uri": "https://c.example/api"}
    assert isinstance(said(lake=buckets, catalog=rest).catalog_of(settings.lake()), RestSettings)


@pytest.mark.parametrize(
    ("catalog", "told"),
    [
        ({"kind": "hive"}, "catalog"),
        ({"kind": "rest"}, "catalog.uri"),
        ({"kind": "rest", "uri": "https://user:canary@c.example"}, "catalog.uri"),
        ({"kind": "rest", "uri": "https://c.example", "client_id": {"env": "PW"}}, "go together"),
        ({"kind": "postgres", "password": "canary"}, "catalog.password"),
        ({"kind": "postgres", "user": "a b"}, "catalog.user"),
        ({"kind": "sqlite", "database": "x.db?mode=ro"}, "catalog.database"),
    ],
)
def test_mistakes_are_named_and_no_value_is_quoted(catalog: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        said(catalog=catalog)
    assert "canary" not in str(refused.value)


def test_secrets_are_looked_up_when_the_catalog_is_opened() -> None:
    settings = said(catalog={"kind": "postgres", "password": {"env": "PW"}})
    assert isinstance(settings.catalog, PostgresSettings)
    assert settings.catalog.secrets() == {"password": "canary"}
    assert "canary" not in repr(settings)
    missing = said(catalog={"kind": "postgres", "password": {"env": "NOT_SET"}})
    assert missing.catalog is not None
    with pytest.raises(ConfigurationError, match=r"catalog\.password: the variable NOT_SET"):
        missing.catalog.secrets()


def test_a_token_stands_in_place_of_a_client() -> None:
    uri, token = "https://c.example/api", SecretStr("t")
    assert RestSettings(uri=uri, token=token).secrets() == {"token": "t"}
    with pytest.raises(ValueError, match="either client_id"):
        RestSettings(uri=uri, token=token, client_id=token, client_secret=token)


@pytest.mark.parametrize(("name", "kind"), [("local", None), ("dev", "postgres"), ("prod", "rest")])
def test_the_environments_that_ship(name: str, kind: str | None) -> None:
    settings = load_settings(name, variables={})
    assert settings.sync_catalog
    assert (settings.catalog.kind if settings.catalog else None) == kind
