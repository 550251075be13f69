"""Tables as Prefect assets: their keys, their lineage, and the events that tell of them.

Belongs here: one asset a published table, and one a bronze table that files were landed in. Does
not belong here: what a table is made of (`lineage.py`). Events are emitted after the swap of the
pointer only: before it nobody can see a table.

A release makes all of its tables visible by one task, so that the asset contexts are made here, one
a table with its own upstream; a materializing task has one for all of its assets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect import task
from prefect.assets import Asset, AssetProperties
from prefect.cache_policies import NO_CACHE
from prefect.context import AssetContext
from prefect.states import Completed
from prefect.utilities.annotations import quote

from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import is_name
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Spec
from tasks.landing import LandedBatch
from tasks.lineage import descriptions, lineage

UNNAMED = "local"  # its keys do not say the environment
_NOT_IN_KEYS = re.compile(r"[^a-z0-9_-]")
_LAYERS = ("bronze", "seeds", "silver", "dims", "enriched", "gold")
_ENGINES = {"silver": "dbt", "dims": "dbt", "enriched": "polars", "gold": "dbt"}


@dataclass(frozen=True)
class Materialized:
    """A table that can be seen now, what it was made of, by what, and figures of it."""

    asset: Asset
    upstream: tuple[Asset, ...] = ()
    by: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def asset_key(pipeline: str, table: str, environment: str = UNNAMED) -> str:
    """Return the key of `table` (`layer.name`): `medallion://ecommerce/gold/fct_sales`.

    Where the environment is not `local` it is in the key (`medallion://ecommerce@prod/…`), since
    environments may share an API. Raises ConfigurationError when pipeline or table are no names.
    """
    layer, _, name = table.partition(".")
    if layer not in _LAYERS or not is_name(pipeline) or not is_name(name):
        raise ConfigurationError(f"no key of an asset can be made of {pipeline}, {table}")
    where = pipeline
    if environment != UNNAMED:
        where += f"@{_NOT_IN_KEYS.sub('-', environment.lower())}"
    return f"medallion://{where}/{layer}/{name}"


def published_assets(
    spec: Spec, environment: str, tables: Mapping[str, PublishedTable], figures: Mapping[str, Any]
) -> list[Materialized]:
    """Return an asset for each of `tables` that readers see, in the order of the layers.

    Its metadata are rows, bytes and number of files, and `figures`, which hold for all of them.
    """
    made_of, said = lineage(spec), descriptions(spec)
    shown = [name for name in made_of if name in tables]
    # Of an older specification, in a release that comes back.
    shown += sorted(n for n, t in tables.items() if n not in made_of and not t.internal)

    def asset(table: str) -> Asset:
        return _asset(spec.pipeline, table, environment, said.get(table))

    return [
        Materialized(
            asset(name),
            tuple(asset(each) for each in made_of.get(name, ())),
            _ENGINES.get(name.partition(".")[0]),
            {
                "rows": tables[name].rows,
                "bytes": tables[name].bytes,
                "files": len(tables[name].files),
                **figures,
            },
        )
        for name in shown
    ]


def landed_assets(
    spec: Spec, environment: str, batches: Iterable[LandedBatch]
) -> list[Materialized]:
    """Return the bronze tables that `batches` have added rows to."""
    said = descriptions(spec)
    by_table: dict[str, list[LandedBatch]] = {}
    for batch in batches:
        if not batch.already_landed:
            by_table.setdefault(f"bronze.{batch.table}", []).append(batch)
    return [
        Materialized(
            _asset(spec.pipeline, table, environment, said.get(table)),
            metadata={"files": len(landed), "rows": sum(batch.rows for batch in landed)},
        )
        for table, landed in by_table.items()
    ]


def tell_of_release(
    spec: Spec,
    environment: str,
    tables: Mapping[str, PublishedTable],
    *,
    release: int,
    **figures: Any,
) -> None:
    """Tell Prefect of the tables that `release`, which is published, makes visible."""
    assets = published_assets(spec, environment, tables, {"release": release, **figures})
    _tell_of_release(release, quote(assets))


@task(task_run_name="assets of release {release}", cache_policy=NO_CACHE, persist_result=False)
def _tell_of_release(release: int, assets: Sequence[Materialized]) -> None:  # noqa: ARG001 - its name
    tell_of(assets)


def tell_of(assets: Sequence[Materialized]) -> None:
    """Emit the events of `assets`, as Prefect does when a task has materialized one."""
    for each in assets:
        AssetContext(
            direct_asset_dependencies=set(each.upstream),
            downstream_assets={each.asset},
            materialized_by=each.by,
            materialization_metadata={each.asset.key: dict(each.metadata)},
        ).emit_events(Completed())


def _asset(pipeline: str, table: str, environment: str, description: str | None) -> Asset:
    properties = AssetProperties(name=table, description=description)
    return Asset(key=asset_key(pipeline, table, environment), properties=properties)
