"""The settings of a flow run: those of the environment's saved block on a worker.

Belongs here: choosing between the artifact, the saved block and the file. Does not belong here:
merging what any of them says with variables and parameters (`settings.py`).
"""

from __future__ import annotations

from typing import Any

from blocks.environment_files import block_name
from blocks.settings import (
    Settings,
    artifact_place,
    environment_name,
    load_settings,
    merge_settings,
)
from tasks.contracts.errors import ConfigurationError


def flow_settings(environment: str | None = None, **overrides: Any) -> Settings:
    """Return the settings of an environment for a flow run; `overrides` that are None do not count.

    Where the process runs from a compiled artifact, that is what counts. Else a run of a deployment
    takes what `medallion blocks apply` saved, if it saved anything; any other run takes the file.
    Raises ConfigurationError.
    """
    from prefect.runtime import deployment  # noqa: PLC0415 - Prefect is slow

    name = environment_name(environment)
    said = _saved(name) if deployment.id is not None and artifact_place() is None else None
    if said is None:
        return load_settings(name, **overrides)
    return merge_settings(name, said, overrides=overrides)


def _saved(name: str) -> dict[str, Any] | None:
    """What the saved block of environment `name` says, or None where there is none."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - Prefect is slow
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    from blocks.platform_block import MedallionPlatform  # noqa: PLC0415

    slug, saved_as = MedallionPlatform.get_block_type_slug(), block_name(name)
    try:
        with get_client(sync_client=True) as client:
            document = client.read_block_document_by_name(saved_as, slug, include_secrets=True)
    except ObjectNotFound:
        return None
    try:
        return MedallionPlatform.model_validate(_without_types(document.data)).decisions()
    except Exception as error:  # whatever it is: its text quotes what the block holds
        raise ConfigurationError(
            f"the saved block {slug}/{saved_as} cannot be used ({type(error).__name__}); "
            f"`medallion blocks apply {name}` makes it anew"
        ) from None


def _without_types(data: Any) -> Any:
    """Leave out the types of nested blocks, which our kinds tell.

    For a type Prefect imports all installed collections, among them dbt with its seconds.
    """
    if not isinstance(data, dict):
        return data
    return {key: _without_types(item) for key, item in data.items() if key != "block_type_slug"}
