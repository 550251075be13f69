"""Writing the records of one JSON file as lines of bronze, not yet in their place.

Belongs here: the stream from a file to staged files, in bounded memory. Does not belong here: what
a line is (`feed_lines.py`), final names, manifests and commits (`landing.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.contracts.spec import Table
from tasks.feed_lines import LineOrigin, bronze_line, folder_of
from tasks.json_files import JsonFile
from tasks.json_records import records_of
from tasks.source_files import SourceFile

_WAITING_CHARACTERS = 4 << 20
# Who reads a file holds up to 32 MiB of it, in each thread.
_FILE_BYTES = 4 << 20


@dataclass(frozen=True)
class WrittenRecords:
    """Files by partition folder, and the hash of the bytes that were read."""

    staged: dict[str, list[Path]]
    sha256: str


def write_records(
    folder: Path, table: Table, source: SourceFile, *, landed_on: date
) -> WrittenRecords:
    """Write each record of `source` as a line of files below the empty `folder`.

    Raises IngestError for a broken compression, OSError when the disk does not suffice.
    """
    assert table.feed is not None
    origin = origin_of(table, source, landed_on)
    file = JsonFile(source.path, source.name)
    staged = _StagedLines(folder)
    for number, record in enumerate(records_of(file.pieces(), table.feed.envelope), start=1):
        staged.add(folder_of(record, origin), bronze_line(record, number, origin))
    staged.write()
    return WrittenRecords(staged.paths, file.sha256)


def origin_of(table: Table, source: SourceFile, landed_on: date) -> LineOrigin:
    """Return what the lines of `source` say of where they come from."""
    assert table.feed is not None
    entry = table.feed.source_of(source.feed_name)
    constant = entry.constant if entry is not None else None
    return LineOrigin(source.name, landed_on, table.feed.split_by, constant)


class _StagedLines:
    """Lines on their way to files of a partition; files are open only while they are written."""

    def __init__(self, folder: Path) -> None:
        self.paths: dict[str, list[Path]] = {}
        self._folder = folder
        self._waiting: dict[str, list[str]] = {}
        self._characters = 0
        self._files = 0

    def add(self, partition: str, line: str) -> None:
        self._waiting.setdefault(partition, []).append(line)
        self._characters += len(line)
        if self._characters >= _WAITING_CHARACTERS:
            self.write()

    def write(self) -> None:
        for partition, lines in self._waiting.items():
            with self._path_of(partition).open("ab") as file:
                file.write(("\n".join(lines) + "\n").encode())
        self._waiting, self._characters = {}, 0

    def _path_of(self, partition: str) -> Path:
        """Return the partition's last file, or the next one where that is long."""
        paths = self.paths.setdefault(partition, [])
        if not paths or paths[-1].stat().st_size >= _FILE_BYTES:
            paths.append(self._folder / f"{self._files}.jsonl")
            self._files += 1
        return paths[-1]
