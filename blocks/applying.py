"""Saving an environment's file as Prefect blocks, and telling what that changes.

Belongs here: making the blocks that a file describes, comparing them with those that are saved,
and saving those that differ. Does not belong here: reading the file (`environment_files.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from blocks.catalog_blocks import PostgresCatalog, RestCatalog, SqliteCatalog
from blocks.catalog_settings import PostgresBase, PostgresSettings, RestBase, RestSettings
from blocks.environment_files import DEPLOYMENTS_FOLDER, block_name, read_environment
from blocks.gcp_keys import as_credentials
from blocks.lake_blocks import GcsLake, LocalLake, S3Lake
from blocks.lake_places import GcsPlaces, LocalPlaces, S3Places
from blocks.observability_settings import LineageSettings, TelemetrySettings
from blocks.platform_block import MedallionPlatform
from blocks.secrets import look_up
from blocks.settings import EnvironmentDecisions, Settings, settings_as_said
from blocks.warehouse_blocks import BigQueryDatasets, DuckDbWarehouse
from blocks.warehouse_settings import BigQuerySettings

_LOOKED_UP = ("credentials", "access_key_id", "secret_access_key")


@dataclass(frozen=True)
class BlockChange:
    """What applying an environment does to one block; `fields` are the names of those that differ.

    Values are left out: any of them may be a secret.
    """

    block: str
    status: Literal["created", "changed", "unchanged"]
    fields: tuple[str, ...] = ()


def apply_environment(
    name: str,
    *,
    dry_run: bool = False,
    variables: Mapping[str, str] | None = None,
    folder: Path = DEPLOYMENTS_FOLDER,
) -> list[BlockChange]:
    """Save the blocks of environment `name` that differ from its file; with `dry_run` save none.

    References to secrets are looked up, so that the blocks hold what workers need. What variables
    of this process override is left out: it is not the environment's. Raises ConfigurationError
    when the file is wrong or a secret that it refers to is missing; nothing is saved then.
    """
    parts = _blocks_of(name, variables, folder)
    with get_client(sync_client=True) as client:
        changes = []
        for part in parts:
            if part is not None:
                changes.append(_apply(client, part, block_name(name), dry_run))
        return changes


def _blocks_of(
    name: str, variables: Mapping[str, str] | None, folder: Path
) -> tuple[Block | None, ...]:
    """Make the blocks, those that the last one, the platform, refers to before it."""
    said = read_environment(name, folder)
    settings = settings_as_said(name, said, variables)
    lake = _lake_block(settings)
    warehouse, catalog = _warehouse_block(settings), _catalog_block(settings)
    decided = {field: getattr(settings, field) for field in EnvironmentDecisions.model_fields}
    if "threads" not in said:
        decided["threads"] = None  # as many as the worker has, not this machine
    mask_key = look_up(settings.mask_key, "mask_key")
    platform = MedallionPlatform(
        **decided,
        lake=lake,
        warehouse=warehouse,
        catalog=catalog,
        mask_key=mask_key,
        lineage=_without_key(settings.lineage),
        lineage_api_key=look_up(settings.lineage.api_key, "lineage.api_key"),
        telemetry=_without_key(settings.telemetry),
        telemetry_api_key=look_up(settings.telemetry.api_key, "telemetry.api_key"),
    )
    return lake, warehouse, catalog, platform


def _without_key(place: LineageSettings | TelemetrySettings) -> dict[str, Any]:
    return place.model_dump(exclude={"api_key"})


def _lake_block(settings: Settings) -> LocalLake | GcsLake | S3Lake:
    places = settings.places
    roots = {field: value for field, value in places if field not in _LOOKED_UP}
    if isinstance(places, LocalPlaces):
        return LocalLake(**roots)
    if isinstance(places, S3Places):
        key = look_up(places.access_key_id, "lake.access_key_id")
        secret = look_up(places.secret_access_key, "lake.secret_access_key")
        return S3Lake(**roots, access_key_id=key, secret_access_key=secret)
    assert isinstance(places, GcsPlaces)
    return GcsLake(**roots, credentials=as_credentials(places.credentials, "lake.credentials"))


def _warehouse_block(settings: Settings) -> DuckDbWarehouse | BigQueryDatasets | None:
    warehouse = settings.warehouse
    if warehouse is None:
        return None
    plain = {field: value for field, value in warehouse if field not in _LOOKED_UP}
    if isinstance(warehouse, BigQuerySettings):
        key = as_credentials(warehouse.credentials, "warehouse.credentials")
        return BigQueryDatasets(**plain, credentials=key)
    return DuckDbWarehouse(**plain)


def _catalog_block(
    settings: Settings,
) -> SqliteCatalog | PostgresCatalog | RestCatalog | None:
    catalog = settings.catalog
    if catalog is None:
        return None
    held = {name: SecretStr(text) for name, text in catalog.secrets().items()}
    if isinstance(catalog, RestSettings):
        shared = {name: getattr(catalog, name) for name in RestBase.model_fields}
        return RestCatalog(**shared, **held)
    if isinstance(catalog, PostgresSettings):
        shared = {name: getattr(catalog, name) for name in PostgresBase.model_fields}
        return PostgresCatalog(**shared, **held)
    return SqliteCatalog(database=catalog.database)


def _apply(client: SyncPrefectClient, block: Block, name: str, dry_run: bool) -> BlockChange:
    slug = block.get_block_type_slug()
    told = f"{slug}/{name}"
    saved = _saved(client, slug, name)
    if saved is None:
        change = BlockChange(told, "created", tuple(sorted(type(block).model_fields)))
    else:
        differing = _differing(block, saved)
        change = BlockChange(told, "changed" if differing else "unchanged", differing)
    if dry_run or change.status == "unchanged":
        if saved is not None:
            block._block_document_id = saved.id  # the platform refers to it
            block._block_document_name = name
        return change
    block.save(name, overwrite=True)
    return change


def _saved(client: SyncPrefectClient, slug: str, name: str) -> BlockDocument | None:
    try:
        return client.read_block_document_by_name(name, slug, include_secrets=True)
    except ObjectNotFound:
        return None


def _differing(block: Block, saved: BlockDocument) -> tuple[str, ...]:
    """Names of the fields that `block` holds otherwise than the saved one."""
    now = block.model_dump(mode="json", context={"include_secrets": True})
    differing = []
    for field in type(block).model_fields:
        nested = getattr(block, field)
        reference = saved.block_document_references.get(field, {}).get("block_document", {})
        if isinstance(nested, Block) and nested._block_document_id is not None:
            same = reference.get("id") == str(nested._block_document_id)
        else:
            same = not reference and _plain(saved.data.get(field)) == _plain(now.get(field))
        if not same:
            differing.append(field)
    return tuple(sorted(differing))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        # Prefect adds the type to what is nested.
        return {key: _plain(item) for key, item in value.items() if key != "block_type_slug"}
    return list(value) if isinstance(value, tuple) else value
