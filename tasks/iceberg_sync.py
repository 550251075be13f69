"""Bringing the Iceberg tables of a pipeline to the release that its pointer names.

Belongs here: going through the tables, planning each on what the catalog has and committing, again
where somebody else was first. Does not belong here: what a table lists (`iceberg_plan.py`), or the
catalog (`blocks/iceberg/`).

Each table moves in one commit that brings the tag `release-<n>` along; when all have it, the
namespace of the pipeline says so. A reader of several tables takes the tag that the namespace
names, and sees one release whatever goes on meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from blocks.lake import Lake
from blocks.settings import Settings
from blocks.store import Store
from blocks.stores.local import LocalStore
from tasks.contracts.errors import CatalogConflictError, CatalogError
from tasks.contracts.iceberg import (
    RELEASE_PROPERTY,
    RUN_PROPERTY,
    ListedFile,
    TableChange,
    TableState,
    WantedTable,
)
from tasks.contracts.release import Release
from tasks.iceberg_plan import (
    NAMESPACES,
    change_to,
    columns_of,
    is_text,
    second_name,
    settled_cut,
    show_again,
    shown_before,
    split_by_kind,
    tables_left,
    wanted_tables,
)
from tasks.iceberg_types import UnfitTypeError
from tasks.releases import read_current, read_release

if TYPE_CHECKING:
    from blocks.iceberg.data_files import Footer
    from blocks.iceberg.tables import IcebergTables, LoadedTable

Result = TypeVar("Result")
ATTEMPTS = 12
ROUNDS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_WORKERS = 4


@dataclass(frozen=True)
class Synced:
    """What a catalog shows after a sync: `tables` of `release`, of which `changed` were others.

    `left_out` says of tables that no Iceberg table can show why.
    """

    pipeline: str
    release: int
    tables: int
    changed: int
    seconds: float
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Progress:
    shown: set[tuple[str, str]] = field(default_factory=set)
    changed: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    is_behind: bool = False  # some tables show a newer release, and have no tag of this one


def sync(lake: Lake, settings: Settings, pipeline: str) -> Synced:
    """Bring the catalog to the pointer's release, and return what it shows.

    What it shows already costs a look. Raises ReleaseError without a release, CatalogError if the
    catalog does not do as it is asked; what was done by then stays, and the next sync goes on.
    """
    began = time.monotonic()
    for _ in range(ROUNDS):
        release = read_release(lake, pipeline)
        progress = _show(lake, settings, release)
        if read_current(lake, pipeline).release == release.release:
            return Synced(
                pipeline,
                release.release,
                len(progress.shown),
                progress.changed,
                time.monotonic() - began,
                progress.left_out,
            )
    raise CatalogConflictError(
        f"{pipeline}: releases were published all the time; sync again when it is quiet"
    )


def shown_release(lake: Lake, settings: Settings, pipeline: str) -> int | None:
    """Return the release that the catalog says it shows; raises CatalogError."""
    with open_tables(lake, settings, pipeline) as tables:
        return tables.shown()


def open_tables(
    lake: Lake, settings: Settings, pipeline: str, others: tuple[Store, ...] = ()
) -> contextlib.AbstractContextManager[IcebergTables]:
    """Open the tables of `pipeline` in the environment's catalog; raises CatalogError."""
    from blocks.iceberg.opening import iceberg_tables  # noqa: PLC0415 - it takes half a second

    catalog = settings.catalog_of(lake)
    if catalog is None:
        raise CatalogError(f"{pipeline}: environment '{settings.environment}' has no catalog")
    return iceberg_tables(catalog, lake, pipeline, others)


