"""One snapshot in which some files leave a table and others come.

Belongs here: the commit that pyiceberg has no call for: exact files, both ways, in one snapshot,
with the manifests of many small commits merged. Does not belong here: which files.

pyiceberg looks for the manifests of files to be deleted by their partitions' columns, which it
cannot do for a month or for a column that only partitions have; here all manifests are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import CreateTableTransaction, StagedTable, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation
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


class ReplaceFiles(_OverwriteFiles):
    """Used as a context: it is staged in `transaction` at the end."""

    def __init__(self, transaction: Transaction, io: FileIO, summary: Mapping[str, str]) -> None:
        first = transaction.table_metadata.current_snapshot() is None
        super().__init__(
            operation=Operation.APPEND if first else Operation.OVERWRITE,
            transaction=transaction,
            io=io,
            snapshot_properties=dict(summary),
        )

    def _build_delete_files_partition_predicate(self) -> None:
        """Look for the files in all manifests."""

    def _build_manifest_evaluator(
        self,
        spec_id: int,  # noqa: ARG002 - pyiceberg's form
    ) -> Callable[[ManifestFile], bool]:
        return lambda manifest: True  # noqa: ARG005 - pyiceberg's form

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        merging = _ManifestMergeManager(
            target_size_bytes=_MANIFEST_BYTES,
            min_count_to_merge=_MANIFESTS,
            merge_enabled=True,
            snapshot_producer=self,
        )
        return merging.merge_manifests(manifests)
