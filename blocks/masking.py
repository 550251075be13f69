"""The key with which columns are masked.

Belongs here: finding it, and what stands in for it on a laptop. Does not belong here: masking.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from blocks.secrets import look_up
from blocks.settings import Settings
from tasks.contracts.errors import ConfigurationError

_LAPTOP_KEY = SecretStr("medallion: masks without a key of their own")


@dataclass(frozen=True)
class MaskKey:
    """A key; `warning` says what to tell people of it, if anything."""

    key: SecretStr
    warning: str | None = None


def mask_key(settings: Settings) -> MaskKey:
    """Return the environment's key; ask for it only where columns are masked.

    The environment `local` has a fixed one where none is given: whoever has this repository can
    guess masked values then, and the warning says so. Raises ConfigurationError elsewhere.
    """
    found = look_up(settings.mask_key, "mask_key")
    if found is not None:
        return MaskKey(found)
    if settings.environment != "local":
        raise ConfigurationError(
            f"environment '{settings.environment}' masks columns and has no key: set "
            "MEDALLION_MASK_KEY, or mask_key to {secret: NAME-OF-A-PREFECT-SECRET-BLOCK}"
        )
    return MaskKey(
        _LAPTOP_KEY,
        "columns are masked with a fixed key, from which anybody can guess the values; "
        "set MEDALLION_MASK_KEY to one of your own",
    )
