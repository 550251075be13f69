"""Finding the files that are to be landed, and telling which table and partition each belongs to.

Belongs here: names and folders of source files, nothing about what is in them. Does not belong
here: reading or landing them (`source_columns.py`, `landing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote

from tasks.bronze_inventory import UNKNOWN_PARTITION
from tasks.contracts.errors import IngestError
from tasks.contracts.names import did_you_mean
from tasks.contracts.spec import Spec, Table
from tasks.mapped_sources import MappedFiles, find_mapped, missing_files

SourceFormat = Literal["csv", "jsonl", "json", "parquet"]
Compression = Literal["gzip", "zstd"]

_FORMATS: dict[str, SourceFormat] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
# Other files (notes, checksums) are passed over; these hold rows that would be missed.
_UNREADABLE = (
    *(".json", ".tsv", ".xls", ".xlsx", ".avro", ".orc", ".arrow", ".feather"),
    *(".zip", ".bz2", ".xz", ".gz", ".zst"),
)
_READABLE = ".csv, .jsonl, .ndjson (each also .gz or .zst) and .parquet"
_READABLE_LINES = ".csv (also .gz or .zst)"


@dataclass(frozen=True)
class SourceFile:
    """A file to be landed. `name` is its path relative to the source, with `/`.

    `bronze` names the `table` as bronze does. `partition` is the value of the table's partition
    folder in the path, decoded, if there is one. `mapped` are the files that its rows are made of,
    where the table's `source` says so; `path` is the first of them.
    `feed_name` is `name` behind the folder of the source, by which the specification
    of JSON records tells files apart.
    """

    table: str
    bronze: str
    path: Path
    name: str
    format: SourceFormat
    compression: Compression | None = None
    partition: str | None = None
    mapped: MappedFiles | None = None
    feed_name: str = ""

    @property
    def bytes(self) -> int:
        """Bytes of all files that its rows are made of."""
        paths = [self.path] if self.mapped is None else self.mapped.paths
        return sum(path.stat().st_size for path in paths)


def find_sources(spec: Spec, source: Path, files: Sequence[str] | None = None) -> list[SourceFile]:
    """Return the data files at or below `source`, ordered by table (as in `spec`) and name.

    `files`, paths relative to the folder `source`, limits it to those; there may be none.

    Of JSON records the specification says which files are whose, and no others are taken. Else,
    where `spec` has one table, all are that table's. Else it is that of the nearest folder below
    `source` which is named as one; else of the file name (`orders.csv`, `orders-2024-01-14.jsonl`;
    the longest table name wins); else of the folder that the source itself lies in. Hidden files,
    and those whose name starts with `_`, are passed over. Raises IngestError for a file of no table
    or of a format that cannot be read, and when there is no file at all.
    """
    if not source.exists():
        raise IngestError(f"{source}: there is no such file or folder")
    single = source.is_file()
    base = source.parent if single else source
    if files is not None:
        paths = [
            path for path in (_below(source, name) for name in files) if _is_data(path, source)
        ]
    else:
        paths = [source] if single else [p for p in source.rglob("*") if _is_data(p, source)]
    limited = paths if single or files is not None else None
    mapped = list(find_mapped(spec, base, limited))
    if files is None:  # of files that arrive one by one the last one brings the rows
        for table, each in mapped:
            missing = missing_files(table, each, base)
            if missing is not None:
                raise missing
    found = [_mapped(table, each, base) for table, each in mapped if each.is_complete]
    claimed = {path for _, each in mapped for path in each.paths}
    for path in _others(spec, [p for p in paths if p not in claimed], base, alone=not mapped):
        relative = PurePosixPath(path.relative_to(base).as_posix())
        if any(table.feed is not None for table in spec.tables):
            found.append(file_of_feed(spec, path, relative, base.absolute()))
            continue
        kind = _format_of(relative, must_be_known=single)
        if kind is not None:
            found.append(_classified(spec, path, relative, base.absolute(), kind))
    if not found and files is None:
        only_lines = all(table.landing == "lines" for table in spec.tables)
        readable = _READABLE_LINES if only_lines else _READABLE
        raise IngestError(f"{source}: no file to land; files end in {readable}")
    order = {table.name: number for number, table in enumerate(spec.tables)}
    return sorted(found, key=lambda file: (order[file.table], file.name))


def file_of_feed(spec: Spec, path: Path, relative: PurePosixPath, base: Path) -> SourceFile:
    """Return a file of JSON records; raises IngestError where no feed of `spec` has it."""
    mapped = str(relative) if relative.parent.name else f"{base.name}/{relative}"
    for table in spec.tables:
        if table.feed is not None and table.feed.source_of(mapped) is not None:
            return SourceFile(
                table.name, table.bronze_name, path, str(relative), "json", feed_name=mapped
            )
    known = sorted(
        entry.files for table in spec.tables if table.feed for entry in table.feed.sources
    )
    raise IngestError(
        f"{relative}: is in no feed of {spec.pipeline}, which come as {', '.join(known)}; move the "
        "file there, or add it to the specification"
    )


def _mapped(table: Table, files: MappedFiles, base: Path) -> SourceFile:
    name = files.first.relative_to(base).as_posix()
    return SourceFile(table.name, table.bronze_name, files.first, name, "parquet", mapped=files)


def _others(spec: Spec, paths: list[Path], base: Path, *, alone: bool) -> list[Path]:
    """The files that land as they are.

    Beside mapped files these are named as tables: for anything else that lies there nobody asked.
    """
    if alone:
        return paths
    tables = [table.bronze_name for table in spec.tables]
    relative = {path: path.relative_to(base) for path in paths}
    return [
        path
        for path in paths
        if _table_of_name(path.name, tables) or set(relative[path].parts[:-1]) & set(tables)
    ]


def _below(source: Path, name: str) -> Path:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise IngestError(f"{name}: lies outside of {source}; name it relative to that folder")
    path = source / name
    if not path.is_file():
        raise IngestError(f"{name}: there is no such file in {source}")
    return path


def _is_data(path: Path, source: Path) -> bool:
    parts = path.relative_to(source).parts
    return path.is_file() and not any(part.startswith((".", "_")) for part in parts)


def _format_of(
    name: PurePosixPath, *, must_be_known: bool
) -> tuple[SourceFormat, Compression | None] | None:
    suffixes = [suffix.lower() for suffix in name.suffixes] or [""]
    compression = _COMPRESSIONS.get(suffixes[-1])
    kind = _FORMATS.get(suffixes[-2] if compression and len(suffixes) > 1 else suffixes[-1])
    if kind is not None and not (kind == "parquet" and compression):
        return kind, compression
    if must_be_known or suffixes[-1] in _UNREADABLE:
        raise IngestError(f"{name}: this format is not read; convert it to {_READABLE}")
    return None


def _classified(
    spec: Spec,
    path: Path,
    relative: PurePosixPath,
    base: Path,
    kind: tuple[SourceFormat, Compression | None],
) -> SourceFile:
    above = list(_folders_of_source(base))
    table = _table_of(spec, relative, above)
    file_format, compression = kind
    if table.landing == "lines" and file_format != "csv":
        raise IngestError(
            f"{relative}: table {table.bronze_name} is made of CSV lines; "
            f"convert the file to {_READABLE_LINES}"
        )
    column = table.partition.column
    values = _partition_values((*reversed(above), *relative.parts[:-1]), column)
    partition = values[-1] if values else None
    if table.partition.kind == "date" and partition not in (None, UNKNOWN_PARTITION):
        _checked_date(str(relative), column, str(partition))
    return SourceFile(
        table.name, table.bronze_name, path, str(relative), file_format, compression, partition
    )


def _table_of(spec: Spec, relative: PurePosixPath, above: list[str]) -> Table:
    if len(spec.tables) == 1:
        return spec.tables[0]
    by_name = {table.bronze_name: table for table in spec.tables}
    tables = list(by_name)
    name = (
        _first_table(reversed(relative.parts[:-1]), tables)
        or _table_of_name(relative.name, tables)
        or _first_table(above, tables)
    )
    if name is None:
        stem = relative.name.split(".")[0]
        wrong = next((p for p in relative.parts[:-1] if _looks_misspelt(p, tables)), stem)
        raise IngestError(
            f"{relative}: belongs to no table of {spec.pipeline}{did_you_mean(wrong, tables)}; "
            "name the file or a folder above it as the table"
        )
    return by_name[name]


def _looks_misspelt(wrong: str, tables: list[str]) -> bool:
    return "did you mean" in did_you_mean(wrong, tables)


def _folders_of_source(base: Path) -> Iterator[str]:
    """The name of the source's folder; of a partition folder, also those up to its table's."""
    for folder in (base, *base.parents):
        yield folder.name
        if "=" not in folder.name:
            return


def _first_table(folders: Iterator[str] | list[str], tables: list[str]) -> str | None:
    return next((folder for folder in folders if folder in tables), None)


def _table_of_name(name: str, tables: list[str]) -> str | None:
    fitting = [t for t in tables if name.startswith((f"{t}.", f"{t}-", f"{t}_"))]
    return max(fitting, key=len, default=None)


def _partition_values(folders: tuple[str, ...], column: str) -> list[str]:
    pairs = [folder.partition("=") for folder in folders]
    return [unquote(value) for key, sign, value in pairs if sign and key == column]


def _checked_date(name: str, column: str, value: str) -> None:
    try:
        valid = date.fromisoformat(value).isoformat() == value
    except ValueError:
        valid = False
    if not valid:
        raise IngestError(f"{name}: the folder '{column}={value}' is no date YYYY-MM-DD")
