"""Credentials of the warehouse: what they are given to, and where they never stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.cloud.bigquery.retry import DEFAULT_RETRY
from pydantic import SecretStr

from blocks.settings import Settings
from blocks.warehouse import WarehouseUnavailableError
from blocks.warehouse_settings import BigQuerySettings
from blocks.warehouses.bigquery import BigQuery
from tasks.contracts.errors import ConfigurationError
from tasks.warehouse_gold import BUILDING, check_warehouse
from tests.integration.service_account import key_with
from tests.warehouse.stand_in import PROJECT

KEY = key_with("canary-id")  # of an account whose tokens nobody gives
PRIVATE = json.loads(KEY)["private_key"]


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> BigQuery:
    monkeypatch.setattr("blocks.warehouses.bigquery._AGAIN", DEFAULT_RETRY.with_timeout(0.1))
    settings = BigQuerySettings(
        project=PROJECT, endpoint="http://127.0.0.1:9", credentials=SecretStr(KEY)
    )
    return BigQuery(settings, "ecommerce")


def test_a_failure_quotes_neither_key_nor_address(warehouse: BigQuery) -> None:
    with pytest.raises(WarehouseUnavailableError) as caught:
        warehouse.events()
    told = f"{caught.value}{caught.value!r}"
    assert told.startswith("its history: the warehouse does not answer")
    assert "canary" not in told
    assert "127.0.0.1" not in told
    assert "PRIVATE" not in told


def test_dbts_profile_names_the_key_and_does_not_hold_it(warehouse: BigQuery) -> None:
    target = warehouse.dbt_target(BUILDING)
    assert target.connection["method"] == "service-account-json"
    (name,) = target.secrets
    assert name.startswith("DBT_ENV_SECRET_")  # what dbt keeps out of its logs
    assert target.secrets[name] == PRIVATE
    assert "PRIVATE" not in json.dumps(target.connection)
    assert "PRIVATE" not in repr(target)
    assert target.connection["keyfile_json"]["private_key"] == f"{{{{ env_var('{name}') }}}}"  # type: ignore[index]
    assert target.datasets["gold"] == "medallion_ecommerce_gold_building"
    assert target.datasets["enriched"] == "medallion_ecommerce_enriched"


def settings(**said: Any) -> Settings:
    return Settings(
        **{
            "warehouse": {"kind": "bigquery", "project": PROJECT},
            "load_warehouse": True,
            "gold_engine": "warehouse",
            **said,
        }
    )


def test_gold_that_cannot_be_computed_there_is_told_before_a_run_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_warehouse(settings())
    with pytest.raises(ConfigurationError, match="needs a warehouse of kind bigquery"):
        check_warehouse(settings(warehouse={"kind": "duckdb"}))
    with pytest.raises(ConfigurationError, match="needs load_warehouse"):
        check_warehouse(settings(load_warehouse=False))
    check_warehouse(settings(warehouse={"kind": "duckdb"}, gold_engine="duckdb"))

    def none(name: str) -> str:
        import importlib.metadata

        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", none)
    with pytest.raises(ConfigurationError, match="install the extra `bigquery`"):
        check_warehouse(settings())


def test_a_lake_on_disk_needs_no_google() -> None:
    """A laptop does not load Google's libraries for a warehouse that is a file."""
    import subprocess
    import sys

    code = (
        "import sys; from blocks.warehouses.opening import open_warehouse; "
        "from blocks.warehouse_settings import DuckDbSettings; "
        "open_warehouse(DuckDbSettings(database=':memory:'), 'shop').close(); "
        "sys.exit('google.cloud.bigquery' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
