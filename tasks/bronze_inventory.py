"""What bronze holds for a run: the files that the manifests list, verified.

Belongs here: finding the partitions that a run date sees, comparing manifests with files (rows,
sha256, schema) and describing each file's physical columns. Does not belong here: landing files
(`landing.py`) or deciding whether a problem stops a run (`gates.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from blocks.lake import Lake
from tasks.bronze_schema import required_columns, schema_problems, type_family
from tasks.bronze_tables import BronzeFile, BronzeTable, ExpiredFile, Problem
from tasks.contracts.manifest import (
    BATCH_FOLDER,
    CORRECTION_PREFIX,
    CORRECTS,
    MANIFEST_NAME,
    Manifest,
    ManifestFile,
)
from tasks.contracts.spec import Spec, Table
from tasks.feed_files import CLEARED, survey_lines
from tasks.mirror import CONNECTIONS, Mirror
from tasks.sql_text import quoted

__all__ = [
    "UNKNOWN_PARTITION",
    "BronzeFile",
    "BronzeTable",
    "Problem",
    "bronze_selects",
    "is_visible",
    "received_types",
    "resolve_listed",
    "take_inventory",
]

UNKNOWN_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class _Listed:
    """A file as a manifest lists it."""

    key: str
    entry: ManifestFile
    landed_here: bool
    bytes: int

    @property
    def corrects(self) -> bool:
        return self.landed_here and (self.entry.batch_id or "").startswith(CORRECTION_PREFIX)

    @property
    def expected_identity(self) -> str:
        """The identity that the file has if its manifest is right."""
        return _identity(self, self.entry.rows)


def take_inventory(
    lake: Lake,
    spec: Spec,
    table: Table,
    run_date: date,
    *,
    threads: int = 2,
    known: frozenset[str] = frozenset(),
    mirror: Mirror | None = None,
) -> BronzeTable:
    """Verify what the manifests of `table` list in the partitions that `run_date` sees.

    A file whose identity is `known`, because an earlier run verified and used it, is not verified
    again.
    Bronze in an object store needs a `mirror` of the lake, to which the files to be opened come.
    """
    mirror = mirror or Mirror(lake)
    prefix = f"{lake.bronze_prefix(spec.pipeline)}{table.bronze_name}/"
    problems: list[Problem] = []
    drift: list[str] = []
    expired: list[ExpiredFile] = []
    keys = {entry.key: entry.bytes for entry in lake.bronze.entries(prefix)}
    listed = _listed_files(lake, table, prefix, keys, run_date, problems, drift, expired)
    needed = (i.key for i in listed if i.corrects or i.expected_identity not in known)
    mirror.bring("bronze", needed)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        verified = list(pool.map(lambda item: _verified(mirror, spec, table, item, known), listed))
    files: list[BronzeFile] = []
    for item in verified:
        files.extend(item.files)
        problems.extend(item.problems)
        drift.extend(item.drift)
    if not keys and not table.may_be_empty:
        problems.append(
            Problem("min_rows", f"{table.bronze_name}: no partition in {lake.bronze.url(prefix)}")
        )
    unique_drift = tuple(dict.fromkeys(drift))
    columns = tuple(required_columns(spec, table.name).items())
    return BronzeTable(
        table.name, tuple(files), tuple(problems), unique_drift, columns, tuple(expired)
    )


def is_visible(table: Table, partition: str, run_date: date) -> bool:
    """Tell whether a run of `run_date` sees a partition folder (`ingest_dt=2024-01-14`).

    Rows whose partition is no date are always seen: they must reach quarantine, not be lost.
    """
    if table.partition.kind != "date":
        return True
    try:
        return date.fromisoformat(partition.partition("=")[2]) <= run_date
    except ValueError:
        return True


def _listed_files(
    lake: Lake,
    table: Table,
    prefix: str,
    sizes: Mapping[str, int],
    run_date: date,
    problems: list[Problem],
    drift: list[str],
    expired: list[ExpiredFile],
) -> list[_Listed]:
    present = set(sizes)
    folders = {key.rpartition("/")[0] for key in sizes if key.endswith((".parquet", ".jsonl"))}
    listed: dict[str, _Listed] = {}
    manifests = [key for key in sizes if key.endswith(f"/{MANIFEST_NAME}")]
    folders -= {key.rpartition("/")[0] for key in manifests}
    visible = [
        key
        for key in manifests
        if is_visible(table, key.rpartition("/")[0].removeprefix(prefix), run_date)
    ]
    if lake.bronze.local_path(prefix) is None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            contents = list(pool.map(lake.bronze.read, visible))
    else:
        contents = [lake.bronze.read(key) for key in visible]
    for key, content in zip(visible, contents, strict=True):
        folder = key.rpartition("/")[0]
        manifest = _manifest(lake, table, key, content, problems)
        if manifest is None:
            continue
        for entry in manifest.files:
            if entry.expired:
                left_out = _Listed(f"{folder}/{entry.path}", entry, True, entry.bytes or 0)
                expired.append(
                    ExpiredFile(left_out.expected_identity, entry.batch_id or "", entry.rows)
                )
                continue
            if entry.batch_id and f"{prefix}{BATCH_FOLDER}/{entry.batch_id}.json" not in present:
                drift.append(
                    f"{table.bronze_name}: batch {entry.batch_id} is not committed; left out"
                )
                continue
            if entry.cleared:
                key_of_file = f"{folder}/{entry.path}"
                listed[key_of_file] = _Listed(key_of_file, entry, True, entry.bytes or 0)
                continue
            found = resolve_listed(prefix, folder, entry.path, present)
            if found is None:
                problems.append(
                    Problem(
                        "files_present",
                        f"{table.bronze_name}: {lake.bronze.url(key)} lists {entry.path}, "
                        "which does not exist; restore the file or correct the manifest",
                    )
                )
                continue
            if found in listed:
                # It is read once; the counts of the manifests would say twice as many rows.
                problems.append(
                    Problem(
                        "manifest_rows",
                        f"{table.bronze_name}: {lake.bronze.url(key)} lists {entry.path}, which is "
                        "listed already; correct the manifest",
                    )
                )
                continue
            landed_here = manifest.columns is not None
            listed[found] = _Listed(found, entry, landed_here, sizes[found])
    for folder in sorted(folders):
        partition = folder.removeprefix(prefix)
        if is_visible(table, partition, run_date):
            drift.append(f"{table.bronze_name}: {partition} has files but no manifest; not read")
    return [listed[key] for key in sorted(listed)]


def resolve_listed(prefix: str, folder: str, path: str, present: set[str]) -> str | None:
    """Find a listed file: paths are relative to the bronze root, the table or the partition."""
    root = prefix[: -len(prefix.rstrip("/").rpartition("/")[2]) - 1]
    for key in (f"{root}{path}", f"{prefix}{path}", f"{folder}/{path}"):
        if key in present:
            return key
    by_name = f"{folder}/{path.rpartition('/')[2]}"
    return by_name if by_name in present else None


def _manifest(
    lake: Lake, table: Table, key: str, content: bytes, problems: list[Problem]
) -> Manifest | None:
    where = lake.bronze.url(key)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        problems.append(
            Problem("manifest", f"{table.bronze_name}: manifest {where}: {field}: {first['msg']}")
        )
        return None
    if manifest.table != table.bronze_name:
        text = f"{table.bronze_name}: manifest {where} is of table '{manifest.table}'"
        problems.append(Problem("manifest", text))
        return None
    total = sum(entry.rows for entry in manifest.files)
    if total != manifest.total_rows:
        problems.append(
            Problem(
                "manifest_rows",
                f"{table.bronze_name}: manifest {where} says total_rows {manifest.total_rows}, "
                f"its files add up to {total}",
            )
        )
    return manifest


def _verified(
    mirror: Mirror, spec: Spec, table: Table, listed: _Listed, known: frozenset[str]
) -> BronzeTable:
    url, path = mirror.lake.bronze.url(listed.key), mirror.path("bronze", listed.key)
    name = table.bronze_name
    identity = listed.expected_identity
    if identity in known:
        rows = listed.entry.rows
        file = BronzeFile(url, rows, listed.bytes, (), identity, path, *_flags(listed))
        return BronzeTable(table.name, (file,))
    if listed.entry.cleared:
        return BronzeTable(table.name, (), (Problem("files_present", f"{name}: {url} {CLEARED}"),))
    if table.feed is not None:
        return _verified_lines(table, listed, url, path)
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:200]
        message = f"{name}: {url} is no readable Parquet file ({reason}); land it again"
        return BronzeTable(table.name, (), (Problem("readable", message),))
    problems = []
    if metadata.num_rows != listed.entry.rows:
        problems.append(
            Problem(
                "manifest_rows",
                f"{name}: {url} has {metadata.num_rows} rows, its manifest says "
                f"{listed.entry.rows}; land the batch again or correct the manifest",
            )
        )
    if listed.entry.sha256 is not None:
        with Path(path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest != listed.entry.sha256:
            problems.append(
                Problem("sha256", f"{name}: the bytes of {url} are not those of its manifest")
            )
    expected = required_columns(spec, table.name)
    found = {field.name: type_family(field.type) for field in schema}
    may_be_text = listed.landed_here and table.landing == "rows"
    breaches = schema_problems(name, url, expected, found, may_be_text=may_be_text)
    problems.extend(Problem("schema", breach) for breach in breaches)
    drift = tuple(
        f"{name}: column '{column}' is not in the specification; ignored by silver"
        for column in found
        if column not in expected and not (listed.corrects and column == CORRECTS)
    )
    identity = _identity(listed, metadata.num_rows)
    types = tuple((column, found.get(column, "null")) for column in expected)
    rows = metadata.num_rows
    file = BronzeFile(url, rows, listed.bytes, types, identity, path, *_flags(listed))
    return BronzeTable(table.name, (file,), tuple(problems), drift)


def _flags(listed: _Listed) -> tuple[bool, tuple[str, ...], str | None]:
    if not listed.landed_here:
        return False, (), None
    return listed.corrects, listed.entry.hidden, listed.entry.masked_by


def _verified_lines(table: Table, listed: _Listed, url: str, path: str) -> BronzeTable:
    found, where = survey_lines(Path(path)), f"{table.bronze_name}: {url}"
    told = (found.lines, listed.bytes, (("longest_line", str(found.longest)),))
    file = BronzeFile(url, *told, _identity(listed, found.lines), path)
    breaches = found.breaches(where, listed.entry.rows, listed.entry.sha256)
    return BronzeTable(table.name, (file,), tuple(Problem(*breach) for breach in breaches))


def _identity(listed: _Listed, rows: int) -> str:
    content = listed.entry.sha256 or listed.entry.checksum or "-"
    return f"{listed.key}|{rows}|{listed.bytes}|{content}"


_SQL_TYPES = {
    "string": "varchar",
    "integer": "bigint",
    "float": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "strings": "varchar[]",
}


def bronze_selects(
    table: BronzeTable,
    expected: Mapping[str, str],
    *,
    numbered: bool = False,
    hiding: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> list[str]:
    """Return one query for each group of files with one schema, to be united by name.

    Each gives the specified columns as received, and `_file` and `_row`: where in bronze it lies,
    with the files as paths or, where `numbered`, as numbers, which are cheap to keep for each row.
    `hiding` is {`column=policy`: column and SQL} of what is hidden of files that landed without.
    """
    expected = {**expected, **dict(table.columns)}
    groups: dict[tuple[tuple[tuple[str, str], ...], frozenset[str]], list[str]] = {}
    for file in table.files:
        clear = frozenset(hiding) - frozenset(file.hidden)
        groups.setdefault((file.types, clear), []).append(file.path)
    if not groups:
        nulls = [f"cast(null as {_SQL_TYPES[kind]}) as {c}" for c, kind in expected.items()]
        nulls.append(f"cast(null as {'bigint' if numbered else 'varchar'}) as _file")
        nulls.append("cast(null as bigint) as _row")
        return [f"select {', '.join(nulls)} where false"]
    selects: list[str] = []
    before = 0
    for (types, clear), urls in groups.items():
        hidden = dict(hiding[flag] for flag in clear)
        columns = ", ".join(
            f"cast({hidden.get(column, column)} as "
            f"{_SQL_TYPES[expected[column] if family == 'null' else family]}) as {column}"
            for column, family in types
        )
        files = ", ".join(quoted(url) for url in urls)
        place = f"file_index + {before} as _file" if numbered else "filename as _file"
        selects.append(
            f"select {columns}, {place}, file_row_number as _row "  # noqa: S608 - quoted
            f"from read_parquet([{files}], hive_partitioning = false, filename = true, "
            "file_row_number = true)"
        )
        before += len(urls)
    return selects


def received_types(table: BronzeTable, expected: Mapping[str, str]) -> dict[str, str]:
    """Return what type each column has over all files: strings, where any file holds strings."""
    types = dict(expected)
    for file in table.files:
        for column, family in file.types:
            if family == "string":
                types[column] = "string"
    return types
