"""Where an environment tells of its runs: lineage events, and traces with metrics. Off by default.

Belongs here: the places and what opens them, as plain settings. Does not belong here: sending
(`lineage_sink.py`, `telemetry_sink.py`), and what is told (`tasks/lineage_events.py`,
`tasks/run_telemetry.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.secrets import HeldSecret

_PLAIN = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
# A URL without credentials or query: those would be secrets that end in logs.
Url = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[\w.~/-]*)?$", max_length=300)]
# Its length is not for the pattern to say: counted letters take 0.1 s and 25 MB to compile.
_LABEL = r"^[\w.:/-]+$"
Seconds = Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)]


class LineagePlace(BaseModel):
    """Where OpenLineage events go."""

    model_config = _PLAIN

    kind: Literal["none", "file", "http"] = Field(
        "none", description="Nowhere, to a file of JSON lines, or to a server by HTTP."
    )
    path: Annotated[str, Field(pattern=r"^[^\x00:?]+$")] | None = Field(
        None, description="Of the file; a relative one is meant from where the process starts."
    )
    url: Url | None = Field(None, description="Of the server, such as http://marquez:5000.")
    endpoint: Annotated[str, Field(pattern=r"^[\w./-]+$")] = Field(
        "api/v1/lineage", description="Where below the URL the server takes events."
    )
    timeout_seconds: Seconds = Field(5.0, description="How long to wait for the server.")
    namespace: Annotated[str, Field(pattern=_LABEL, max_length=200)] | None = Field(
        None, description="Of the jobs; `medallion-<environment>` if left out."
    )

    @model_validator(mode="after")
    def _place_of_its_kind(self) -> Self:
        needed = {"file": "path", "http": "url"}
        for kind, name in needed.items():
            if (getattr(self, name) is None) == (self.kind == kind):
                raise ValueError(
                    f"kind: {kind} needs {name}"
                    if self.kind == kind
                    else f"{name} is for kind: {kind}, and this is {self.kind}"
                )
        return self


class LineageSettings(LineagePlace):
    """Settings of lineage events."""

    api_key: HeldSecret | None = Field(None, description="Key that the server asks for.")

    @model_validator(mode="after")
    def _key_for_a_server(self) -> Self:
        if self.api_key is not None and self.kind != "http":
            raise ValueError("api_key is for kind: http")
        return self


class TelemetryPlace(BaseModel):
    """Where OpenTelemetry traces and metrics go."""

    model_config = _PLAIN

    kind: Literal["none", "otlp"] = Field(
        "none", description="Nowhere, or to a collector by OTLP over HTTP."
    )
    url: Url = Field("http://127.0.0.1:4318", description="Of the collector.")
    timeout_seconds: Seconds = Field(5.0, description="How long to wait for the collector.")
    service_name: Annotated[str, Field(pattern=_LABEL, max_length=100)] = Field(
        "medallion-flows", description="The name under which runs are shown."
    )
    header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = Field(
        "Authorization",
        description="Header that carries the key; as a bearer's in `Authorization`.",
    )


class TelemetrySettings(TelemetryPlace):
    """Settings of traces and metrics."""

    api_key: HeldSecret | None = Field(None, description="Key that the collector asks for.")
