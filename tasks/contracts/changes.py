"""What of a published table differs from the release that a run builds on.

Belongs here: the description of a change. Does not belong here: finding or using one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class TableChange:
    """Which rows may differ: any (`whole`), else those of `dates`, in their old or new version."""

    whole: bool
    dates: frozenset[date]
