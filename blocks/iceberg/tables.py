"""The Iceberg tables of one pipeline: their state, and commits to them.

Belongs here: loading, committing, expiring, and what is asked of the catalog. Does not belong here:
deciding on a change (`tasks/iceberg_plan.py`), opening the catalog (`opening.py`).

Every commit is planned on the state that was loaded: pyiceberg's own retries, which would repeat a
plan on another state, are off, and a conflict is the caller's to plan anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.update.snapshot import ManageSnapshots

from blocks.iceberg.changes import (
    back_to,
    change_columns,
    fields_of,
    forget,
    recut,
    spec_of,
    tag,
)
from blocks.iceberg.data_files import Footer, data_files, read_footers
from blocks.iceberg.errors import translated
from blocks.iceberg.lake_files import LakeFiles, withdraw
from blocks.iceberg.replacing import (
    Listing,
    QuickCreation,
    QuickTransaction,
    ReplaceFiles,
    listings_of,
)
from blocks.iceberg.states import release_of, state_of
from tasks.contracts.errors import CatalogError
from tasks.contracts.iceberg import (
    CONTENT_PROPERTY,
    RELEASE_PROPERTY,
    RUN_PROPERTY,
    ListedFile,
    TableChange,
    TableState,
)

_PROPERTIES = {
    TableProperties.COMMIT_NUM_RETRIES: "0",
    TableProperties.METADATA_DELETE_AFTER_COMMIT_ENABLED: "true",
    TableProperties.METADATA_PREVIOUS_VERSIONS_MAX: "20",
    "medallion.owner": "projection of a release; what else is written here is replaced",
}


@dataclass(frozen=True)
class LoadedTable:
    """A table as it was loaded; a commit to it fails if it is another one by then."""

    state: TableState
    table: Table

    @cached_property
    def listings(self) -> list[Listing]:
        """The files of the current snapshot, by the manifests that list them."""
        return listings_of(self.table.current_snapshot(), self.table.io)

    @property
    def files(self) -> list[DataFile]:
        """The files of the current snapshot."""
        return [entry.data_file for listing in self.listings for entry in listing.entries]


class IcebergTables:
    """The tables of `pipeline` in namespaces `<pipeline>.<layer>` of an open catalog.

    Methods raise CatalogError when the catalog does not do as it is asked, and those that change
    something CatalogConflictError when somebody else was first.
    """

    def __init__(
        self,
        catalog: Catalog,
        pipeline: str,
        files: LakeFiles,
        secrets: Sequence[str] = (),
        *,
        of_lake: bool = False,
    ) -> None:
        """`of_lake`: the catalog lies in the lake and shows nothing else."""
        self._catalog, self._pipeline, self._files = catalog, pipeline, files
        self._secrets, self._of_lake = tuple(secrets), of_lake

    @property
    def is_near(self) -> bool:
        """Whether the catalog and its metadata are files of this machine."""
        return self._of_lake and self._files.is_local

    def close(self) -> None:
        """Give connections back."""
        engine = getattr(self._catalog, "engine", None)
        if engine is not None:
            engine.dispose()
        self._catalog.close()
        withdraw(self._files.properties)

    def shown(self) -> int | None:
        """Return the release that the catalog says it shows, whole."""
        with self._asking():
            try:
                properties = self._catalog.load_namespace_properties((self._pipeline,))
            except NoSuchNamespaceError:
                return None
        number = properties.get(RELEASE_PROPERTY, "")
        return int(number) if number.isdigit() else None

    def say_shown(self, release: int, run_id: str) -> None:
        """Tell readers that every table has the tag of `release`."""
        updates = {RELEASE_PROPERTY: str(release), RUN_PROPERTY: run_id}
        with self._asking():
            self._catalog.update_namespace_properties((self._pipeline,), updates=updates)

    def prepare(self, namespaces: Collection[str]) -> None:
        """Create the namespaces that are missing."""
        with self._asking():
            for path in [(self._pipeline,), *((self._pipeline, name) for name in namespaces)]:
                self._catalog.create_namespace_if_not_exists(path)

    def names(self) -> list[tuple[str, str]]:
        """Return the tables that the catalog has: (layer, name)."""
        found = []
        with self._asking():
            try:
                layers = self._catalog.list_namespaces((self._pipeline,))
            except NoSuchNamespaceError:
                return []
            for layer in sorted({path[-1] for path in layers}):
                tables = self._catalog.list_tables((self._pipeline, layer))
                found += [(layer, identifier[-1]) for identifier in tables]
        return sorted(found)

    def load(self, namespace: str, name: str, location: str) -> LoadedTable | None:
        """Return the table whose metadata lies at `location`, or None if there is none.

        A lake that was moved or copied took a catalog along that names the old place: such a table
        is forgotten, to be made anew. Raises CatalogError where a shared catalog has the name for
        another lake.
        """
        with self._asking(name):
            try:
                table = self._catalog.load_table((self._pipeline, namespace, name))
            except NoSuchTableError:
                return None
            except FileNotFoundError:  # also what lies outside of the lake
                found = "a place that this lake does not have"
            else:
                found = table.location()
                if found.rstrip("/").endswith(_path(location)):
                    return LoadedTable(state_of(table), table)
        if not self._of_lake:
            raise CatalogError(
                f"{self._pipeline}: the Iceberg catalog has {namespace}.{name} at {found}, where "
                f"this lake's belongs at {location}: give each lake a catalog or a warehouse of "
                "its own, or drop the table"
            )
        self.drop(namespace, name)
        return None

    def listed(self, loaded: LoadedTable) -> dict[str, ListedFile]:
        """Return {location: file} of the current snapshot."""
        with self._asking(loaded.table.name()[-1]):
            return {
                found.file_path: ListedFile(
                    found.file_path, found.record_count, found.file_size_in_bytes
                )
                for found in loaded.files
            }

    def footers(
        self, files: Sequence[ListedFile], constant: str | None = None
    ) -> dict[str, Footer]:
        """Read the footers of `files` (see `read_footers`)."""
        return read_footers(self._files, files, constant)

    def create(
        self,
        change: TableChange,
        columns: Mapping[str, pa.DataType],
        location: str,
        footers: Mapping[str, Footer],
        summary: Mapping[str, str],
    ) -> None:
        """Create a table with its first snapshot, in one commit."""
        wanted = change.wanted
        schema = assign_fresh_schema_ids(Schema(*fields_of(columns)))
        with self._asking(wanted.name):
            begun = self._catalog.create_table_transaction(
                (self._pipeline, wanted.namespace, wanted.name),
                schema,
                location=location,
                partition_spec=spec_of(schema, wanted.cut),
                properties=_PROPERTIES,
            )
            transaction = QuickCreation.of(begun)
            mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
            transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})
            self._list_files(transaction, change, list(footers.values()), [], [], summary)
            transaction.commit_transaction()

    def commit(
        self,
        loaded: LoadedTable,
        change: TableChange,
        footers: Mapping[str, Footer],
        summary: Mapping[str, str],
    ) -> None:
        """Bring a table to `change.wanted` in one commit; `footers` are of the files to be added.

        Readers see the table as it was or as it is wanted, with the new schema, and the tag of the
        release comes with it.
        """
        wanted = change.wanted
        with self._asking(wanted.name):
            transaction = QuickTransaction(loaded.table)
            if change.show is not None:
                if change.columns.back_to is not None:
                    back_to(transaction, change.columns.back_to)
                ManageSnapshots(transaction).set_current_snapshot(change.show).commit()
                if change.tag is not None:
                    tag(transaction, change.tag, change.show)
            else:
                change_columns(transaction, change.columns)
                if change.recut:
                    recut(transaction, wanted.cut)
                stay = {file.location: file for file in wanted.files}
                gone = [
                    found
                    for found in loaded.files
                    if (file := stay.get(found.file_path)) is None
                    or (file.rows, file.bytes) != (found.record_count, found.file_size_in_bytes)
                ]
                added = list(footers.values())
                self._list_files(transaction, change, added, loaded.listings, gone, summary)
            transaction.commit_transaction()

    def expire(self, loaded: LoadedTable, retained: Collection[int]) -> bool:
        """Remove the tags of releases that are not `retained`, and the snapshots without a tag.

        The current snapshot stays. Tells whether there was anything to remove.
        """
        state = loaded.state
        tags = [number for number in state.tags if number not in retained]
        held = {state.current, *(s for n, s in state.tags.items() if n not in tags)}
        going = [s.snapshot_id for s in loaded.table.snapshots() if s.snapshot_id not in held]
        if not tags and not going:
            return False
        with self._asking(loaded.table.name()[-1]):
            transaction = loaded.table.transaction()
            forget(transaction, tags, going)
            transaction.commit_transaction()
        return True

    def drop(self, namespace: str, name: str) -> None:
        """Take a table out of the catalog; no file is deleted."""
        with self._asking(name):
            try:
                self._catalog.drop_table((self._pipeline, namespace, name))
            except NoSuchTableError:
                return

    def metadata_files(self, loaded: LoadedTable) -> set[str]:
        """Return the locations of all metadata that the table, as it is now, can need."""
        table = loaded.table
        found = {table.metadata_location, *(e.metadata_file for e in table.metadata.metadata_log)}
        with self._asking(table.name()[-1]):
            for snapshot in table.snapshots():
                found.add(snapshot.manifest_list)
                found |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
        return found

    def _list_files(
        self,
        transaction: Transaction,
        change: TableChange,
        added: Sequence[Footer],
        listings: Sequence[Listing],
        gone: Sequence[DataFile],
        summary: Mapping[str, str],
    ) -> None:
        metadata = transaction.table_metadata
        before = [snapshot.snapshot_id for snapshot in metadata.snapshots]
        tags = [n for name in metadata.refs if (n := release_of(name)) is not None]
        told = {**summary, CONTENT_PROPERTY: change.wanted.content}
        with ReplaceFiles(transaction, self._files, told, listings, gone) as replacing:
            entries = data_files(added, metadata.schema(), metadata.spec(), metadata.properties)
            for entry in entries:
                replacing.append_data_file(entry)
        if change.forget:
            forget(transaction, tags, before)
        if change.tag is not None:
            tag(transaction, change.tag, replacing.snapshot_id)

    def _asking(self, table: str | None = None) -> contextlib.AbstractContextManager[None]:
        what = f"{self._pipeline}: the Iceberg catalog" + (f", table {table}" if table else "")
        return translated(what, self._secrets)


def _path(location: str) -> str:
    """The path of a location: some catalogs write `file:/x` for `file:///x`."""
    return location.removeprefix("file://").rstrip("/")
