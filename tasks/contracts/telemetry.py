"""What traces and metrics tell of a run, before any library of theirs is loaded.

Belongs here: spans and figures as plain values. Does not belong here: making them of a record
(`tasks/run_telemetry.py`), and sending them (`blocks/telemetry_sink.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Attribute = str | int | float | bool


@dataclass(frozen=True)
class Span:
    """Something that took time; seconds count from the start of the run.

    `inside` is the place of the span around it in the list that it stands in.
    """

    name: str
    begins: float
    seconds: float
    inside: int | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Figure:
    """The value of a metric; its name, unit and description are the same for all attributes."""

    name: str
    unit: str
    description: str
    value: int | float
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
