"""Sending lineage events: to a file, or to a server.

Belongs here: the transports of openlineage-python, opened by an environment's settings. Does not
belong here: the events (`tasks/lineage_events.py`), and what becomes of a failure to send one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from blocks.observability_settings import LineageSettings
from blocks.secrets import look_up

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent


class LineageSink(Protocol):
    """Takes events; raises whatever goes wrong."""

    def emit(self, event: RunEvent) -> Any: ...


def open_sink(settings: LineageSettings) -> LineageSink | None:
    """Return what takes the events of an environment, if anything does.

    Raises ConfigurationError where the key of a server is missing. No variable of openlineage's own
    is read: the environment says where events go.
    """
    if settings.kind == "none":
        return None
    # It takes a second or two to load, for which only those wait who want events.
    from openlineage.client.transport.file import FileConfig, FileTransport  # noqa: PLC0415
    from openlineage.client.transport.http import (  # noqa: PLC0415
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )

    if settings.kind == "file":
        path = Path(str(settings.path)).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileTransport(FileConfig(str(path), append=True))
    key = look_up(settings.api_key, "lineage.api_key")
    auth = ApiKeyTokenProvider({"apiKey": key.get_secret_value()}) if key else TokenProvider({})
    return HttpTransport(
        HttpConfig(
            url=str(settings.url),
            endpoint=settings.endpoint,
            timeout=settings.timeout_seconds,
            auth=auth,
            # A run waits for this: one more try, soon, and then it goes on without.
            retry={
                "total": 1,
                "backoff_factor": 0.1,
                "status_forcelist": [500, 502, 503, 504],
                "allowed_methods": ["POST"],
            },
        )
    )
