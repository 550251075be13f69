"""The settings of a flow run: those of the environment's saved block on a worker.

Belongs here: choosing between the saved block and the file. Does not belong here: merging what
either says with variables and parameters (`settings.py`).
"""

from __future__ import annotations

from typing import Any, cast

from blocks.environment_files import block_name
from blocks.settings import Settings, environment_name, load_settings, merge_settings
from tasks.contracts.errors import ConfigurationError


def flow_settings(environment: str | None = None, **overrides: Any) -> Settings:
    """Return the settings of an environment for a flow run; `overrides` that are None do not count.

    A run of a deployment takes what `medallion blocks apply` saved, if it saved anything; any other
    run takes the file. Raises ConfigurationError.
    """
    from prefect.runtime import deployment  # noqa: PLC0415 - Prefect is slow

    name = environment_name(environment)
    said = _saved(name) if deployment.id is not None else None
    if said is None:
        return load_settings(name, **overrides)
    return merge_settings(name, said, overrides=overrides)


def _saved(name: str) -> dict[str, Any] | None:
    """What the saved block of environment `name` says, or None where there is none."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - Prefect is slow

    from blocks.platform_block import MedallionPlatform  # noqa: PLC0415

    try:
        platform = cast("MedallionPlatform", MedallionPlatform.load(block_name(name)))
    except ValueError as error:
        if isinstance(error.__cause__, ObjectNotFound):
            return None
        raise
    except RuntimeError:  # its cause quotes what the block holds
        block = f"{MedallionPlatform.get_block_type_slug()}/{block_name(name)}"
        raise ConfigurationError(
            f"the saved block {block} cannot be used; `medallion blocks apply {name}` makes it anew"
        ) from None
    return platform.decisions()
