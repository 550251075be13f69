"""What a flow begins with: a pipeline's specification, the environment's settings, and its lake.

Belongs here: finding these three. Does not belong here: what a run checks before it begins
(`run_opening.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from blocks.flow_settings import flow_settings
from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.spec import Spec
from tasks.specs import load_spec


@dataclass(frozen=True)
class OpenedPipeline:
    """A pipeline in an environment. What holds a lake is handed to tasks quoted."""

    spec: Spec
    settings: Settings
    lake: Lake


def open_pipeline(pipeline: str, environment: str | None, lake: str | None) -> OpenedPipeline:
    """Return a pipeline in an environment, or in the lake of folder `lake`.

    Raises ConfigurationError when there is no such pipeline or environment, or one is wrong.
    """
    spec = load_spec(pipeline)
    settings = flow_settings(environment, lake_root=lake)
    return OpenedPipeline(spec, settings, settings.lake())
