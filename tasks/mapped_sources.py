"""Source files of somebody else's layout: which of them make up the rows of which table.

Belongs here: names of files, from the `source` of a table. Does not belong here: files that are
named as tables (`source_files.py`), or reading any (`mapped_rows.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.contracts.errors import IngestError
from tasks.contracts.source_mapping import FIRST, MappedFormat, SourceMapping
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
    def first(self) -> Path:
        """The file by whose name the rows are known."""
        return self.files[0].paths[0]


def find_mapped(
    spec: Spec, base: Path, only: Collection[Path] | None = None
) -> Iterator[tuple[Table, MappedFiles]]:
    """Yield each table whose `source` finds its first file below `base`, with all its files.

    `only` leaves out what has none of these files. Raises IngestError where a joined file is
    missing: without it every row would lack what it tells.
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
        if only is not None and not set(found.paths) & set(only):
            continue
        if not found.files[0].paths:
            continue
        for file in found.files:
            if not file.paths:
                raise _missing(table, mapping, file, base, found.first)
        yield table, found


def _matching(base: Path, pattern: str) -> list[Path]:
    if not any(sign in pattern for sign in "*?["):
        return [base / pattern] if (base / pattern).is_file() else []
    found = [path for path in base.glob(pattern) if path.is_file()]
    return sorted(path for path in found if not path.name.startswith((".", "_")))


def _missing(
    table: Table, mapping: SourceMapping, file: MappedFile, base: Path, first: Path
) -> IngestError:
    wanted, _ = mapping.files[file.name]
    assert file.name != FIRST, "a table without its first file has no rows to lack anything"
    name = first.relative_to(base).as_posix()
    text = (
        f"{name}: table {table.bronze_name}: its rows are joined with those of {wanted} "
        f"({file.name}), which is not in {base}; put it there"
    )
    return IngestError(text, {name: text})
