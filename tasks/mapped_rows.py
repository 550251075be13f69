"""Rows of a table made of files of somebody else's layout, as its specification maps them.

Belongs here: reading the files, binding and running the mapping's expressions, and naming what is
wrong with either. Does not belong here: finding the files (`mapped_sources.py`), or landing the
rows, which is that of any other file (`landing_rows.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.contracts.errors import IngestError
from tasks.contracts.source_mapping import FIRST, SourceJoin, SourceMapping
from tasks.landing_sql import identifier, source_relation
from tasks.mapped_sources import MappedFile, MappedFiles
from tasks.source_columns import file_sha256, readable, received_columns
from tasks.source_faults import fault_of
from tasks.source_files import Compression, SourceFile, SourceFormat
from tasks.sql_text import quoted, read_parquet, select_of

_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_BATCH_ROWS = 100_000


def mapped_sha256(mapped: MappedFiles) -> str:
    """Return a hash of what the rows are made of: the files' contents, and the mapping."""
    digest = hashlib.sha256(mapped.mapping.model_dump_json().encode())
    for file in mapped.files:
        for path in file.paths:
            digest.update(f"{file.name} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def check_mapping(source: SourceFile, mapped: MappedFiles) -> None:
    """Raise IngestError where the files do not have what the mapping asks them for.

    Nothing is read of them but their columns.
    """
    with duckdb.connect() as engine, TemporaryDirectory(prefix="mapping-") as folder:
        for file in mapped.files:
            columns = _columns_of(source, file)
            if columns is None:
                columns = dict.fromkeys(_used_columns(mapped, file.name), "VARCHAR")
            target = Path(folder) / f"{file.name}.parquet"
            engine.execute(
                f"copy (select {_no_values(columns)} where false) "
                f"to {quoted(str(target))} (format parquet)"
            )
        _bound(engine, source, mapped.mapping, Path(folder))


@contextmanager
def mapped_relation(source: SourceFile, mapped: MappedFiles) -> Iterator[tuple[str, Path]]:
    """Give a relation of the mapped rows, all columns texts, and the folder that it lies in.

    Raises IngestError for a faulty file, for an expression that cannot be computed, and where a row
    of the first file would find several of a joined one.
    """
    with TemporaryDirectory(prefix="mapping-") as name:
        folder = Path(name)
        for file in mapped.files:
            _copy_of(source, file, folder / f"{file.name}.parquet")
        target = folder / "mapped.parquet"
        with duckdb.connect() as engine:
            query = _bound(engine, source, mapped.mapping, folder)
            for join in mapped.mapping.joins:
                _demand_one(engine, source, mapped, join)
            try:
                written = _write(engine, query, target)
                wanted = engine.table(FIRST).aggregate("count(*)").fetchone()
            except duckdb.Error as error:
                raise _fault(source, "source", error) from error
            if wanted is None or written != wanted[0]:
                raise IngestError(
                    f"{_place(source)}: source: {wanted} rows became {written}; each must become "
                    "one: leave aggregates of the whole out of the expressions"
                )
        yield read_parquet([str(target)]), folder


def _columns_of(source: SourceFile, file: MappedFile) -> dict[str, str] | None:
    """{column: DuckDB type} of the first file that has any; those of a pattern are one table."""
    for path in file.paths:
        if file.format == "parquet":
            with duckdb.connect() as engine, _named(source, path):
                found = engine.sql(select_of([str(path)]))
                return {n: str(t) for n, t in zip(found.columns, found.types, strict=True)}
        with _as_lines(source, file, path) as part:
            received = received_columns(part)
        if received is not None:
            return {column.name: "VARCHAR" for column in received}
    return None


def _used_columns(mapped: MappedFiles, name: str) -> list[str]:
    """What is asked of a file without any row, which does not tell its columns."""
    if name == FIRST:
        plain = [
            value for value in mapped.mapping.columns.values() if value and value.isidentifier()
        ]
        return list(dict.fromkeys([*plain, *(c for j in mapped.mapping.joins for c in j.by)]))
    join = next(join for join in mapped.mapping.joins if join.name == name)
    return list(join.by.values())


def _copy_of(source: SourceFile, file: MappedFile, target: Path) -> None:
    """Copy the rows of all files that a mapping calls by one name into one Parquet file."""
    parts: list[Path] = []
    for number, path in enumerate(file.paths):
        part = target.with_name(f".{target.stem}-{number}.parquet")
        with _as_lines(source, file, path) as lines, _named(source, path):
            if _copied(source, lines, part):
                parts.append(part)
    if parts:
        listed = ", ".join(quoted(str(part)) for part in parts)
        rows = f"from read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
    else:
        rows = f"select {_no_values(_columns_of(source, file) or {'_': 'VARCHAR'})} where false"
    with duckdb.connect() as engine, _named(source, target):
        engine.execute(f"copy ({rows}) to {quoted(str(target))} (format parquet)")


def _copied(source: SourceFile, lines: SourceFile, target: Path) -> bool:
    """Copy the rows of one file; JSON without any line has none."""
    names: list[str] = []
    if lines.format != "parquet":
        received = received_columns(lines)
        if received is None:
            return False
        names = [column.name for column in received]
    with readable(lines) as plain, duckdb.connect() as engine:
        relation = source_relation(plain, lines.format, names)
        try:
            engine.execute(f"copy (from {relation}) to {quoted(str(target))} (format parquet)")
        except duckdb.Error as error:
            if lines.format == "parquet":
                raise
            fault = fault_of(plain, lines.format, error)
            raise IngestError(f"{_place(source)}: {lines.name}: {fault}") from error
    return True


def _no_values(columns: Mapping[str, str]) -> str:
    return ", ".join(f"cast(null as {kind}) as {identifier(n)}" for n, kind in columns.items())


@contextmanager
def _as_lines(source: SourceFile, file: MappedFile, path: Path) -> Iterator[SourceFile]:
    """Give a file as one that landing can read: JSON documents become JSON lines."""
    compression = _COMPRESSIONS.get(path.suffix.lower())
    name = path.name
    if file.format != "json":
        kind: SourceFormat = file.format
        yield SourceFile(source.table, source.bronze, path, name, kind, compression)
        return
    with TemporaryDirectory(prefix="json-") as folder:
        lines = Path(folder) / "lines.jsonl"
        document = SourceFile(source.table, source.bronze, path, name, "jsonl", compression)
        with readable(document) as plain:
            try:
                _write_lines(plain, lines)
            except ValueError as error:  # no UTF-8, or no JSON
                raise IngestError(f"{_place(source)}: {name}: is no JSON ({error})") from error
        yield SourceFile(source.table, source.bronze, lines, name, "jsonl")


def _write_lines(document: Path, target: Path) -> None:
    """Write the rows of a JSON document, an array or one object, as lines; numbers as they stand.

    JSON lines under the name of a document are taken for what they are. Raises ValueError.
    """
    text = document.read_text(encoding="utf-8")
    parsed = partial(json.loads, parse_float=str, parse_int=str)
    try:
        rows = parsed(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
        rows = [parsed(line) for line in text.splitlines() if line.strip()]
    rows = rows if isinstance(rows, list) else [rows]
    strange = next((number for number, row in enumerate(rows, 1) if not isinstance(row, dict)), 0)
    if strange:
        raise ValueError(f"row {strange} is no object")
    with target.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _bound(
    engine: duckdb.DuckDBPyConnection, source: SourceFile, mapping: SourceMapping, folder: Path
) -> str:
    """Return the mapping's query over the Parquet files in `folder`, each expression bound.

    From here on the engine reaches no other file.
    """
    files = {name: folder / f"{name}.parquet" for name in mapping.files}
    for name, path in files.items():
        join = next((join for join in mapping.joins if join.name == name), None)
        engine.execute(f"create view {identifier('all ' + name)} as {select_of([str(path)])}")
        rows = identifier("all " + name)
        if join is None or join.aggregate is None:
            engine.execute(f"create view {identifier(name)} as from {rows}")
            continue
        keys = ", ".join(identifier(column) for column in join.by.values())
        sums = ", ".join(f"({sql}\n) as {alias}" for alias, sql in join.aggregate.items())
        place = f"source.joins.{name}.aggregate"
        for sql in join.aggregate.values():
            _one_expression(source, place, sql)
        try:
            engine.execute(
                f"create view {identifier(name)} as select {keys}, {sums} "  # noqa: S608
                f"from {rows} group by {keys}"
            )
        except duckdb.Error as error:
            raise _fault(source, place, error) from error
    listed = ", ".join(quoted(str(path)) for path in files.values())
    engine.execute(f"set allowed_paths = [{listed}]")
    engine.execute("set enable_external_access = false")
    joined = FIRST
    for number, join in enumerate(mapping.joins):
        pairs = [
            f"{_left(engine, mapping, left)} = {join.name}.{identifier(right)}"
            for left, right in join.by.items()
        ]
        joined += f" left join {join.name} on {' and '.join(pairs)}"
        query = f"select 1 from {joined}"  # noqa: S608
        _described(engine, source, f"source.joins[{number}].by", query)
    own = set(_names(engine, FIRST))
    values = {}
    for target, expression in mapping.columns.items():
        if expression is None:
            values[target] = "cast(null as varchar)"
            continue
        place = f"source.columns.{target}"
        sql = f"{FIRST}.{identifier(expression)}" if expression in own else f"({expression}\n)"
        if expression not in own:
            _one_expression(source, place, expression)
        values[target] = f"cast({sql} as varchar)"
        _described(engine, source, place, f"select {values[target]} from {joined}")  # noqa: S608
    select = ", ".join(f"{sql} as {target}" for target, sql in values.items())
    return f"select {select} from {joined}"  # noqa: S608 - names are checked, expressions bound


def _left(engine: duckdb.DuckDBPyConnection, mapping: SourceMapping, column: str) -> str:
    """A column of the first file, or `name.column` of one that is joined before."""
    name, dot, rest = column.partition(".")
    if column not in _names(engine, FIRST) and dot and name in mapping.files:
        return f"{name}.{identifier(rest)}"
    return f"{FIRST}.{identifier(column)}"


def _names(engine: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return list(engine.table(view).columns)


def _demand_one(
    engine: duckdb.DuckDBPyConnection, source: SourceFile, mapped: MappedFiles, join: SourceJoin
) -> None:
    """A row of the first file finds one row of a joined file, or none, so that it stays one."""
    if join.aggregate is not None:
        return
    keys = ", ".join(identifier(column) for column in join.by.values())
    given = " and ".join(f"{identifier(column)} is not null" for column in join.by.values())
    found = engine.execute(
        f"select count(*), {keys} from {join.name} where {given} "  # noqa: S608 - quoted
        f"group by {keys} having count(*) > 1 order by all desc limit 1"
    ).fetchone()
    if found is not None:
        path, _ = mapped.mapping.files[join.name]
        told = ", ".join(repr(value) for value in found[1:])
        raise IngestError(
            f"{_place(source)}: source.joins.{join.name}: {found[0]} rows of {path} have "
            f"{', '.join(join.by.values())} {told}; a row may find one only: aggregate them"
        )


def _one_expression(source: SourceFile, place: str, expression: str) -> None:
    """Raise IngestError where a text is more, or less, than one expression."""
    try:
        statements = duckdb.extract_statements(f"select ({expression}\n)")
    except duckdb.Error as error:
        raise _fault(source, place, error) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise IngestError(f"{_place(source)}: {place}: is no single SQL expression")


def _described(
    engine: duckdb.DuckDBPyConnection, source: SourceFile, place: str, query: str
) -> None:
    try:
        engine.execute(f"describe {query}")
    except duckdb.Error as error:
        raise _fault(source, place, error) from error


def _write(engine: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Write the rows of a query, and return how many there are."""
    reader, rows = engine.sql(query).to_arrow_reader(_BATCH_ROWS), 0
    with pq.ParquetWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]))
            rows += batch.num_rows
    return rows


@contextmanager
def _named(source: SourceFile, path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise IngestError(f"{_place(source)}: {path.name}: cannot be read ({reason})") from error


def _fault(source: SourceFile, place: str, error: duckdb.Error) -> IngestError:
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in told if not line.startswith(("LINE", "^"))]
    return IngestError(f"{_place(source)}: {place}: {' '.join(lines)}")


def _place(source: SourceFile) -> str:
    return f"{source.name}: table {source.bronze}"
