"""The command `sync`: what shows a release elsewhere is brought to the current one.

Belongs here: its options and what it prints. Does not belong here: syncing (`flows/catalog.py`,
`flows/sync.py`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from cli.flow_calls import absolute_text
from cli.options import Env, Json, LakeRoot, Pipeline
from cli.output import console, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.quick_imports import no_garbage
from tasks.specs import known_pipeline

if TYPE_CHECKING:
    from tasks.iceberg_sync import Synced
    from tasks.warehouse_load import WarehouseSummary


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(sync)


def sync(
    pipeline: Pipeline,
    lake: LakeRoot = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Bring the Iceberg catalog, and the warehouse if one is loaded, to the current release.

    Every run does so. This is for after a failure, and for a catalog that was set up later; what
    shows the release already is left alone.

    [dim]medallion sync ecommerce[/dim]
    """
    from blocks.settings import load_settings  # noqa: PLC0415

    known_pipeline(pipeline)
    settings = load_settings(env, lake_root=lake)
    catalog = settings.catalog_of(settings.lake()) is not None
    if not catalog and not settings.load_warehouse:
        raise ConfigurationError(
            f"environment '{settings.environment}' has neither a catalog nor a warehouse "
            "(sync_catalog, load_warehouse)"
        )
    shown, loaded = _flows(pipeline, absolute_text(lake), env, catalog, settings.load_warehouse)
    if as_json:
        print_json(
            {
                "pipeline": pipeline,
                "catalog": asdict(shown) if shown else None,
                "warehouse": asdict(loaded) if loaded else None,
            }
        )
        return
    if shown is not None:
        show_catalog(shown)
    if loaded is not None:
        show_warehouse(pipeline, loaded)


def show_warehouse(pipeline: str, loaded: WarehouseSummary) -> None:
    """Print what the warehouse shows."""
    from tasks.reports.human_figures import quantity  # noqa: PLC0415

    told = (
        f"{pipeline}: the warehouse shows release {loaded.release}, {quantity(loaded.rows, 'row')} "
        f"of {quantity(loaded.tables, 'table')} replaced"
    )
    gold = ", gold computed there" if loaded.gold == loaded.release else ""
    console().print(Text(told + gold), soft_wrap=True)


def show_catalog(synced: Synced) -> None:
    """Print what the catalog shows."""
    from tasks.reports.catalog_lines import left_out_lines  # noqa: PLC0415
    from tasks.reports.human_figures import duration, quantity  # noqa: PLC0415

    told = (
        f"{synced.pipeline}: {quantity(synced.tables, 'Iceberg table')} at release "
        f"{synced.release}, {synced.changed} of them changed, in {duration(synced.seconds)}"
    )
    for line in (told, *left_out_lines(synced.left_out)):
        console().print(Text(line), soft_wrap=True)


def _flows(
    pipeline: str, lake: str | None, env: str | None, catalog: bool, warehouse: bool
) -> tuple[Synced | None, WarehouseSummary | None]:
    from cli.prefect_api import PrefectApi  # noqa: PLC0415

    api = PrefectApi()
    api.start()
    shown: Synced | None = None
    loaded: WarehouseSummary | None = None
    call: dict[str, Any] = {"lake": lake, "environment": env}
    with no_garbage():
        from flows.catalog import sync_catalog  # noqa: PLC0415 - while the API starts
    with api.ready():
        if catalog:
            shown = sync_catalog(pipeline, **call)
        if warehouse:
            from flows.sync import sync_warehouse  # noqa: PLC0415

            loaded = sync_warehouse(pipeline, **call)
    return shown, loaded
