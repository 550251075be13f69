"""One snapshot in which some files leave a table and others come.

Belongs here: the commit that pyiceberg has no call for: exact files, both ways, in one snapshot,
with the manifests of many small commits merged. Does not belong here: which files.

pyiceberg looks for the manifests of files to be deleted by their partitions' columns, which it
cannot do for a month or for a column that only partitions have; here all manifests are looked at.
It also carries along for ever each manifest that only tells of deletions, and reads all of them
three times a commit: a table that is replaced daily would take longer to replace every day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestEntry, ManifestEntryStatus, ManifestFile
from pyiceberg.table import CreateTableTransaction, StagedTable, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Snapshot
from pyiceberg.table.update import TableUpdate
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _OverwriteFiles

_MANIFESTS = 20
_MANIFEST_BYTES = 8 << 20


class QuickTransaction(Transaction):
    """pyiceberg's, which copies all metadata whenever it is asked; this one once a change."""

    _of: tuple[TableUpdate, ...] | None = None
    _made: TableMetadata

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata with what is staged so far; to be read only."""
        if not self._updates:
            return self._table.metadata
        if self._of is not self._updates:
            self._made, self._of = super().table_metadata, self._updates
        return self._made


class QuickCreation(QuickTransaction, CreateTableTransaction):
    """The same of a table that its first commit creates."""

    @classmethod
    def of(cls, begun: CreateTableTransaction) -> QuickCreation:
        """Return one in the place of `begun`, in which nothing is staged yet."""
        staged = begun._table
        assert isinstance(staged, StagedTable)
        return cls(staged)


@dataclass(frozen=True)
class Listing:
    """A manifest with the entries of files that are in the table."""

    manifest: ManifestFile
    entries: tuple[ManifestEntry, ...]


def listings_of(snapshot: Snapshot | None, io: FileIO) -> list[Listing]:
    """Read the manifests of a snapshot that list files; others tell what it took out."""
    return [
        Listing(manifest, tuple(manifest.fetch_manifest_entry(io, discard_deleted=True)))
        for manifest in (snapshot.manifests(io) if snapshot is not None else ())
        if manifest.has_added_files() or manifest.has_existing_files()
    ]


class ReplaceFiles(_OverwriteFiles):
    """Used as a context: it is staged in `transaction` at the end.

    `listings` are those of the current snapshot; the files of `gone` are among them.
    """

    def __init__(
        self,
        transaction: Transaction,
        io: FileIO,
        summary: Mapping[str, str],
        listings: Sequence[Listing],
        gone: Sequence[DataFile],
    ) -> None:
        first = transaction.table_metadata.current_snapshot() is None
        super().__init__(
            operation=Operation.APPEND if first else Operation.OVERWRITE,
            transaction=transaction,
            io=io,
            snapshot_properties=dict(summary),
        )
        self._listings = listings
        for file in gone:
            self.delete_data_file(file)

    def _build_delete_files_partition_predicate(self) -> None:
        """Look for the files in all manifests."""

    def _deleted_entries(self) -> list[ManifestEntry]:
        gone = [e for listing in self._listings for e in listing.entries if self._goes(e)]
        return [self._told_again(entry, ManifestEntryStatus.DELETED) for entry in gone]

    def _existing_manifests(self) -> list[ManifestFile]:
        kept = []
        for listing in self._listings:
            stay = [entry for entry in listing.entries if not self._goes(entry)]
            if len(stay) == len(listing.entries):
                kept.append(listing.manifest)
            elif stay:
                spec = self.spec(listing.manifest.partition_spec_id)
                with self.new_manifest_writer(spec) as writer:
                    for entry in stay:
                        writer.add_entry(self._told_again(entry, ManifestEntryStatus.EXISTING))
                kept.append(writer.to_manifest_file())
        return kept

    def _goes(self, entry: ManifestEntry) -> bool:
        return entry.data_file in self._deleted_data_files

    def _told_again(self, entry: ManifestEntry, status: ManifestEntryStatus) -> ManifestEntry:
        deleted = status == ManifestEntryStatus.DELETED
        return ManifestEntry.from_args(
            status=status,
            snapshot_id=self.snapshot_id if deleted else entry.snapshot_id,
            sequence_number=entry.sequence_number,
            file_sequence_number=entry.file_sequence_number,
            data_file=entry.data_file,
        )

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        merging = _ManifestMergeManager(
            target_size_bytes=_MANIFEST_BYTES,
            min_count_to_merge=_MANIFESTS,
            merge_enabled=True,
            snapshot_producer=self,
        )
        return merging.merge_manifests(manifests)
