"""The JSON schema of a block class, made once.

Belongs here: what keeps a class's schema. Does not belong here: what is in it.

Prefect asks for the schema of a block dozens of times to save or load one document, and pydantic
makes it anew each time: for a block of blocks that takes seconds.
"""

from __future__ import annotations

import copy
from typing import Any


class KeptSchema:
    """Goes before `Block` among the bases of a block class."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the schema as pydantic does; callers may change what they get."""
        kept: dict[Any, dict[str, Any]] = cls.__dict__.get("_kept_schemas", {})
        asked = (args, tuple(sorted(options.items())))
        if asked not in kept:
            made = super().model_json_schema(*args, **options)  # type: ignore[misc]
            if not cls.__dict__.get("__pydantic_complete__"):
                return made  # type: ignore[no-any-return]
            kept[asked] = made
            type.__setattr__(cls, "_kept_schemas", kept)
        return copy.deepcopy(kept[asked])
