"""Prefect blocks that say which Iceberg catalog an environment has.

Belongs here: one block a kind of catalog, holding its secrets. Does not belong here: the plain
settings that they share with the files (`catalog_settings.py`), and opening a catalog.
"""

from __future__ import annotations

from typing import Annotated, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, model_validator

from blocks.catalog_settings import (
    PostgresBase,
    PostgresSettings,
    RestBase,
    RestSettings,
    SqliteBase,
    SqliteSettings,
    check_client,
)
from blocks.kept_schema import KeptSchema
from blocks.lake_blocks import DOCUMENTATION


class SqliteCatalog(KeptSchema, SqliteBase, Block):
    """A SQLite file as Iceberg catalog: for one machine.

    Example:
        ```python
        from blocks import SqliteCatalog

        SqliteCatalog(database="/srv/lake/catalog.db").save("BLOCK_NAME", overwrite=True)

        catalog = SqliteCatalog.load("BLOCK_NAME")
        assert catalog.catalog().database == "/srv/lake/catalog.db"
        ```
    """

    _block_type_name = "Medallion SQLite Catalog"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    def catalog(self) -> SqliteSettings:
        """Return the block's content as plain settings."""
        return SqliteSettings(database=self.database)


class PostgresCatalog(KeptSchema, PostgresBase, Block):
    """A Postgres database as Iceberg catalog.

    Example:
        ```python
        from blocks import PostgresCatalog

        PostgresCatalog(host="db.example", user="medallion", password="the password").save(
            "BLOCK_NAME", overwrite=True
        )

        catalog = PostgresCatalog.load("BLOCK_NAME")
        assert catalog.catalog().host == "db.example"
        assert "the password" not in str(catalog)
        ```
    """

    _block_type_name = "Medallion Postgres Catalog"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    password: SecretStr | None = Field(
        None, description="The user's password; what the machine itself is allowed to without one."
    )

    def catalog(self) -> PostgresSettings:
        """Return the block's content as plain settings, the password as a secret."""
        shared = {name: getattr(self, name) for name in PostgresBase.model_fields}
        return PostgresSettings(**shared, password=self.password)


class RestCatalog(KeptSchema, RestBase, Block):
    """An Iceberg catalog that speaks the REST protocol, such as Apache Polaris.

    Example:
        ```python
        from blocks import RestCatalog

        RestCatalog(
            uri="https://polaris.example/api/catalog",
            warehouse="shop",
            client_id="the id",
            client_secret="and its secret",
            scope="PRINCIPAL_ROLE:ALL",
        ).save("BLOCK_NAME", overwrite=True)

        catalog = RestCatalog.load("BLOCK_NAME")
        assert catalog.catalog().warehouse == "shop"
        assert "and its secret" not in str(catalog)
        ```
    """

    _block_type_name = "Medallion REST Catalog"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    client_id: SecretStr | None = Field(None, description="Who asks OAuth2 for tokens.")
    client_secret: SecretStr | None = Field(None, description="The client's secret.")
    token: SecretStr | None = Field(None, description="A token, in place of a client.")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        check_client(self.client_id, self.client_secret, self.token)
        return self

    def catalog(self) -> RestSettings:
        """Return the block's content as plain settings, its secrets as such."""
        shared = {name: getattr(self, name) for name in RestBase.model_fields}
        return RestSettings(
            **shared,
            client_id=self.client_id,
            client_secret=self.client_secret,
            token=self.token,
        )


# The kind tells the classes apart: without it Prefect reloads one as another.
AnyCatalog = Annotated[SqliteCatalog | PostgresCatalog | RestCatalog, Field(discriminator="kind")]
