"""The flow that brings the Iceberg catalog to the release that the pointer names.

Belongs here: the parameters of such a call. Does not belong here: what is done (`tasks/`).
"""

from __future__ import annotations

from prefect import flow
from prefect.utilities.annotations import quote

from tasks.catalog_steps import bring_catalog_up
from tasks.contracts.errors import ConfigurationError
from tasks.iceberg_sync import Synced
from tasks.pipeline_opening import open_pipeline
from tasks.retrying import patient
from tasks.run_names import run_name


@flow(
    name="sync-catalog",
    flow_run_name=run_name("{pipeline} catalog"),
    persist_result=False,
)
def sync_catalog(pipeline: str, lake: str | None = None, environment: str | None = None) -> Synced:
    """Bring the Iceberg tables of a pipeline to the current release; a look, if they show it.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.

    Raises:
        ConfigurationError: the call or the environment is wrong, or it has no catalog.
        ReleaseError: nothing is published.
        CatalogError: the catalog did not do as it was asked; call again.
    """
    opened = open_pipeline(pipeline, environment, lake)
    settings, places = opened.settings, opened.lake
    if settings.catalog_of(places) is None:
        raise ConfigurationError(
            f"environment '{settings.environment}' shows nothing in a catalog (sync_catalog, "
            "catalog)"
        )
    act = patient(bring_catalog_up, settings)
    synced: Synced = act(pipeline, quote(places), quote(settings))  # type: ignore[call-overload]
    return synced
