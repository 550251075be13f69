"""From an environment's settings to the Iceberg tables of one of its pipelines.

Belongs here: which of pyiceberg's catalogs a setting stands for, and with what. Does not belong
here: the settings (`blocks/catalog_settings.py`), and what is done with tables.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StagedTable
from pyiceberg.typedef import Identifier
from sqlalchemy import URL

from blocks.catalog_settings import PostgresSettings, RestSettings, SqliteSettings, sqlite_path
from blocks.iceberg.errors import translated
from blocks.iceberg.lake_files import LakeFiles, offer, withdraw
from blocks.iceberg.patient_rest import PATIENCE_SECONDS, PatientRest, oauth2
from blocks.iceberg.tables import IcebergTables
from blocks.lake import Lake
from blocks.store import Store

CATALOG_NAME = "medallion"


@contextlib.contextmanager
def iceberg_tables(
    settings: SqliteSettings | PostgresSettings | RestSettings,
    lake: Lake,
    pipeline: str,
    others: Sequence[Store] = (),
) -> Iterator[IcebergTables]:
    """Open the catalog, with the tables of `pipeline`; `others` are stores beside the lake's.

    Raises CatalogError when it does not answer, and ConfigurationError when a setting is missing.
    """
    secrets = settings.secrets()
    properties: dict[str, Any] = offer(lake, others)
    try:
        with translated(f"{pipeline}: the Iceberg catalog", tuple(secrets.values())):
            catalog = _catalog(settings, lake, secrets, properties)
    except BaseException:
        withdraw(properties)
        raise
    of_lake = isinstance(settings, SqliteSettings) and settings.database is None
    tables = IcebergTables(
        catalog, pipeline, LakeFiles(properties), tuple(secrets.values()), of_lake=of_lake
    )
    try:
        yield tables
    finally:
        tables.close()


def _catalog(
    settings: SqliteSettings | PostgresSettings | RestSettings,
    lake: Lake,
    secrets: dict[str, str],
    properties: dict[str, Any],
) -> Catalog:
    if isinstance(settings, RestSettings):
        return _rest(settings, secrets, properties)
    if isinstance(settings, PostgresSettings):
        address = URL.create(
            "postgresql+psycopg",
            username=settings.user,
            password=secrets.get("password"),
            host=settings.host,
            port=settings.port,
            database=settings.database,
            query={"sslmode": settings.sslmode, "connect_timeout": "10"},
        ).render_as_string(hide_password=False)
        return _NestingSql(settings.name, uri=address, **properties)
    path = sqlite_path(settings, lake)
    path.parent.mkdir(parents=True, exist_ok=True)
    address = URL.create(
        "sqlite", database=str(path), query={"timeout": str(PATIENCE_SECONDS)}
    ).render_as_string()
    return _NestingSql(CATALOG_NAME, uri=address, **properties)


def _rest(
    settings: RestSettings, secrets: dict[str, str], properties: dict[str, Any]
) -> RestCatalog:
    said: dict[str, Any] = {**properties, "uri": settings.uri.rstrip("/")}
    if settings.warehouse is not None:
        said["warehouse"] = settings.warehouse
    if "client_id" in secrets:
        own = f"{settings.uri.rstrip('/')}/v1/oauth/tokens"
        said["auth"] = oauth2(
            secrets["client_id"],
            secrets["client_secret"],
            settings.token_uri or own,
            settings.scope or "catalog",
        )
    elif "token" in secrets:
        said["token"] = secrets["token"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of tokens that are given
        return PatientRest(CATALOG_NAME, **said)


class _NestingSql(SqlCatalog):
    """pyiceberg's, which knows namespaces in namespaces everywhere but where a table is staged."""

    def _create_staged_table(
        self, identifier: str | Identifier, *arguments: Any, **options: Any
    ) -> StagedTable:
        *namespace, name = self.identifier_to_tuple(identifier)
        return super()._create_staged_table((".".join(namespace), name), *arguments, **options)


logging.getLogger("pyiceberg.io").setLevel(logging.ERROR)