def _show(lake: Lake, settings: Settings, release: Release) -> _Progress:
    bronze, prefix = _bronze(lake, release)
    progress = _Progress()
    with open_tables(lake, settings, release.pipeline, (bronze,)) as tables:
        worker = _Worker(lake, tables, release, progress)
        wanted = wanted_tables(release, worker.roots(bronze), prefix)
        worker.prepare({table.namespace for table in wanted})
        # Threads wait for servers together; what is of this machine is one thread's work.
        with ThreadPoolExecutor(1 if tables.is_near else _WORKERS) as pool:
            for done in [pool.submit(worker.bring, table) for table in wanted]:
                done.result()
        for table in tables_left(tables.names(), progress.shown):
            if table.full_name not in progress.left_out:
                worker.empty(table)
        if not progress.is_behind:
            again(lambda: tables.say_shown(release.release, release.run_id))
    return progress


def _bronze(lake: Lake, release: Release) -> tuple[Store, str]:
    """Return the store and the prefix of the bronze that a release was made of."""
    if release.bronze_root is not None:
        return LocalStore(Path(release.bronze_root)), ""
    return lake.bronze, lake.bronze_prefix(release.pipeline)


class _Worker:
    """Brings tables to one release; safe among threads."""

    def __init__(
        self, lake: Lake, tables: IcebergTables, release: Release, progress: _Progress
    ) -> None:
        self._lake, self._tables, self._release = lake, tables, release
        self._progress = progress
        self._summary = {
            RELEASE_PROPERTY: str(release.release),
            RUN_PROPERTY: release.run_id,
        }

    def roots(self, bronze: Store) -> dict[str, str]:
        from blocks.iceberg.lake_files import location_of  # noqa: PLC0415

        stores = {"bronze": bronze, "silver": self._lake.silver, "gold": self._lake.gold}
        return {name: location_of(store, "").rstrip("/") for name, store in stores.items()}

    def prepare(self, namespaces: Collection[str]) -> None:
        again(lambda: self._tables.prepare([n for n in NAMESPACES if n in namespaces]))

    def bring(self, wanted: WantedTable) -> None:
        """Make a table show the files of the release; note why where no Iceberg table can."""
        from blocks.iceberg.data_files import FooterError  # noqa: PLC0415

        try:
            again(lambda: self._bring(wanted))
        except (UnfitTypeError, FooterError) as error:
            self._progress.left_out[wanted.full_name] = str(error)

    def empty(self, wanted: WantedTable) -> None:
        """Take the files out of a table that the release does not have; its history stays."""
        again(lambda: self._empty(wanted))

    def _bring(self, wanted: WantedTable) -> None:
        loaded = self._load(wanted)
        if loaded is not None and self._show_known(wanted, loaded):
            return
        if wanted.namespace != "bronze":
            self._replace(wanted, loaded)
            return
        read: dict[str, Footer] = {}
        for part in self._parts(wanted, loaded, read):
            own = loaded if part.name == wanted.name else self._load(part)
            if own is None or not self._show_known(part, own):
                self._replace(part, own, read)

    def _show_known(self, wanted: WantedTable, loaded: LoadedTable) -> bool:
        """Show a snapshot that lists the files already, if there is one."""
        number, state = self._release.release, loaded.state
        if state.newest > number and self._is_ahead(state.newest):
            self._progress.is_behind = True
            self._progress.shown.add((wanted.namespace, wanted.name))
            return True
        snapshot = shown_before(wanted, state)
        if snapshot is None:
            return False
        if snapshot != state.current or state.tags.get(number) != snapshot:
            change = show_again(wanted, state, snapshot, tag=number)
            self._tables.commit(loaded, change, {}, self._summary)
            self._progress.changed += snapshot != state.current
        self._progress.shown.add((wanted.namespace, wanted.name))
        return True

    def _parts(
        self, wanted: WantedTable, loaded: LoadedTable | None, read: dict[str, Footer]
    ) -> list[WantedTable]:
        """Part a bronze table by the kinds of its files; the footers of new ones go to `read`."""
        base = None if loaded is None else is_text(_columns_of_files(loaded.state))
        kinds: dict[str, bool] = {}
        if loaded is not None and base is not None:
            kinds |= dict.fromkeys(self._tables.listed(loaded), base)
            beside = self._load(replace(wanted, name=second_name(wanted.name, base_is_text=base)))
            if beside is not None:
                kinds |= dict.fromkeys(self._tables.listed(beside), not base)
        new = [file for file in wanted.files if file.location not in kinds]
        read |= self._tables.footers(new, wanted.cut.column if wanted.cut else None)
        kinds |= {location: is_text(footer.facts.columns) for location, footer in read.items()}
        return split_by_kind(wanted, kinds, base)

    def _replace(
        self,
        wanted: WantedTable,
        loaded: LoadedTable | None,
        read: Mapping[str, Footer] | None = None,
    ) -> None:
        """Register the files that are new, and take out those that left."""
        listed = self._tables.listed(loaded) if loaded is not None else {}
        new = [file for file in wanted.files if not _is_listed(file, listed)]
        keeps = len(new) < len(wanted.files)
        state = loaded.state if loaded is not None else None
        patterns = [wanted.pattern] if wanted.pattern and not new and state is None else []
        needed = [*new, *patterns]
        footers = {f.location: read[f.location] for f in needed if read and f.location in read}
        footers |= self._tables.footers([f for f in needed if f.location not in footers])
        facts = {location: footer.facts for location, footer in footers.items()}
        wanted = replace(wanted, cut=settled_cut(wanted, state, keeps, facts))
        columns = columns_of(wanted, state, keeps, facts)
        added = {file.location: footers[file.location] for file in new}
        number = self._release.release
        if loaded is None or state is None:
            change = TableChange(wanted, tag=number)
            self._tables.create(change, columns, self._location(wanted), added, self._summary)
        else:
            change = change_to(wanted, state, columns, tag=number)
            self._tables.commit(loaded, change, added, self._summary)
        self._progress.shown.add((wanted.namespace, wanted.name))
        self._progress.changed += 1

    def _empty(self, wanted: WantedTable) -> None:
        loaded = self._load(wanted)
        if loaded is None or loaded.state.newest >= self._release.release:
            return
        if loaded.state.contents.get(loaded.state.current or 0) != wanted.content:
            state = loaded.state
            change = change_to(wanted, state, state.schema.columns, tag=None)
            self._tables.commit(loaded, change, {}, self._summary)

    def _is_ahead(self, newest: int) -> bool:
        """Tell whether another sync has shown a newer release meanwhile, as it may.

        If there is none the table is of a lake that was begun anew, and its history of another.
        """
        return (read_current(self._lake, self._release.pipeline).release or 0) >= newest

    def _load(self, wanted: WantedTable) -> LoadedTable | None:
        loaded = self._tables.load(wanted.namespace, wanted.name, self._location(wanted))
        if loaded is None or loaded.state.newest <= self._release.release:
            return loaded
        if self._is_ahead(loaded.state.newest):
            return loaded
        self._tables.drop(wanted.namespace, wanted.name)
        return None

    def _location(self, wanted: WantedTable) -> str:
        return table_location(self._lake, self._release.pipeline, wanted.namespace, wanted.name)


def _is_listed(file: ListedFile, listed: Mapping[str, ListedFile]) -> bool:
    found = listed.get(file.location)
    return found is not None and (found.rows, found.bytes) == (file.rows, file.bytes)


def _columns_of_files(state: TableState) -> dict[str, pa.DataType]:
    """The columns of a table without the one that may be its partitions' alone, which is text."""
    cut = state.cut.column if state.cut is not None else None
    return {name: kind for name, kind in state.schema.columns.items() if name != cut}


def again(act: Callable[[], Result]) -> Result:
    """Do something until nobody else is first: each try begins by looking what there is."""
    attempts = Retrying(
        retry=retry_if_exception_type(CatalogConflictError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
        reraise=True,
    )
    return attempts(act)


def table_location(lake: Lake, pipeline: str, namespace: str, name: str) -> str:
    """Return where a table's metadata lies."""
    from blocks.iceberg.lake_files import location_of  # noqa: PLC0415

    return location_of(lake.control, lake.iceberg_prefix(pipeline, namespace, name))
