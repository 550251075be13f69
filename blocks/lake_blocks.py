"""Prefect blocks that say where a lake is.

Belongs here: one block a kind of storage, holding its secrets. Does not belong here: the plain
settings that they share with the files (`lake_places.py`).
"""

from __future__ import annotations

from typing import Annotated, Self

from prefect.blocks.core import Block
from prefect_gcp import GcpCredentials
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, model_validator

from blocks.gcp_keys import key_text
from blocks.kept_schema import KeptSchema
from blocks.lake_places import (
    GcsPlaces,
    GcsRoots,
    LocalPlaces,
    LocalRoots,
    S3Places,
    S3Roots,
    check_key_pair,
)

DOCUMENTATION = HttpUrl("https://docs.prefect.io/v3/concepts/blocks")


class LocalLake(KeptSchema, LocalRoots, Block):
    """A lake in folders of one machine, or of a disk that all workers mount.

    Example:
        ```python
        from blocks import LocalLake

        LocalLake(root="/srv/lake", gold="/srv/marts").save("BLOCK_NAME", overwrite=True)

        lake = LocalLake.load("BLOCK_NAME")
        assert lake.layer_roots()["silver"] == "/srv/lake/silver"
        assert lake.layer_roots()["gold"] == "/srv/marts"
        ```
    """

    _block_type_name = "Medallion Local Lake"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    def places(self) -> LocalPlaces:
        """Return the block's content as plain settings."""
        return LocalPlaces(**_shared(self, LocalPlaces))


class GcsLake(KeptSchema, GcsRoots, Block):
    """A lake in buckets of Google Cloud Storage, one a layer if wanted.

    Example:
        ```python
        from blocks import GcsLake

        GcsLake(root="gs://shop-lake", gold="gs://shop-marts").save("BLOCK_NAME", overwrite=True)

        lake = GcsLake.load("BLOCK_NAME")
        assert lake.layer_roots()["silver"] == "gs://shop-lake/silver"
        assert lake.layer_roots()["gold"] == "gs://shop-marts"
        ```
    """

    _block_type_name = "Medallion GCS Lake"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    credentials: GcpCredentials | None = Field(
        None, description="Service account; Google's default credentials without one."
    )

    def places(self) -> GcsPlaces:
        """Return the block's content as plain settings, the key as a secret."""
        return GcsPlaces(**_shared(self, GcsPlaces), credentials=key_text(self.credentials))


class S3Lake(KeptSchema, S3Roots, Block):
    """A lake in buckets of S3, or of any store that speaks its protocol, one a layer if wanted.

    Example:
        ```python
        from blocks import S3Lake

        S3Lake(
            root="s3://shop-lake",
            gold="s3://shop-marts",
            region="eu-central-1",
            access_key_id="the id",
            secret_access_key="and its secret",
        ).save("BLOCK_NAME", overwrite=True)

        lake = S3Lake.load("BLOCK_NAME")
        assert lake.layer_roots()["silver"] == "s3://shop-lake/silver"
        assert lake.layer_roots()["gold"] == "s3://shop-marts"
        assert "secret" not in str(lake.secret_access_key)
        ```
    """

    _block_type_name = "Medallion S3 Lake"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    access_key_id: SecretStr | None = Field(
        None, description="Key id; what the machine itself is allowed to without one."
    )
    secret_access_key: SecretStr | None = Field(None, description="The key's secret.")

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        check_key_pair(self.access_key_id, self.secret_access_key)
        return self

    def places(self) -> S3Places:
        """Return the block's content as plain settings, the key as a secret."""
        return S3Places(
            **_shared(self, S3Places),
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
        )


# The kind tells the classes apart: without it Prefect reloads one as another.
AnyLake = Annotated[LocalLake | GcsLake | S3Lake, Field(discriminator="kind")]

_SECRETS = ("credentials", "access_key_id", "secret_access_key")


def _shared(block: Block, plain: type[LocalPlaces | GcsPlaces | S3Places]) -> dict[str, object]:
    return {name: getattr(block, name) for name in plain.model_fields if name not in _SECRETS}
