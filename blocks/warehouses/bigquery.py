"""Google BigQuery as warehouse, or any server that speaks its REST protocol.

Belongs here: google-cloud-bigquery, and what its errors mean. Does not belong here: which
partitions are loaded, and which type a column has (`tasks/contracts/warehouse.py`).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import requests
from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from blocks.gcp_keys import as_credentials, key_text
from blocks.warehouse import WarehouseError, WarehouseUnavailableError
from blocks.warehouse_settings import BigQuerySettings
from blocks.warehouses.bigquery_schema import (
    division_of,
    kind_of,
    schema_of,
    types_of,
    without_zones,
)
from tasks.contracts.warehouse import DbtTarget, Event, LoadEvent, WarehouseTable

SCOPES = ["https://www.googleapis.com/auth/bigquery"]
_DBT_THREADS = 4
_KEY_VARIABLE = "DBT_ENV_SECRET_WAREHOUSE_KEY"  # dbt hides what variables of this kind hold
_PLAIN_KEYS = ("type", "project_id", "client_email", "token_uri")
_EVENTS = "_releases"
_HISTORY = (
    bigquery.SchemaField("load", "STRING"),
    bigquery.SchemaField("release", "INT64"),
    bigquery.SchemaField("run_id", "STRING"),
    bigquery.SchemaField("event", "STRING"),
    bigquery.SchemaField("recorded_ts", "TIMESTAMP"),
)
_FORMATS = {"DAY": "%Y%m%d", "MONTH": "%Y%m", None: ""}
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_NO_ANSWER = (RetryError, requests.RequestException, TransportError, ConnectionError, TimeoutError)
_PATIENCE_SECONDS = 60  # of one request; the environment's retries come on top
_AGAIN: Any = DEFAULT_RETRY.with_timeout(_PATIENCE_SECONDS)
_ADDRESS = re.compile(r"^(?:\d+ )?[A-Z]+ \S+?://\S+?: ")


class BigQuery:
    """The datasets `<prefix>_<pipeline>_<layer>` of one project."""

    def __init__(self, settings: BigQuerySettings, pipeline: str) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._client = _client(settings)
        self._datasets: set[str] = set()

    def where(self, layer: str, table: str) -> str:
        return f"{self._settings.project}.{self._dataset(layer)}.{table}"

    def events(self) -> Sequence[LoadEvent]:
        query = f"SELECT load, release, run_id, event, recorded_ts FROM `{self._history}`"  # noqa: S608
        with _reported("its history"):
            try:
                self._client.get_table(self._history, retry=_AGAIN)
            except NotFound:
                return []
            rows = list(self._ask(query))
        return [LoadEvent(*(row[name] for name in row.keys())) for row in rows]  # noqa: SIM118

    def record(self, load: str, release: int, run_id: str, event: Event) -> None:
        said: tuple[tuple[str, str, str | int], ...] = (
            ("load", "STRING", load),
            ("release", "INT64", release),
            ("run_id", "STRING", run_id),
            ("event", "STRING", event),
        )
        config = bigquery.QueryJobConfig(
            query_parameters=[bigquery.ScalarQueryParameter(*each) for each in said]
        )
        with _reported("its history"):
            self._make_dataset("control")
            self._client.create_table(
                bigquery.Table(self._history, schema=_HISTORY), exists_ok=True, retry=_AGAIN
            )
            self._ask(
                f"INSERT INTO `{self._history}` (load, release, run_id, event, recorded_ts) "  # noqa: S608
                "VALUES (@load, @release, @run_id, @event, CURRENT_TIMESTAMP())",
                config,
            )

    def is_as(self, table: WarehouseTable) -> bool:
        with _reported(table.label):
            try:
                found = self._client.get_table(self._of(table), retry=_AGAIN)
            except NotFound:
                return False
        kinds = {field.name: kind_of(field) for field in found.schema}
        division = found.time_partitioning
        parts = (division.field, division.type_) if division is not None else (None, None)
        wanted = (table.partition_column, table.grain)
        same = list(kinds.items()) == list(types_of(table).items()) and parts == wanted
        return same and (found.description or "") == table.note

    def create(self, table: WarehouseTable) -> None:
        made = bigquery.Table(self._of(table), schema=schema_of(table))
        made.time_partitioning = division_of(table)
        made.description = table.note or None
        with _reported(table.label):
            self._make_dataset(table.layer)
            self._client.delete_table(self._of(table), not_found_ok=True, retry=_AGAIN)
            self._client.create_table(made, retry=_AGAIN)

    def replace(self, table: WarehouseTable, partition: str | None, rows: Path) -> int:
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=schema_of(table),
            autodetect=False,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
        )
        config.time_partitioning = division_of(table)
        config.destination_table_description = table.note or None
        lists: Any = bigquery.ParquetOptions  # untyped
        config.parquet_options = lists.from_api_repr({"enableListInference": True})
        target = self._of(table) + (f"${partition}" if partition is not None else "")
        with _reported(table.label), rows.open("rb") as opened:
            job = self._client.load_table_from_file(
                opened,
                target,
                size=rows.stat().st_size,
                job_config=config,
                location=self._settings.location,
            )
            job.result(retry=_AGAIN)
        return int(job.output_rows or 0)

    def clear(self, table: WarehouseTable, partition: str) -> None:
        with _reported(table.label):
            self._client.delete_table(
                f"{self._of(table)}${partition}", not_found_ok=True, retry=_AGAIN
            )

    def counts(self, table: WarehouseTable) -> dict[str | None, int]:
        key = "CAST(NULL AS STRING)"
        if table.partition_column is not None:
            key = f"FORMAT_DATE('{_FORMATS[table.grain]}', `{table.partition_column}`)"
        query = f"SELECT {key} AS part, COUNT(*) AS held FROM `{self._of(table)}` GROUP BY part"  # noqa: S608
        with _reported(table.label):
            return {row["part"]: row["held"] for row in self._ask(query)}

    def rows(self, layer: str, tables: Sequence[str]) -> dict[str, int]:
        with _reported(layer):
            found = {n: self._client.get_table(self.where(layer, n), retry=_AGAIN) for n in tables}
        return {name: int(table.num_rows or 0) for name, table in found.items()}

    def promote(self, source: str, layer: str, tables: Mapping[str, str]) -> None:
        config = bigquery.CopyJobConfig(
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
            create_disposition=bigquery.CreateDisposition.CREATE_IF_NEEDED,
        )
        with _reported(layer):
            self._make_dataset(layer)
            jobs = [
                self._client.copy_table(
                    self.where(source, built),
                    self.where(layer, name),
                    job_config=config,
                    location=self._settings.location,
                    retry=_AGAIN,
                )
                for built, name in tables.items()
            ]
            for job in jobs:
                job.result(retry=_AGAIN)

    def fetch(self, layer: str, table: str, target: Path) -> None:
        with _reported(f"{layer}.{table}"):
            found = self._client.get_table(self.where(layer, table), retry=_AGAIN)
            rows = self._client.list_rows(found, retry=_AGAIN)
            fetched = rows.to_arrow(create_bqstorage_client=False)
        pq.write_table(fetched.cast(without_zones(fetched.schema)), target)

    def dbt_target(self, building: str) -> DbtTarget:
        layers = ("silver", "dims", "enriched", "gold")
        datasets = {layer: self._dataset(layer) for layer in layers}
        connection: dict[str, object] = {
            "type": "bigquery",
            "project": self._settings.project,
            "dataset": self._dataset(building),
            "location": self._settings.location,
            "threads": _DBT_THREADS,
            "job_retries": 2,
        }
        if self._settings.endpoint is not None:
            connection["api_endpoint"] = self._settings.endpoint
        key = key_text(as_credentials(self._settings.credentials, "warehouse.credentials"))
        if key is None:
            method = {"method": "oauth"}
            if self._settings.endpoint is not None:
                method = {"method": "oauth-secrets", "token": "none"}  # a stand-in asks for none
            return DbtTarget({**connection, **method}, datasets | {"gold": self._dataset(building)})
        held = json.loads(key.get_secret_value())
        profile = {name: held[name] for name in _PLAIN_KEYS if name in held}
        profile["private_key"] = f"{{{{ env_var('{_KEY_VARIABLE}') }}}}"
        return DbtTarget(
            {**connection, "method": "service-account-json", "keyfile_json": profile},
            datasets | {"gold": self._dataset(building)},
            {_KEY_VARIABLE: held["private_key"]},
        )

    def close(self) -> None:
        client: Any = self._client  # untyped
        client.close()

    @property
    def _history(self) -> str:
        return self.where("control", _EVENTS)

    def _ask(self, query: str, config: bigquery.QueryJobConfig | None = None) -> Any:
        place = self._settings.location
        job = self._client.query(query, config, location=place, retry=_AGAIN)
        return job.result(retry=_AGAIN)

    def _dataset(self, layer: str) -> str:
        return self._settings.dataset(self._pipeline, layer)

    def _of(self, table: WarehouseTable) -> str:
        return self.where(table.layer, table.name)

    def _make_dataset(self, layer: str) -> None:
        name = f"{self._settings.project}.{self._dataset(layer)}"
        if name not in self._datasets:
            wanted = bigquery.Dataset(name)
            wanted.location = self._settings.location
            self._client.create_dataset(wanted, exists_ok=True, retry=_AGAIN)
            self._datasets.add(name)


def _client(settings: BigQuerySettings) -> bigquery.Client:
    options: dict[str, Any] = {"project": settings.project, "location": settings.location}
    if settings.endpoint is not None:
        options["client_options"] = {"api_endpoint": settings.endpoint}
    held = as_credentials(settings.credentials, "warehouse.credentials")
    if held is not None:
        key: Any = held.get_credentials_from_service_account()
        return bigquery.Client(credentials=key.with_scopes(SCOPES), **options)
    if settings.endpoint is not None:  # a stand-in for Google's servers knows no accounts of theirs
        nobody: Any = AnonymousCredentials  # untyped
        return bigquery.Client(credentials=nobody(), **options)
    with _reported("its credentials"):
        return bigquery.Client(**options)


@contextlib.contextmanager
def _reported(what: str) -> Iterator[None]:
    """Turn the client's errors into ours, which name no address and quote no credential."""
    try:
        yield
    except GoogleAPICallError as error:
        told = f"{what}: the warehouse answered {error.code}: {_reason(error)}"
        if error.code in _TRANSIENT:
            raise WarehouseUnavailableError(told) from None
        raise WarehouseError(told) from None
    except _NO_ANSWER as error:
        told = f"{what}: the warehouse does not answer ({type(error).__name__})"
        raise WarehouseUnavailableError(told) from None
    except GoogleAuthError as error:
        told = f"{what}: the warehouse's credentials are refused ({type(error).__name__})"
        raise WarehouseError(told) from None


def _reason(error: GoogleAPICallError) -> str:
    listed = [each["message"] for each in error.errors if each.get("message")]
    return _ADDRESS.sub("", listed[0] if listed else str(error.message)).splitlines()[0]
