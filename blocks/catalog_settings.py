"""Which Iceberg catalog an environment has, as plain settings.

Belongs here: the kinds of catalogs, where each is, and what opens it. Does not belong here: opening
one (`blocks/iceberg/opening.py`), and the Prefect blocks that hold these settings
(`catalog_blocks.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.secrets import HeldSecret, look_up
from tasks.contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from blocks.lake import Lake

SQLITE_NAME = "catalog.db"
_PLAIN = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
HttpAddress = Annotated[str, Field(pattern=r"^https?://[^/@?#\s]+(/[^@?#\s]*)?$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]


class SqliteBase(BaseModel):
    """A SQLite file as catalog: for one machine."""

    kind: Literal["sqlite"] = Field("sqlite", description="The kind of catalog.")
    database: Annotated[str, Field(pattern=r"^[^\x00?]+$")] | None = Field(
        None, description="File of the database; `catalog.db` in a local lake if left out."
    )


class PostgresBase(BaseModel):
    """A Postgres database as catalog."""

    kind: Literal["postgres"] = Field("postgres", description="The kind of catalog.")
    host: Annotated[str, Field(pattern=r"^[^\s@?#\x00]+$")] = Field(
        "localhost", description="Name or address of the server, or the folder of its socket."
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(5432, description="Port of the server.")
    database: Word = Field("iceberg", description="Name of the database.")
    user: Word = Field("medallion", description="Who connects.")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", title="SSL mode", description="How the connection is encrypted and checked."
    )
    name: Word = Field("medallion", description="Name of the catalog; a database may hold several.")


class RestBase(BaseModel):
    """A catalog that speaks Iceberg's REST protocol, such as Apache Polaris."""

    kind: Literal["rest"] = Field("rest", description="The kind of catalog.")
    uri: HttpAddress = Field(
        title="URI", description="Address of the catalog, without the part from /v1 on."
    )
    warehouse: Annotated[str, Field(pattern=r"^[^\s\x00]+$")] | None = Field(
        None, description="Name of the catalog or warehouse at this address."
    )
    token_uri: HttpAddress | None = Field(
        None,
        title="Token URI",
        description="Where OAuth2 gives tokens; the catalog's own address if left out.",
    )
    scope: Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e ]+$")] | None = Field(
        None, description="Scope of the tokens, such as PRINCIPAL_ROLE:ALL."
    )


class SqliteSettings(SqliteBase):
    """Settings of a SQLite catalog."""

    model_config = _PLAIN

    def secrets(self) -> dict[str, str]:
        """Return what opens the catalog: nothing."""
        return {}


class PostgresSettings(PostgresBase):
    """Settings of a Postgres catalog."""

    model_config = _PLAIN

    password: HeldSecret | None = Field(
        None, description="The user's password; what the machine itself is allowed to without one."
    )

    def secrets(self) -> dict[str, str]:
        """Return what opens the catalog: `password`, if there is one; raises as `look_up`."""
        return _said(password=look_up(self.password, "catalog.password"))


class RestSettings(RestBase):
    """Settings of a REST catalog."""

    model_config = _PLAIN

    client_id: HeldSecret | None = Field(None, description="Who asks OAuth2 for tokens.")
    client_secret: HeldSecret | None = Field(None, description="The client's secret.")
    token: HeldSecret | None = Field(None, description="A token, in place of a client.")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        check_client(self.client_id, self.client_secret, self.token)
        return self

    def secrets(self) -> dict[str, str]:
        """Return what opens the catalog: `client_id` and `client_secret`, `token`, or nothing.

        Raises as `look_up`.
        """
        return _said(
            client_id=look_up(self.client_id, "catalog.client_id"),
            client_secret=look_up(self.client_secret, "catalog.client_secret"),
            token=look_up(self.token, "catalog.token"),
        )


CatalogSettings = Annotated[
    SqliteSettings | PostgresSettings | RestSettings, Field(discriminator="kind")
]


def check_client(client_id: object, secret: object, token: object) -> None:
    """Raise ValueError where half of a client is given, or a token beside one."""
    if (client_id is None) != (secret is None):
        raise ValueError("client_id and client_secret go together")
    if token is not None and client_id is not None:
        raise ValueError("give either client_id and client_secret, or token")


def _said(**held: Any) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in held.items() if secret is not None}


def sqlite_path(settings: SqliteSettings, lake: Lake) -> Path:
    """Return the file of a SQLite catalog; raises ConfigurationError where none can be meant."""
    if settings.database is not None:
        return Path(settings.database).absolute()
    local = lake.control.local_path(SQLITE_NAME)
    if local is None:
        raise ConfigurationError(
            "catalog.database: a lake in buckets holds no SQLite file; name one, or use a catalog "
            "of kind postgres or rest"
        )
    return local
