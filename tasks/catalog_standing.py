"""How far the Iceberg catalog is, beside what a lake has published.

Belongs here: asking the catalog, and what is said of one that does not answer. Does not belong
here: bringing it up to date (`iceberg_sync.py`), or printing (`cli/pipeline_status.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blocks.catalog_settings import SqliteSettings, sqlite_path
from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.errors import MedallionError


@dataclass(frozen=True)
class CatalogStanding:
    """The release that the catalog shows of a pipeline; `problem` says why nobody knows."""

    release: int | None = None
    lags: bool = False
    problem: str | None = None


def catalog_standings(
    lake: Lake, settings: Settings, published: Mapping[str, int]
) -> dict[str, CatalogStanding]:
    """Return where the environment's catalog stands, for pipelines with their current releases.

    Without a catalog there is nothing to say, and pyiceberg is not loaded. A catalog that does not
    answer is asked once. Nothing is made: a SQLite file that is not there shows nothing.
    """
    catalog = settings.catalog_of(lake)
    if catalog is None or not published:
        return {}
    try:
        if isinstance(catalog, SqliteSettings) and not sqlite_path(catalog, lake).exists():
            return dict.fromkeys(published, CatalogStanding(lags=True))
        from tasks.iceberg_sync import shown_release  # noqa: PLC0415 - pyiceberg takes half a second

        shown = {name: shown_release(lake, settings, name) for name in published}
    except (MedallionError, OSError) as error:
        return dict.fromkeys(published, CatalogStanding(problem=str(error).splitlines()[0]))
    return {
        name: CatalogStanding(release, lags=release is None or release < published[name])
        for name, release in shown.items()
    }
