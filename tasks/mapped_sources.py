"""Source files of somebody else's layout: which of them make up the rows of which table.

Belongs here: names of files, from the `source` of a table. Does not belong here: files that are
named as tables (`source_files.py`), or reading any (`mapped_rows.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.contracts.errors import IngestError
from tasks.contracts.source_mapping import MappedFormat, SourceMapping
from tasks.contracts.spec import Spec, Table


@dataclass(frozen=True)
class MappedFile:
    """The files that a mapping calls `name`: several where its path is a pattern."""

    name: str
    format: MappedFormat
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class MappedFiles:
    """All files that the rows of a table are made of, those of the first file first."""

    mapping: SourceMapping
    files: tuple[MappedFile, ...]

    @property
    def paths(self) -> list[Path]:
        return [path for file in self.files for path in file.paths]

    @property
    def has_rows(self) -> bool:
        """Whether the file is there whose rows become the table's."""
        return bool(self.files[0].paths)

    @property
    def is_complete(self) -> bool:
        return all(file.paths for file in self.files)

    @property
    def first(self) -> Path:
        """The file by whose name the rows are known."""
        return self.files[0].paths[0]


def find_mapped(
    spec: Spec, base: Path, only: Collection[Path] | None = None
) -> Iterator[tuple[Table, MappedFiles]]:
    """Yield each table whose `source` finds any of its files below `base`, with those it finds.

    `only` leaves out what has none of these files.
    """
    for table in spec.tables:
        mapping = table.source
        if mapping is None:
            continue
        found = MappedFiles(
            mapping,
            tuple(
                MappedFile(name, file_format, tuple(_matching(base, path)))
                for name, (path, file_format) in mapping.files.items()
            ),
        )
        if found.paths and (only is None or set(found.paths) & set(only)):
            yield table, found


def missing_files(table: Table, found: MappedFiles, base: Path) -> IngestError | None:
    """Say which file is missing of those that are joined with the first one, if that is there.

    Without it every row would lack what it tells.
    """
    if not found.has_rows:
        return None
    missing = next((file for file in found.files if not file.paths), None)
    if missing is None:
        return None
    wanted, _ = found.mapping.files[missing.name]
    name = found.first.relative_to(base).as_posix()
    text = (
        f"{name}: table {table.bronze_name}: its rows are joined with those of {wanted} "
        f"({missing.name}), which is not in {base}; put it there"
    )
    return IngestError(text, {name: text})


def _matching(base: Path, pattern: str) -> list[Path]:
    if not any(sign in pattern for sign in "*?["):
        return [base / pattern] if (base / pattern).is_file() else []
    found = [path for path in base.glob(pattern) if path.is_file()]
    return sorted(path for path in found if not path.name.startswith((".", "_")))
